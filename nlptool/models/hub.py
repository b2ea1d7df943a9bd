"""The model hub and its cache on this machine, in the layout of ``huggingface_hub``, which shares it.

Layout (https://huggingface.co/docs/huggingface_hub/guides/manage-cache): ``models--org--name/`` has ``blobs``, each named by its
hash (SHA-256 of large files, git's SHA-1 of small ones), ``snapshots/<commit>/`` with links to them, and ``refs/<branch>``
with a commit in it.

Looking into the cache needs no library and takes a millisecond. Fetching is our own too, on the client of
``huggingface_hub``: that library's downloads cannot be resumed by a later run, are tried five times, and are not checked
against their hashes.
"""

from __future__ import annotations

import contextlib
import errno
import fnmatch
import hashlib
import importlib
import importlib.util
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from nlptool.errors import ModelError, RunError

Report = Callable[[int, int], None]
"""Is told bytes done and bytes in all."""

CONNECT = 3.0  # seconds
SILENCE = 10.0  # seconds without a byte after which a hub hangs
CHUNK = 1 << 20  # bytes

_WANTED = ("*.json", "*.txt", "*.model", "*.safetensors", "*.jinja")
_UNWANTED = ("onnx/*", "openvino/*", "*/onnx/*", "*.index.json.bak", "coreml/*", "runs/*", "checkpoint-*")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_REVISION = re.compile(r"[\w.][\w./-]*")


@dataclass(frozen=True, slots=True)
class File:
    """A file of a repository."""

    name: str  # with / between folders
    size: int  # bytes
    hash: str  # SHA-256 (64 digits) or git's SHA-1 of a blob (40 digits)


@dataclass(frozen=True, slots=True)
class Repository:
    """What the cache holds of a model."""

    name: str  # org/name
    folder: Path
    size: int  # bytes, each blob counted once
    revisions: dict[str, str]  # branch or tag -> commit


def cache_folder() -> Path:
    """Where ``huggingface_hub`` keeps what it fetched."""
    home = os.environ.get("HF_HOME") or str(Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface")
    named = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE") or f"{home}/hub"
    return Path(os.path.expandvars(named)).expanduser()


def repository_folder(repository: str) -> Path:
    """Where the cache keeps ``org/name``, there or not."""
    return cache_folder() / f"models--{repository.replace('/', '--')}"


def commit(repository: str, revision: str = "main") -> str | None:
    """The commit that the cache knows as ``revision``: a branch, a tag or a commit itself."""
    if ".." in revision or not _REVISION.fullmatch(revision):
        return None
    folder = repository_folder(repository)
    try:
        found = (folder / "refs" / revision).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        found = revision
    return found if _COMMIT.fullmatch(found) and (folder / "snapshots" / found).is_dir() else None


def cached(repository: str, revision: str = "main") -> Path | None:
    """The folder with the files of a model; None if the cache has none. It may lack some: see ``folders.missing``."""
    found = commit(repository, revision)
    return repository_folder(repository) / "snapshots" / found if found else None


def repositories() -> Iterator[Repository]:
    """All models of the cache, by name."""
    for folder in sorted(cache_folder().glob("models--*--*")):
        references = folder / "refs"
        revisions = {
            path.relative_to(references).as_posix(): path.read_text(encoding="utf-8", errors="replace").strip()
            for path in sorted(references.rglob("*"))
            if path.is_file()
        }
        size = sum(path.stat().st_size for path in (folder / "blobs").glob("*") if path.is_file())
        yield Repository(folder.name.removeprefix("models--").replace("--", "/", 1), folder, size, revisions)


def remove(repository: str) -> int:
    """Delete a model from the cache; return the bytes that this freed."""
    folder = repository_folder(repository)
    freed = sum(path.stat().st_size for path in (folder / "blobs").glob("*") if path.is_file())
    shutil.rmtree(folder)
    shutil.rmtree(cache_folder() / ".locks" / folder.name, ignore_errors=True)
    return freed


def damaged(repository: str) -> list[str]:
    """The names of the cached files whose contents are not what their hash says, over all snapshots."""
    found = []
    hashes: dict[str, bool] = {}
    for path in sorted((repository_folder(repository) / "snapshots").rglob("*")):
        if path.is_dir():
            continue
        blob = Path(os.path.realpath(path))
        if blob.name not in hashes:
            hashes[blob.name] = blob.is_file() and _hash(blob, like=blob.name) == blob.name
        if not hashes[blob.name]:
            found.append(path.name)
    return found


def _hash(path: Path, *, like: str) -> str:
    """SHA-256 or git's SHA-1, by the length of ``like``."""
    digest = hashlib.sha256() if len(like) == 64 else hashlib.sha1(b"blob %d\0" % path.stat().st_size)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def fetch(
    repository: str,
    revision: str | None = None,
    *,
    allow_pickle: bool = False,
    report: Report = lambda done, total: None,
) -> Path:
    """Bring the files of a model into the cache, those alone that a sentence encoder needs, and return their folder.

    What an earlier run has fetched is kept, also the beginning of a file. A file takes its place when its hash is right, and
    the revision points to the commit when all its files are there.

    Args:
        allow_pickle: take weights that are a pickle, where there are no others.

    Raises:
        ModelError: the hub cannot be reached or has no such model or revision, or what it sent is wrong.
        RunError: the cache cannot be written.
    """
    revision = revision or "main"
    folder = repository_folder(repository)
    try:
        with _Client(repository, revision) as client:
            found, files = client.listing()
            files = wanted(repository, files, allow_pickle=allow_pickle)
            total = sum(file.size for file in files)
            done = 0
            snapshot = folder / "snapshots" / found
            for file in files:
                _fetch_file(client, folder, found, file, report=_from(done, total, report))
                done += file.size
                report(done, total)
        if not any(file.name == "modules.json" for file in files):  # known to be absent, as huggingface_hub marks it
            marker = folder / ".no_exist" / found / "modules.json"
            marker.parent.mkdir(parents=True, exist_ok=True)
            marker.touch()
        if not _COMMIT.fullmatch(revision):
            reference = folder / "refs" / revision
            reference.parent.mkdir(parents=True, exist_ok=True)
            part = reference.with_name(f"{reference.name}.{os.getpid()}")
            part.write_text(found)
            part.replace(reference)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        raise RunError(
            f"{repository} cannot be kept in {cache_folder()}: {error.strerror or error}",
            hint="what has come so far is kept; HF_HOME names another folder"
            if full
            else "HF_HOME names another folder",
        ) from error
    return snapshot


def _from(done: int, total: int, report: Report) -> Callable[[int], None]:
    return lambda n_bytes: report(done + n_bytes, total)


def wanted(repository: str, files: list[File], *, allow_pickle: bool = False) -> list[File]:
    """Those files that a sentence encoder needs: configurations, vocabularies, and weights in safetensors.

    Raises:
        ModelError: there are no weights that may be opened.
    """
    chosen = [file for file in files if _matches(file.name, _WANTED) and not _matches(file.name, _UNWANTED)]
    if any(file.name.endswith(".safetensors") for file in chosen):
        return chosen
    pickles = [file for file in files if fnmatch.fnmatch(file.name, "*pytorch_model*.bin")]
    if not pickles:
        return chosen  # a model without weights, or none at all: its folder is looked over before it is loaded
    if not allow_pickle:
        raise ModelError(
            f"{repository} has its weights only as a pickle ({pickles[0].name}), which can run code",
            hint="--allow-pickle takes it, if you trust where it comes from",
        )
    return [*chosen, *pickles, *(file for file in files if fnmatch.fnmatch(file.name, "*_Dense/pytorch_model.bin"))]


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def _fetch_file(client: _Client, folder: Path, found: str, file: File, *, report: Callable[[int], None]) -> None:
    from filelock import FileLock

    link = folder / "snapshots" / found / file.name
    blob = folder / "blobs" / file.hash
    for path in (link.parent, blob.parent, cache_folder() / ".locks" / folder.name):
        path.mkdir(parents=True, exist_ok=True)
    with FileLock(cache_folder() / ".locks" / folder.name / f"{file.hash}.lock"):
        if not blob.is_file() or blob.stat().st_size != file.size:
            part = blob.with_name(f"{file.hash}.incomplete")
            client.download(file, part, report)
            if _hash(part, like=file.hash) != file.hash:
                part.unlink()
                raise ModelError(
                    f"the hub sent {file.name} of {client.repository} with another content than it announced",
                    hint="try again later, or look at HF_ENDPOINT",
                )
            part.replace(blob)
        if not link.exists() or not link.samefile(blob):
            link.unlink(missing_ok=True)
            link.symlink_to(os.path.relpath(blob, link.parent))


class _Client:
    """The hub's protocol as far as a download needs it: https://huggingface.co/docs/hub/api.

    Every failure is a ``ModelError``.
    """

    def __init__(self, repository: str, revision: str) -> None:
        self.repository = repository
        self.revision = revision

    def __enter__(self) -> _Client:
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
        from huggingface_hub import constants, errors, utils

        # The library's own HTTP client: httpx2 since huggingface_hub 2.
        httpx: Any = importlib.import_module("httpx2" if importlib.util.find_spec("httpx2") else "httpx")
        self._httpx = httpx
        self._errors: Any = errors
        self._utils: Any = utils
        self._endpoint = constants.ENDPOINT.rstrip("/")
        self._headers: dict[str, str] = self._utils.build_hf_headers(library_name="nlptool")
        self._session = httpx.Client(follow_redirects=True, timeout=httpx.Timeout(SILENCE, connect=CONNECT))
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def listing(self) -> tuple[str, list[File]]:
        """The commit that the revision means, and the repository's files in it."""
        with self._told():
            url = f"{self._endpoint}/api/models/{self.repository}/revision/{quote(self.revision, safe='')}"
            response = self._session.get(url, params={"blobs": "true"}, headers=self._headers)
            self._utils.hf_raise_for_status(response)
        try:
            about = json.loads(response.content)
            found = str(about["sha"])
            files = [_file(entry) for entry in about["siblings"]]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise self._garbage("its answer is no description of a model") from error
        if not _COMMIT.fullmatch(found):
            raise self._garbage(f"it calls the commit {found[:60]!r}")
        for file in files:
            path = PurePosixPath(file.name)
            if path.is_absolute() or ".." in path.parts or not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", file.hash):
                raise self._garbage(f"it names a file {file.name[:60]!r} with the hash {file.hash[:64]!r}")
        return found, files

    def download(self, file: File, part: Path, report: Callable[[int], None]) -> None:
        """Bring ``part`` to the full length of ``file``; what it holds already is not fetched again."""
        start = part.stat().st_size if part.exists() else 0
        if start > file.size:
            part.unlink()
            start = 0
        url = f"{self._endpoint}/{self.repository}/resolve/{quote(self.revision, safe='')}/{quote(file.name)}"
        headers = {**self._headers, "Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        if start < file.size or not file.size:
            with self._told(), self._session.stream("GET", url, headers=headers) as response:
                self._utils.hf_raise_for_status(response)
                start = start if response.status_code == 206 else 0
                with part.open("r+b" if start else "wb") as target:
                    target.seek(start)
                    for chunk in response.iter_bytes(CHUNK):
                        start += len(chunk)
                        if start > file.size:
                            break
                        target.write(chunk)
                        report(start)
        if start != file.size:
            if start > file.size:
                part.unlink()
            raise ModelError(
                f"the hub sent {start:,} bytes of {file.name}, which has {file.size:,}",
                hint=f"nlptool models pull {self.repository} goes on from there",
            )

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        started = time.monotonic()
        errors, again = (
            self._errors,
            f"nlptool models pull {self.repository} tries again, and goes on from what has come",
        )
        try:
            yield
        except errors.GatedRepoError as error:
            raise ModelError(
                f"{self.repository} is given only to those who agreed to its terms",
                hint="agree to them on its page, then: hf auth login",
            ) from error
        except errors.RevisionNotFoundError as error:
            raise ModelError(f"{self.repository} has no revision {self.revision}") from error
        except (errors.RepositoryNotFoundError, errors.DisabledRepoError) as error:
            raise ModelError(
                f"the hub has no model {self.repository}, or it is private", hint="private ones need: hf auth login"
            ) from error
        except errors.HfHubHTTPError as error:
            code = error.response.status_code
            raise ModelError(
                f"the hub {self._endpoint} answers with an error ({code}) for {self.repository}", hint=again
            ) from error
        except self._httpx.ConnectTimeout as error:
            raise ModelError(f"{self._endpoint} cannot be reached within {CONNECT:.0f} s", hint=again) from error
        except self._httpx.TimeoutException as error:
            seconds = time.monotonic() - started
            raise ModelError(
                f"{self._endpoint} has fallen silent ({seconds:.0f} s after the request for {self.repository})",
                hint=again,
            ) from error
        except (self._httpx.HTTPError, self._httpx.InvalidURL) as error:
            raise ModelError(
                f"{self._endpoint} cannot be reached for {self.repository}: {error}", hint=again
            ) from error

    def _garbage(self, what: str) -> ModelError:
        return ModelError(
            f"{self._endpoint} does not answer as a model hub does: {what}",
            hint="HF_ENDPOINT names the hub; is it set?",
        )


def _file(entry: dict[str, Any]) -> File:
    lfs = entry.get("lfs") or {}
    digest = str(lfs.get("sha256") or lfs.get("oid") or entry["blobId"])
    return File(str(entry["rfilename"]), int(lfs["size"] if "size" in lfs else entry["size"]), digest)
