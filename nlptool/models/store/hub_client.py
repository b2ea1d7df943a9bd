"""The hub's protocol as far as a download needs it: https://huggingface.co/docs/hub/api.

HTTP client, endpoint, token and timeouts are those of ``huggingface_hub`` (HF_ENDPOINT, HF_TOKEN, HF_HUB_DOWNLOAD_TIMEOUT,
proxies). The downloads are our own: that library tries five times, begins an interrupted file anew, and does not compare
what came with its hash. Every failure of the hub is a ``ModelError``; an ``OSError`` is one of the disk.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from nlptool import __version__
from nlptool.errors import ModelError

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
"""The library reads it at its import, and reports to its makers unless told not to."""

CONNECT = 3.0  # seconds
LONGEST_LISTING = 60.0  # seconds
LARGEST_LISTING = 64_000_000  # bytes; one with 100,000 files has half of it
COMMIT = re.compile(r"[0-9a-f]{40}")
HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class File:
    """A file of a repository."""

    name: str  # with / between folders
    size: int  # bytes
    hash: str  # SHA-256 (64 digits) or git's SHA-1 of a blob (40 digits)


class Client:
    """Asks the hub about one revision of a repository: one try, and an end when nothing has come for 10 s."""

    def __init__(self, repository: str, revision: str) -> None:
        """
        Raises:
            ModelError: no connection can be made with the settings of the environment.
        """
        self.repository = repository
        self.revision = revision
        try:
            from huggingface_hub import constants, get_token

            # Not its build_hf_headers: that one looks through the environment and asks the hub for a list of programs.
            headers = {"User-Agent": f"nlptool/{__version__}"}
            if (token := None if constants.HF_HUB_DISABLE_IMPLICIT_TOKEN else get_token()) is not None:
                headers["Authorization"] = f"Bearer {token}"
                token.encode("ascii")  # a header holds nothing else
            # The library's own HTTP client: httpx2 since huggingface_hub 2.
            self._httpx: Any = importlib.import_module("httpx2" if importlib.util.find_spec("httpx2") else "httpx")
            silence = max(1, constants.HF_HUB_DOWNLOAD_TIMEOUT)  # seconds
            self.endpoint = constants.ENDPOINT
            self._session: Any = self._httpx.Client(
                follow_redirects=True,
                timeout=self._httpx.Timeout(silence, connect=CONNECT),
                headers={**headers, "Accept-Encoding": "identity"},  # a compressed file could not be gone on with
            )
        # A token, an address, a number, a proxy, a certificate: the libraries have many errors for them.
        except Exception as error:
            raise ModelError(
                f"no connection to the hub can be set up: {error}",
                hint="one of HF_ENDPOINT, HF_TOKEN, HF_HUB_*, SSL_CERT_* or *_PROXY cannot be used as it is",
            ) from error

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def listing(self) -> tuple[str, list[File]]:
        """Return the commit that the revision means, and the repository's files in it.

        Raises:
            ModelError: there is no such model or revision, or the answer is none of a hub.
        """
        until = time.monotonic() + LONGEST_LISTING
        answer = bytearray()
        with self._get(f"api/models/{self.repository}/revision/{quote(self.revision, safe='')}?blobs=true") as response:
            for chunk in response.iter_bytes():
                answer += chunk
                if len(answer) > LARGEST_LISTING or time.monotonic() > until:
                    raise self._garbage("its list of the model's files has no end")
        try:
            about = json.loads(answer)
            found = str(about["sha"])
            files = [_file(entry) for entry in about["siblings"]]
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise self._garbage("its answer is no description of a model") from error
        if not COMMIT.fullmatch(found):
            raise self._garbage(f"it calls the commit {found[:60]!r}")
        for file in files:
            if not _is_safe(file.name) or file.size < 0 or not HASH.fullmatch(file.hash):
                raise self._garbage(
                    f"it lists a file {file.name[:60]!r} of {file.size} bytes with the hash {file.hash[:64]!r}"
                )
        return found, list({file.name: file for file in files}.values())

    def download(self, commit: str, file: File, part: Path, report: Callable[[int, int], None]) -> None:
        """Bring ``part`` to the full length of ``file``; what it holds already is not fetched again.

        Args:
            report: is told the bytes that ``part`` holds, and how many of them have just come.

        Raises:
            ModelError: it did not come whole; ``part`` keeps what did.
            OSError: ``part`` cannot be written.
        """
        size = part.stat().st_size if part.exists() else 0
        if size > file.size:
            part.unlink()
            size = 0
        if size == file.size and part.exists():
            return
        ranged = {"Range": f"bytes={size}-"} if size else {}
        with self._get(f"{self.repository}/resolve/{commit}/{quote(file.name)}", ranged) as response:
            size = size if response.status_code == 206 else 0  # partial content; or all of it, from the start
            with part.open("ab" if size else "wb") as target:
                for chunk in response.iter_bytes():
                    size += len(chunk)
                    if size > file.size:
                        break
                    target.write(chunk)
                    report(size, len(chunk))
        if size > file.size:
            part.unlink()
        if size != file.size:
            amount = "more than" if size > file.size else f"{size:,} of"
            raise ModelError(
                f"the hub sent {amount} the {file.size:,} bytes of {file.name} in {self.repository}", hint=self._again
            )

    @property
    def _again(self) -> str:
        at = "" if self.revision == "main" else f"@{self.revision}"
        return f"nlptool models pull {self.repository}{at} goes on from what has come"

    @contextlib.contextmanager
    def _get(self, path: str, headers: dict[str, str] | None = None) -> Iterator[Any]:
        """Send a GET and return the answer, its body yet to be read."""
        httpx, asked = self._httpx, f"asked for {self.repository}"
        try:
            with self._session.stream("GET", f"{self.endpoint}/{path}", headers=headers) as response:
                if response.status_code not in (200, 206):
                    raise self._refusal(response)
                yield response
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            reason = f"not within {CONNECT:.0f} s" if isinstance(error, httpx.ConnectTimeout) else error
            raise ModelError(
                f"{self.endpoint} cannot be reached, {asked}: {reason}",
                hint="is there a network? nlptool models list shows what works without one",
            ) from error
        except httpx.TimeoutException as error:
            silence = self._session.timeout.read
            raise ModelError(f"{self.endpoint} has been silent for {silence} s, {asked}", hint=self._again) from error
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.TooManyRedirects) as error:
            raise self._garbage(str(error)) from error
        except httpx.HTTPError as error:
            raise ModelError(
                f"the connection to {self.endpoint} broke off, {asked}: {error}", hint=self._again
            ) from error

    def _refusal(self, response: Any) -> ModelError:
        """Return the error for a status other than 200. Its codes are those that huggingface_hub knows: utils/_http.py there."""
        status, headers = response.status_code, response.headers
        code = headers.get("X-Error-Code", "")
        if code == "GatedRepo":
            return ModelError(
                f"{self.repository} is given only to those who agreed to its terms",
                hint=f"agree to them on {self.endpoint}/{self.repository}, then: hf auth login",
            )
        if code == "RevisionNotFound":
            return ModelError(
                f"{self.repository} has no revision {self.revision}",
                hint=f"its branches and tags: {self.endpoint}/{self.repository}/tree/main",
            )
        if code == "EntryNotFound":
            return self._garbage(f"it lists a file of {self.repository} and does not have it")
        if headers.get("X-Error-Message") == "Invalid credentials in Authorization header":
            return ModelError(f"{self.endpoint} does not know the token", hint="hf auth login takes a new one")
        if status in (401, 403, 404):
            return ModelError(
                f"{self.endpoint} has no model {self.repository}, or it is private",
                hint="is the name right? private ones need: hf auth login",
            )
        if status == 416:  # the part is as long as the file or longer, which only a hub can get wrong
            return self._garbage(f"it has less of a file of {self.repository} than it lists")
        return ModelError(
            f"{self.endpoint} answers with an error ({status}), asked for {self.repository}", hint=self._again
        )

    def _garbage(self, what: str) -> ModelError:
        return ModelError(
            f"{self.endpoint} does not answer as a model hub does: {what}",
            hint="HF_ENDPOINT names another hub; or a proxy or login page of the network has answered",
        )


def _file(entry: dict[str, Any]) -> File:
    lfs = entry.get("lfs") or {}
    digest = lfs.get("sha256") or lfs.get("oid") or entry["blobId"]
    return File(str(entry["rfilename"]), int(lfs["size"] if "size" in lfs else entry["size"]), str(digest))


def _is_safe(name: str) -> bool:
    """Return whether a file of that name lies in the folder that it is put into, just as it is written."""
    path = PurePosixPath(name)
    inside = bool(path.parts) and not path.is_absolute() and ".." not in path.parts
    return inside and str(path) == name and name.isprintable() and "\\" not in name
