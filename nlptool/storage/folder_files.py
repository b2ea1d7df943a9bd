"""The files of a folder of this machine or of an object store: read, and replaced as a whole."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import Protocol

from nlptool.storage import leases, places, store_requests, stores, temp_files

WORK = ".unfinished"
"""The folder of unfinished files in a folder of this machine; the beginning of its name where several processes share that."""


class Folder(Protocol):
    """A folder whose files are replaced as a whole or not at all."""

    name: str

    def sizes(self) -> dict[str, int]:
        """Return the names of its files and folders, and the bytes of each (0 for hidden ones); {} where it is not there."""
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

    def fetch(self, name: str) -> str:
        """Return the path of a file on this machine, where it is copied to if it is elsewhere.

        Raises:
            OSError: it is not there.
        """
        ...

    def close(self) -> None:
        """Remove the work folder."""
        ...


def folder(path: str, work: str = "", lease: str = "") -> Folder:
    """Return the folder of a path or a URL.

    Args:
        work: the ending of the name of its work folder, where several processes share the folder.
        lease: with which a folder of an object store is held, as ``locked`` and ``shared`` say.
    """
    return _Remote(path, lease) if store_requests.is_remote(path) else _Local(path, work)


class _Local:
    """A folder of this machine."""

    def __init__(self, path: str, work: str) -> None:
        self.name = path
        self._path = Path(path)
        self._work = self._path / f"{WORK}{work}"

    def sizes(self) -> dict[str, int]:
        try:
            with os.scandir(self._path) as entries:
                return {
                    entry.name: 0 if entry.name.startswith(".") else places.size_of(Path(entry.path))
                    for entry in entries
                }
        except FileNotFoundError:
            return {}

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
        places.remove(self._path / name)

    def rename(self, name: str, new: str) -> None:
        (self._path / name).replace(self._path / new)

    def work_folder(self) -> str:
        self._work.mkdir(parents=True, exist_ok=True)
        return str(self._work)

    def take(self, path: str, name: str) -> None:
        if Path(path).is_dir():  # which does not take the place of another one
            places.remove(self._path / name)
        Path(path).replace(self._path / name)

    def fetch(self, name: str) -> str:
        return str(self._path / name)

    def close(self) -> None:
        shutil.rmtree(self._work, ignore_errors=True)


class _Remote:
    """A folder of an object store, where a file is there when it is there as a whole.

    Args:
        lease: with which it is held; nothing is written without it once another run has taken the folder.
    """

    def __init__(self, path: str, lease: str) -> None:
        self.name = path.rstrip("/")
        self._lease = lease
        self._work = ""
        self._is_at_once = stores.puts_at_once(path)

    def sizes(self) -> dict[str, int]:
        return {name: int(about.get("size") or 0) for name, about in stores.listed(self.name).items()}

    def read(self, name: str) -> bytes | None:
        with contextlib.suppress(FileNotFoundError):
            return stores.read(f"{self.name}/{name}")
        return None

    def write(self, name: str, data: bytes) -> None:
        path = Path(self.work_folder()) / name
        path.write_bytes(data)
        self.take(str(path), name)

    def remove(self, name: str) -> None:
        leases.check(self._lease)
        stores.remove(f"{self.name}/{name}")

    def rename(self, name: str, new: str) -> None:
        leases.check(self._lease)
        self._move(f"{self.name}/{name}", f"{self.name}/{new}")

    def work_folder(self) -> str:
        if not self._work:
            folder, self._lock = temp_files.locked_folder("shards")
            self._work = str(folder)
        return self._work

    def take(self, path: str, name: str) -> None:
        leases.check(self._lease)
        target = f"{self.name}/{name}"
        if self._is_at_once:
            stores.put(path, target)
        else:
            stores.make_folder(self.name)
            stores.put(path, f"{self.name}/.{name}.part")
            self._move(f"{self.name}/.{name}.part", target)
        Path(path).unlink()

    def _move(self, old: str, new: str) -> None:
        if self._is_at_once:  # ``mv`` would take [ and * in a name for a pattern
            store_requests.request(old, lambda system: system.cp_file(old, new))
            stores.remove(old)
        else:
            store_requests.request(old, lambda system: system.mv(old, new))

    def fetch(self, name: str) -> str:
        path = Path(self.work_folder()) / name
        with stores.opened(f"{self.name}/{name}") as source, path.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
        return str(path)

    def close(self) -> None:
        if self._work:
            shutil.rmtree(self._work, ignore_errors=True)
            os.close(self._lock)
            self._work = ""
