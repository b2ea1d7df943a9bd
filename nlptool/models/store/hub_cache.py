"""The cache of the model hub on this machine, in the layout of ``huggingface_hub``, which shares it.

Layout (https://huggingface.co/docs/huggingface_hub/guides/manage-cache): ``models--org--name/`` has ``blobs``, each named by its
hash (SHA-256 of large files, git's SHA-1 of small ones), ``snapshots/<commit>/`` with links to them, and ``refs/<branch>``
with a commit in it.

Looking into it needs no library and takes a millisecond. What asks the hub is in ``hub_client``.
"""

from __future__ import annotations

import contextlib
import errno
import fnmatch
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nlptool.errors import ModelError, RunError
from nlptool.models.store.hub_client import COMMIT, HASH, Client, File
from nlptool.storage import locks

Report = Callable[[int, int, int], None]
"""Is told the bytes that are there, those that there will be, and how many of them came over the network."""

CHUNK = 1 << 20  # bytes

_WANTED = ("*.json", "*.txt", "*.model", "*.spm", "*.safetensors", "*.jinja", "README.md")
_UNWANTED = ("onnx/*", "*/onnx/*", "openvino/*", "*/openvino/*", "coreml/*", "runs/*", "checkpoint-*")
_PART = re.compile(r"(\d+_\w+/)?")  # where weights count: in the first folder, and in those of sentence-transformers
_PICKLE = re.compile(r"pytorch_model(-\d+-of-\d+)?\.bin")
_REVISION = re.compile(r"\w[\w./-]*", re.ASCII)
_REPOSITORY = re.compile(r"\w[\w.-]*/\w[\w.-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Repository:
    """What the cache holds of a model."""

    name: str  # org/name
    folder: Path
    size: int  # bytes, each blob counted once
    revisions: dict[str, str]  # branch or tag -> commit; a commit that none of them names stands for itself


def is_offline() -> bool:
    """Return whether the environment forbids the network, in the words of ``huggingface_hub``."""
    return _offline_variable() is not None


def _offline_variable() -> str | None:
    names = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    return next((name for name in names if os.environ.get(name, "").upper() in ("1", "ON", "YES", "TRUE")), None)


def cache_folder() -> Path:
    """Return where ``huggingface_hub`` keeps what it fetched."""
    home = os.environ.get("HF_HOME") or str(Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface")
    named = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE") or f"{home}/hub"
    return Path(os.path.expandvars(named)).expanduser()


def repository_folder(repository: str) -> Path:
    """Return where the cache keeps ``org/name``, there or not."""
    return cache_folder() / f"models--{repository.replace('/', '--')}"


def commit(repository: str, revision: str = "main") -> str | None:
    """Return the commit that the cache knows as ``revision``: a branch, a tag or a commit itself."""
    if not _is_named_well(repository, revision):
        return None
    folder = repository_folder(repository)
    try:
        found = (folder / "refs" / revision).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        found = revision
    return found if COMMIT.fullmatch(found) and (folder / "snapshots" / found).is_dir() else None


def _is_named_well(repository: str, revision: str) -> bool:
    """Return whether both are names that a hub allows, and none that leads out of the cache."""
    return bool(
        _REPOSITORY.fullmatch(repository)
        and _REVISION.fullmatch(revision)
        and not any(pair in repository for pair in ("..", "--"))
        and ".." not in revision
    )


def cached(repository: str, revision: str = "main") -> Path | None:
    """Return the folder with the files of a model; None if the cache has none. It may lack some: see ``model_folder.missing``."""
    found = commit(repository, revision)
    return repository_folder(repository) / "snapshots" / found if found else None


def repositories() -> Iterator[Repository]:
    """Yield all models of the cache, by name."""
    for folder in sorted(path for path in cache_folder().glob("models--*--*") if path.is_dir()):
        revisions = {}
        for path in sorted((folder / "refs").rglob("*")):
            with contextlib.suppress(OSError, ValueError):
                revision = path.relative_to(folder / "refs").as_posix()
                found = path.read_text(encoding="utf-8").strip()
                if (folder / "snapshots" / found).is_dir() and COMMIT.fullmatch(found):
                    revisions[revision] = found
        commits = sorted(path.name for path in (folder / "snapshots").glob("*") if COMMIT.fullmatch(path.name))
        revisions |= {name: name for name in commits if name not in revisions.values()}
        name = folder.name.removeprefix("models--").replace("--", "/", 1)
        yield Repository(name, folder, _size(folder), revisions)


def _size(folder: Path) -> int:
    """Return bytes on the disk, parts of broken downloads included."""
    return sum(_blobs(folder).values())


def _blobs(folder: Path) -> dict[str, int]:
    """Return name -> bytes of what is in ``blobs``, where another process may be at work."""
    sizes = {}
    for path in (folder / "blobs").glob("*"):
        with contextlib.suppress(FileNotFoundError):
            sizes[path.name] = path.stat().st_size
    return sizes


def remove(repository: str) -> int:
    """Delete a model with all its revisions from the cache; return the bytes that this freed.

    Raises:
        RunError: it cannot be deleted.
    """
    folder = repository_folder(repository)
    freed = _size(folder)
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise RunError(f"{folder} cannot be removed: {error.strerror or error}") from error
    shutil.rmtree(cache_folder() / ".locks" / folder.name, ignore_errors=True)
    return freed


def check(repository: str) -> tuple[int, list[str]]:
    """Return how many cached files were read, and the names of those whose contents are not what their hash says.

    Where links cannot be made, ``huggingface_hub`` puts the files themselves into a snapshot: their hashes are not known.
    """
    folder = repository_folder(repository)
    whole: dict[str, bool] = {}
    damaged = []
    for path in sorted((folder / "snapshots").rglob("*")):
        blob = Path(os.path.realpath(path)).name
        if not path.is_symlink() or not HASH.fullmatch(blob):
            continue
        if blob not in whole:
            whole[blob] = path.is_file() and _hash(path, like=blob) == blob
        name = path.relative_to(folder / "snapshots").as_posix().partition("/")[2]
        if not whole[blob] and name not in damaged:
            damaged.append(name)
    return len(whole), damaged


def _hash(path: Path, *, like: str) -> str:
    """Return SHA-256 or git's SHA-1 of a blob, by the length of ``like``."""
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
    report: Report = lambda done, total, received: None,
) -> Path:
    """Bring the files of a model into the cache, those alone that nlptool reads, and return their folder.

    What an earlier run has fetched is kept, also the beginning of a file. A file takes its place when its hash is right, and
    the revision points to the commit when all its files are there.

    Args:
        revision: branch, tag or commit; ``main`` unless given.
        allow_pickle: take weights that are a pickle, where there are no others.

    Raises:
        ModelError: the hub cannot be reached or has no such model or revision, or what it sent is wrong.
        RunError: the cache cannot be written.
    """
    revision = revision or "main"
    if not _is_named_well(repository, revision):
        raise ModelError(
            f"no model of the hub can be called {repository}{'' if revision == 'main' else '@' + revision}",
            hint="org/name, or org/name@ and a branch, a tag or a commit",
        )
    if variable := _offline_variable():
        raise ModelError(f"{repository} cannot be fetched offline", hint=f"{variable} is set: unset it")
    folder = repository_folder(repository)
    with Client(repository, revision) as client:
        found, files = client.listing()
        chosen = wanted(repository, files, allow_pickle=allow_pickle)
        with _storable(repository):
            _make_room(folder, chosen)
            tally = _Tally(sum(file.size for file in chosen), report)
            for file in chosen:
                _fetch_blob(client, folder, found, file, tally)
            snapshot = _publish(folder, found, chosen)
            if revision != found:
                reference = folder / "refs" / revision
                reference.parent.mkdir(parents=True, exist_ok=True)
                fresh = folder / f"fresh.{os.getpid()}"
                fresh.write_text(found)
                fresh.replace(reference)
    return snapshot


@contextlib.contextmanager
def _storable(repository: str) -> Iterator[None]:
    """Turn what goes wrong with the disk into a RunError."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        raise RunError(
            f"{repository} cannot be kept in {cache_folder()}: {error.strerror or error}",
            hint=("what has come so far is kept; " if full else "") + "HF_HOME names another folder",
        ) from error


def _make_room(folder: Path, files: list[File]) -> None:
    """Make the folder; an OSError if that fails, or if its disk has no room for what is yet to come."""
    blobs = folder / "blobs"
    blobs.mkdir(parents=True, exist_ok=True)
    kept = {name.removesuffix(".incomplete"): size for name, size in _blobs(folder).items()}
    sizes = {file.hash: file.size for file in files}
    missing = sum(max(0, size - kept.get(name, 0)) for name, size in sizes.items())
    free = shutil.disk_usage(blobs).free
    if missing > free:
        raise OSError(errno.ENOSPC, f"{missing:,} bytes are to come, and the disk has room for {free:,}")


def wanted(repository: str, files: list[File], *, allow_pickle: bool = False) -> list[File]:
    """Return those files that nlptool reads: configurations, vocabularies, and weights in safetensors.

    Raises:
        ModelError: there are no weights, or some are a pickle alone.
    """
    chosen = [file for file in files if _matches(file.name, _WANTED) and not _matches(file.name, _UNWANTED)]
    safe = {_parent(file) for file in chosen if file.name.endswith(".safetensors")}
    pickles = [file for file in files if _PICKLE.fullmatch(file.name.removeprefix(_parent(file)))]
    pickles = [file for file in pickles if _PART.fullmatch(_parent(file)) and _parent(file) not in safe]
    if pickles and not allow_pickle:
        raise ModelError(
            f"{repository} has weights that are only a pickle ({pickles[0].name}), which can run code",
            hint="--allow-pickle takes it, if you trust where it comes from",
        )
    if not safe and not pickles:
        raise ModelError(f"{repository} has no weights that nlptool can open", hint="those are *.safetensors")
    return chosen + pickles


def _parent(file: File) -> str:
    """Return the folder of a file with its last slash; empty for the first one."""
    return file.name[: file.name.rfind("/") + 1]


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


@dataclass(slots=True)
class _Tally:
    """Counts bytes for a ``Report``."""

    total: int
    report: Report
    there: int = 0  # of files that are whole
    received: int = 0

    def part(self, n_bytes: int, fresh: int) -> None:
        """Report that the file that is on its way has ``n_bytes``, ``fresh`` of which have just come."""
        self.received += fresh
        self.report(self.there + n_bytes, self.total, self.received)

    def whole(self, file: File) -> None:
        self.there += file.size
        self.report(self.there, self.total, self.received)


def _fetch_blob(client: Client, folder: Path, found: str, file: File, tally: _Tally) -> None:
    """Bring a file into ``blobs``, unless it is there; a ModelError if what came is not what was announced."""
    blob = folder / "blobs" / file.hash
    part = blob.with_name(f"{file.hash}.incomplete")
    held = cache_folder() / ".locks" / folder.name  # where huggingface_hub has its own
    held.mkdir(parents=True, exist_ok=True)
    with locks.waiting(held / f"{file.hash}.lock"):
        if not blob.is_file() or blob.stat().st_size != file.size:
            begun = part.exists() and part.stat().st_size > 0
            whole = _download(client, found, file, part, tally)
            if begun and not whole:  # the beginning, which an earlier run left, may have been the trouble
                whole = _download(client, found, file, part, tally)
            if not whole:
                raise ModelError(
                    f"the hub sent {file.name} of {client.repository} with another content than it announced",
                    hint="try again later, or look at HF_ENDPOINT",
                )
            with part.open("rb") as written:
                os.fsync(written.fileno())
            part.replace(blob)
    tally.whole(file)


def _download(client: Client, found: str, file: File, part: Path, tally: _Tally) -> bool:
    """Bring ``part`` to its full length; return whether it then has the hash that it should have. If not, it is removed."""
    client.download(found, file, part, tally.part)
    if _hash(part, like=file.hash) == file.hash:
        return True
    part.unlink()
    return False


def _publish(folder: Path, found: str, files: list[File]) -> Path:
    """Make the snapshot with links to all ``files``, whose blobs are there; what a model does not have is marked."""
    snapshot = folder / "snapshots" / found
    for file in files:
        link, blob = snapshot / file.name, folder / "blobs" / file.hash
        if not link.exists() or not link.samefile(blob):
            link.parent.mkdir(parents=True, exist_ok=True)
            fresh = folder / f"fresh.{os.getpid()}"
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(os.path.relpath(blob, link.parent))
            fresh.replace(link)
    if not (snapshot / "modules.json").exists():  # known to be absent, as huggingface_hub marks it
        marker = folder / ".no_exist" / found / "modules.json"
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()
    return snapshot
