"""Files of this machine and of object stores (``s3://``, ``gs://``, ``hdfs://``, ``memory://``): listed, read, and replaced as a
whole. What has a scheme goes through fsspec."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, Protocol

from nlptool.errors import RunError
from nlptool.storage import locks

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_VERSIONS = (
    "ETag",
    "etag",
    "md5Hash",
    "generation",
    "content_md5",
    "mtime",
    "LastModified",
    "last_modified",
    "created",
)
"""What file systems call that which tells a file from what it becomes when it is written again, the surest first."""


def is_remote(path: str) -> bool:
    """Return whether a path is a URL of an object store."""
    return _SCHEME.match(path) is not None


@dataclass(frozen=True, slots=True)
class State:
    """What tells a file from what it becomes when it is written again.

    Attributes:
        size: in bytes.
        version: the store's ETag or checksum, or the time of change.
    """

    size: int
    version: str


def state_of(path: str) -> State:
    """Return the state of a file.

    Raises:
        OSError: it cannot be looked at.
        RunError: the store cannot be reached.
    """
    if not is_remote(path):
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123  # that it can be read is known before the work begins
            found = os.fstat(file.fileno())
        return State(found.st_size, str(found.st_mtime_ns))
    with _failures(path):
        about = _system(path).info(path)
        version = next((str(about[name]) for name in _VERSIONS if about.get(name) is not None), "")
        return State(int(about["size"] or 0), version)


def opened(path: str) -> IO[bytes]:
    """Open a file to read it.

    Raises:
        OSError: it cannot be opened.
        RunError: the store cannot be reached.
    """
    if not is_remote(path):
        return Path(path).open("rb", buffering=0)
    with _failures(path):
        file: IO[bytes] = _system(path).open(path, "rb")
        return file


def below(path: str) -> list[str] | None:
    """Return the URLs of the files below a folder of an object store, sorted, without hidden ones; None: it is a file.

    Raises:
        OSError: there is nothing.
        RunError: the store cannot be reached.
    """
    with _failures(path):
        system = _system(path)
        if system.isfile(path):
            return None
        if not system.exists(path):
            raise FileNotFoundError(2, os.strerror(2), path)
        found = sorted(system.unstrip_protocol(name) for name in system.find(path))
    home = path.rstrip("/") + "/"
    return [name for name in found if not any(part.startswith(".") for part in name.removeprefix(home).split("/"))]


def size_of(path: Path) -> int:
    """Return the bytes of a file of this machine, or of all files of a folder; -1 where it is not there."""
    try:
        return sum(map(size_of, path.iterdir())) if path.is_dir() else path.stat().st_size
    except FileNotFoundError:
        return -1


def remove(path: Path) -> None:
    """Remove a file of this machine, or a folder with all that is in it, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


class Folder(Protocol):
    """A folder whose files are replaced as a whole or not at all."""

    name: str

    def names(self) -> list[str]:
        """Return the names of its files; [] where it is not there."""
        ...

    def size(self, name: str) -> int:
        """Return the bytes of a file, or of all files of a folder; -1 where it is not there."""
        ...

    def read(self, name: str) -> bytes | None:
        """Return what a file holds; None where it is not there."""
        ...

    def write(self, name: str, data: bytes) -> None:
        """Write a file as a whole."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file, or a folder of this machine, if it is there."""
        ...

    def rename(self, name: str, new: str) -> None:
        """Give a file another name."""
        ...

    def work_folder(self) -> str:
        """Return a folder of this machine for unfinished files."""
        ...

    def take(self, path: str, name: str) -> None:
        """Put a finished file of the work folder in its place."""
        ...

    def close(self) -> None:
        """Remove the work folder."""
        ...


def folder(path: str, work: str = "") -> Folder:
    """Return the folder of a path or a URL.

    Args:
        work: the ending of the name of its work folder, where several processes share the folder.
    """
    return _Remote(path) if is_remote(path) else _Local(path, work)


class _Local:
    """A folder of this machine."""

    def __init__(self, path: str, work: str) -> None:
        self.name = path
        self._path = Path(path)
        self._work = self._path / f"{WORK}{work}"

    def names(self) -> list[str]:
        try:
            return [entry.name for entry in self._path.iterdir()]
        except FileNotFoundError:
            return []

    def size(self, name: str) -> int:
        return size_of(self._path / name)

    def read(self, name: str) -> bytes | None:
        try:
            return (self._path / name).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, name: str, data: bytes) -> None:
        new = Path(self.work_folder()) / f"{name}.new"
        with new.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path / name)

    def remove(self, name: str) -> None:
        remove(self._path / name)

    def rename(self, name: str, new: str) -> None:
        (self._path / name).replace(self._path / new)

    def work_folder(self) -> str:
        self._work.mkdir(parents=True, exist_ok=True)
        return str(self._work)

    def take(self, path: str, name: str) -> None:
        if Path(path).is_dir():  # which does not take the place of another one
            remove(self._path / name)
        Path(path).replace(self._path / name)

    def close(self) -> None:
        shutil.rmtree(self._work, ignore_errors=True)


class _Remote:
    """A folder of an object store, where a file is there when it is there as a whole."""

    def __init__(self, path: str) -> None:
        self.name = path.rstrip("/")
        self._work = ""

    def names(self) -> list[str]:
        with _failures(self.name):
            system = _system(self.name)
            if not system.exists(self.name):
                return []
            return [str(path).rstrip("/").rpartition("/")[2] for path in system.ls(self.name, detail=False)]

    def size(self, name: str) -> int:
        try:
            return state_of(f"{self.name}/{name}").size
        except FileNotFoundError:
            return -1

    def read(self, name: str) -> bytes | None:
        with contextlib.suppress(FileNotFoundError), opened(f"{self.name}/{name}") as file:
            return file.read()
        return None

    def write(self, name: str, data: bytes) -> None:
        path = Path(self.work_folder()) / name
        path.write_bytes(data)
        self.take(str(path), name)

    def remove(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError), _failures(self.name):
            _system(self.name).rm_file(f"{self.name}/{name}")

    def rename(self, name: str, new: str) -> None:
        with _failures(self.name):
            _system(self.name).mv(f"{self.name}/{name}", f"{self.name}/{new}")

    def work_folder(self) -> str:
        self._work = self._work or tempfile.mkdtemp(prefix="nlptool-shards-")
        return self._work

    def take(self, path: str, name: str) -> None:
        with _failures(self.name):
            system, target = _system(self.name), f"{self.name}/{name}"
            if _scheme(self.name) in _AT_ONCE:
                system.put_file(path, target)
            else:
                system.makedirs(self.name, exist_ok=True)
                system.put_file(path, f"{self.name}/.{name}.part")
                system.mv(f"{self.name}/.{name}.part", target)
        Path(path).unlink()

    def close(self) -> None:
        if self._work:
            shutil.rmtree(self._work, ignore_errors=True)
            self._work = ""


_AT_ONCE = frozenset({"abfs", "abfss", "adl", "az", "gcs", "gs", "hf", "memory", "oci", "oss", "s3", "s3a", "tos"})
"""Stores in which a file that is put is there as a whole or not at all; elsewhere it is renamed."""

WORK = ".unfinished"
"""The folder of unfinished files in a folder of this machine; the beginning of its name where several processes share that."""


@contextlib.contextmanager
def locked(path: str) -> Iterator[None]:
    """Hold a folder of this machine, which is made if it is not there; what other runs have left in work folders is removed.

    Raises:
        RunError: another process holds it.
        OSError: it cannot be made.
    """
    if is_remote(path):  # which has no locks
        yield
        return
    Path(path).mkdir(parents=True, exist_ok=True)
    descriptor = locks.hold(Path(path), lambda: os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), path)
    try:
        for left in Path(path).glob(f"{WORK}*"):
            shutil.rmtree(left, ignore_errors=True)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def shared(path: str, work: str, name: str) -> Iterator[None]:
    """Hold a folder of this machine together with others that share it, and a work folder in it alone.

    Args:
        work: as of ``folder``.
        name: of what is done with that work folder, for messages.

    Raises:
        RunError: another process holds the folder for itself, or that work folder.
        OSError: they cannot be made.
    """
    if is_remote(path):
        yield
        return
    with contextlib.ExitStack() as held:
        for place, title, together in (
            (Path(path), path, True),
            (Path(path) / f"{WORK}{work}", f"{path}, {name}", False),
        ):
            held.callback(os.close, locks.hold(place, partial(_made, place), title, shared=together))
        for left in (Path(path) / f"{WORK}{work}").iterdir():
            remove(left)
        yield


def _made(folder: Path) -> int:
    """Make a folder if it is not there; return it opened."""
    folder.mkdir(parents=True, exist_ok=True)
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _system(path: str) -> Any:
    """Return the file system of a URL."""
    import fsspec

    return fsspec.filesystem(_scheme(path))


def _scheme(path: str) -> str:
    scheme = _SCHEME.match(path)
    return scheme[1].lower() if scheme else "file"


@contextlib.contextmanager
def _failures(path: str) -> Iterator[None]:
    """Say what a library of an object store raises, whatever it is, in one way.

    Raises:
        OSError: as it came.
        RunError: for all else.
    """
    try:
        yield
    except OSError:
        raise
    except ImportError as error:
        raise RunError(f"{path}: {error}", hint="fsspec needs that package for this kind of store") from error
    except Exception as error:  # each library has classes of its own
        raise RunError(f"{path}: {type(error).__name__}: {error}") from error
