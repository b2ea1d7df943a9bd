"""A small model hub on this machine, which speaks the protocol of https://huggingface.co/docs/hub/api and can misbehave.

    with HubServer() as hub:
        hub.add("org/tiny", {"config.json": b"{}", "model.safetensors": b"..."})
        run("models", "pull", "org/tiny", env={"HF_ENDPOINT": hub.url})
        assert hub.paths() == [...]

Files of more than ``LARGE`` bytes are LFS files, as on the hub: their hash is a SHA-256 and they are redirected to a path of
a content server. What goes wrong is asked for with ``hub.faults``.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

LARGE = 1000  # bytes


@dataclass(frozen=True)
class Request:
    method: str
    path: str  # unquoted, without the query
    headers: dict[str, str]

    @property
    def range(self) -> str | None:
        return self.headers.get("range")


@dataclass(frozen=True)
class Repository:
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)  # commit -> name -> content
    revisions: dict[str, str] = field(default_factory=dict)  # branch or tag -> commit


@dataclass
class Faults:
    """What goes wrong. Each is asked with the path of a request and says whether, or what, it does to it."""

    status: Callable[[str], tuple[int, dict[str, str]] | None] = lambda path: (
        None
    )  # answer this status with these headers
    body: Callable[[str], bytes | None] = lambda path: None  # answer 200 with this body
    cut: Callable[[str], int | None] = lambda path: None  # close the connection after so many bytes of the body
    stall: Callable[[str], int | None] = lambda path: None  # fall silent after so many bytes of the body
    hang: Callable[[str], bool] = lambda path: False  # never answer
    pause: Callable[[str], float] = lambda path: 0.0  # seconds before the answer
    listing: Callable[[dict[str, Any]], Any] = lambda about: about  # change what the hub says of a model
    ranges: bool = True  # False: ignore the header Range, as some servers do


def commit_of(files: dict[str, bytes]) -> str:
    return hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def git_hash(content: bytes) -> str:
    """The name that git gives to a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class HubServer:
    """A context manager: it serves from a thread of its own until it is left."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.requests: list[Request] = []
        self.faults = Faults()
        self.gated: set[str] = set()
        self.tokens: set[str] = set()  # those that open a gated or private model
        self.private: set[str] = set()
        self.n_bytes = 0  # of bodies of files that were sent
        self._stopping = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.hub = self
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.content_url = self.url  # where large files are: another host, on the hub itself

    def __enter__(self) -> HubServer:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()  # those who hang go home
        self._server.shutdown()
        self._server.server_close()

    def add(self, name: str, files: dict[str, bytes], *revisions: str) -> str:
        """Put a commit into a repository, to which ``revisions`` (main unless given) then point; return its hash."""
        commit = commit_of(files)
        repository = self.repositories.setdefault(name, Repository())
        repository.commits[commit] = dict(files)
        repository.revisions.update(dict.fromkeys(revisions or ("main",), commit))
        return commit

    def paths(self, method: str = "GET") -> list[str]:
        return [request.path for request in self.requests if request.method == method]

    def forget(self) -> None:
        """Empty the log and mend what goes wrong."""
        self.requests.clear()
        self.faults = Faults()
        self.n_bytes = 0

    def rest(self, seconds: float) -> None:
        """Wait, but not longer than the server lives."""
        self._stopping.wait(seconds)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    hub: HubServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: Any) -> None:
        """The log is ``HubServer.requests``."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        hub = self.server.hub
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        hub.requests.append(Request(self.command, path, headers))
        faults = hub.faults
        if faults.hang(path):
            hub.rest(600)
            self.close_connection = True
            return
        hub.rest(faults.pause(path))
        if (status := faults.status(path)) is not None:
            self._send(status[0], b"", status[1])
        elif (body := faults.body(path)) is not None:
            self._send(200, body, {"Content-Type": "text/html"})
        elif found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path):
            self._listing(found[1], found[2] or "main", blobs="blobs" in parse_qs(parts.query))
        elif found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/tree/([^/]+)", path):
            self._tree(found[1], found[2])
        elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/(.+)", path):
            self._resolve(found[1], found[2])
        elif found := re.fullmatch(r"/content/([0-9a-f]{64})", path):
            self._content(found[1])
        else:
            self._send(404, b"", {})

    def _opened(self, name: str, *, content: bool) -> Repository | None:
        """The repository, if the client may see it; else the refusal has been sent."""
        hub = self.server.hub
        allowed = self.headers.get("Authorization", "").removeprefix("Bearer ") in hub.tokens
        if name not in hub.repositories or (name in hub.private and not allowed):
            self._send(401, b'{"error":"Repository not found"}', {"X-Error-Code": "RepoNotFound"})
            return None
        if name in hub.gated and content and not allowed:
            self._send(403, b'{"error":"Access to model is restricted"}', {"X-Error-Code": "GatedRepo"})
            return None
        return hub.repositories[name]

    def _commit(self, name: str, revision: str, *, content: bool) -> tuple[str, dict[str, bytes]] | None:
        """The commit that a revision means and its files; None if the refusal has been sent."""
        repository = self._opened(name, content=content)
        if repository is None:
            return None
        commit = repository.revisions.get(revision, revision)
        if commit in repository.commits:
            return commit, repository.commits[commit]
        self._send(404, b'{"error":"Invalid rev id"}', {"X-Error-Code": "RevisionNotFound"})
        return None

    def _listing(self, name: str, revision: str, *, blobs: bool) -> None:
        found = self._commit(name, revision, content=False)
        if found is None:
            return
        commit, files = found
        siblings: list[dict[str, Any]] = [{"rfilename": file} for file in files]
        for entry in siblings if blobs else ():
            content = files[entry["rfilename"]]
            entry |= {"size": len(content), "blobId": git_hash(content)}
            if len(content) > LARGE:
                entry["lfs"] = {"sha256": sha256(content), "size": len(content), "pointerSize": 134}
        about = self.server.hub.faults.listing({"id": name, "sha": commit, "siblings": siblings})
        self._send(200, json.dumps(about).encode(), {"Content-Type": "application/json", "X-Repo-Commit": commit})

    def _tree(self, name: str, revision: str) -> None:
        """All files with their hashes, as ``huggingface_hub`` asks for them."""
        found = self._commit(name, revision, content=False)
        if found is None:
            return
        entries = []
        for file, content in found[1].items():
            entries.append({"type": "file", "path": file, "size": len(content), "oid": git_hash(content)})
            if len(content) > LARGE:
                entries[-1]["lfs"] = {"oid": sha256(content), "size": len(content), "pointerSize": 134}
        self._send(200, json.dumps(entries).encode(), {"Content-Type": "application/json"})

    def _resolve(self, name: str, rest: str) -> None:
        repository = self._opened(name, content=True)
        if repository is None:
            return
        for revision, commit in {**repository.revisions, **{commit: commit for commit in repository.commits}}.items():
            file = rest.removeprefix(f"{revision}/")
            content = repository.commits[commit].get(file)
            if file != rest and content is not None:
                break
        else:
            self._send(404, b"Entry not found", {"X-Error-Code": "EntryNotFound"})
            return
        headers = {"X-Repo-Commit": commit, "ETag": f'"{git_hash(content)}"'}
        if len(content) > LARGE:
            headers |= {"X-Linked-Etag": f'"{sha256(content)}"', "X-Linked-Size": str(len(content))}
            self._send(302, b"", {**headers, "Location": f"{self.server.hub.content_url}/content/{sha256(content)}"})
        else:
            self._body(content, headers)

    def _content(self, digest: str) -> None:
        commits = [
            files for repository in self.server.hub.repositories.values() for files in repository.commits.values()
        ]
        contents = {sha256(content): content for files in commits for content in files.values()}
        if digest in contents:
            self._body(contents[digest], {"ETag": f'"{digest}"'})
        else:
            self._send(404, b"", {})

    def _body(self, content: bytes, headers: dict[str, str]) -> None:
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")) if self.server.hub.faults.ranges else None
        start = int(found[1]) if found else 0
        if found and start >= len(content):
            self._send(416, b"", {"Content-Range": f"bytes */{len(content)}"})
        elif found:
            headers = {**headers, "Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
            self._send(206, content[start:], headers, is_file=True)
        else:
            self._send(200, content, {**headers, "Accept-Ranges": "bytes"}, is_file=True)

    def _send(self, status: int, body: bytes, headers: dict[str, str], *, is_file: bool = False) -> None:
        hub, path = self.server.hub, unquote(urlsplit(self.path).path)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        cut, stall = hub.faults.cut(path), hub.faults.stall(path)
        end = next((at for at in (cut, stall) if at is not None and at < len(body)), None)
        with contextlib.suppress(ConnectionError):
            self.wfile.write(body[:end])
            self.wfile.flush()
        if is_file:
            hub.n_bytes += len(body[:end])
        if end is not None:
            if stall is not None:
                hub.rest(600)
            self.close_connection = True
            with contextlib.suppress(OSError):
                time.sleep(0.05)  # let what was sent arrive: the reset that follows would overtake it
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
