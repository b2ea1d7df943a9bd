"""The files that an index was made of: which they are, and what has become of them since."""

from __future__ import annotations

import functools
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import RunError
from nlptool.geometry.index import Index
from nlptool.records.inputs import files_of, is_file, is_folder
from nlptool.storage.digest import sha256


class IndexFiles:
    """The files of an index, by their names, which are paths from ``directory``.

    Args:
        directory: the folder in which the index was built.
        roots: the FILE arguments, of which folders may have new files.
        known: what the index says of each file: path, size, mtime_ns, sha256.

    Attributes:
        names: names by the numbers of the files.
    """

    def __init__(
        self, directory: str | None = None, roots: Iterable[str] = (), known: Iterable[Mapping[str, Any]] = ()
    ) -> None:
        self._here = str(Path.cwd())
        self.directory = directory or self._here
        self.roots = list(roots)
        self.known = {entry["path"]: entry for entry in known}
        self.names = list(self.known)
        self._identities = {name: self._of_file(self.place(name)) for name in self.known}
        self._by_identity = {identity: name for name, identity in self._identities.items()}
        self._read: dict[str, dict[str, Any]] = {}

    @classmethod
    def of(cls, index: Index) -> Self:
        """Return the files of an index.

        Raises:
            RunError: it does not say them.
        """
        files = index.files()
        try:
            return cls(str(index.about["directory"]), map(str, index.about["roots"]), files)
        except (KeyError, TypeError) as error:
            raise RunError(f"{index.folder} is damaged: {error}", hint="build it again") from error

    def identity(self, path: str) -> str:
        """Return what is the same for all spellings of a path; that of a link to a file is the link's own."""
        return os.path.realpath(path) if is_folder(path) else self._of_file(path)

    def _of_file(self, path: str) -> str:
        """Return the identity of a path that is no folder."""
        folder, name = os.path.split(path)
        return f"{_real(str(Path(self._here, folder))).rstrip('/')}/{name}"

    def name(self, path: str) -> str:
        """Return the name of a file that was given as a path from the current folder: the one that it has in the index already,
        however it is spelled, or a new one."""
        if path == "-":
            return path
        identity = self.identity(path)
        if identity in self._by_identity:
            return str(self._by_identity[identity])
        if self.directory == self._here:
            return str(Path(path))
        return os.path.relpath(identity, self.directory) if under(identity, self.directory) else identity

    def place(self, name: str) -> str:
        """Return the path of a file from the current folder."""
        is_here = name == "-" or self.directory == self._here
        return name if is_here else os.path.normpath(Path(self.directory, name))

    def below(self, path: str) -> set[str]:
        """Return the names of the file, or of the files of the folder, at ``path``."""
        place = self.identity(path)
        return {name for name, identity in self._identities.items() if _is_in(identity, place)}

    def forget_roots(self, path: str) -> None:
        """Look no more for new files in the folders at ``path`` and below it."""
        place = self.identity(path)
        self.roots = [root for root in self.roots if not _is_in(self.identity(self.place(root)), place)]

    def fault(self, name: str) -> str:
        """Return why a file cannot be read; "" if it can be. Nothing is taken from a pipe."""
        if name == "-":
            return ""
        if is_folder(self.place(name)):
            return "a folder without text files"
        path = Path(self.place(name))
        try:
            if stat.S_ISREG(path.stat().st_mode):
                with path.open("rb", buffering=0) as file:
                    file.read(1)
        except OSError as error:
            return error.strerror or str(error)
        return ""

    def is_there(self, name: str) -> bool:
        """Return whether there is a file, perhaps one that cannot be read."""
        try:
            return stat.S_ISREG(Path(self.place(name)).stat().st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True

    def is_changed(self, name: str) -> bool:
        """Return whether a file has another content than when it was read; its size and time alone tell most."""
        known, path = self.known[name], Path(self.place(name))
        try:
            status = path.stat()
            if (status.st_size, status.st_mtime_ns) == (known.get("size"), known.get("mtime_ns")):
                return False
            return sha256(path) != known.get("sha256")
        except OSError:
            return True  # reading it says what is wrong

    def below_roots(self, *, globs: tuple[str, ...] = (), parquet: bool = False) -> list[str]:
        """Return the names of the text files that are now in the folders which the index was made of, each once."""
        roots = [place for place in map(self.place, self.roots) if is_folder(place)]
        known = set(map(self.place, self.known))
        found = files_of(roots, globs=globs, parquet=parquet, known=known)
        return list(dict.fromkeys(self.name(path) for path in found if path in known or is_file(path)))

    def kept_rows(self, file_of: NDArray[np.int32], drop: set[str]) -> NDArray[np.int64]:
        """Return the rows whose files are not dropped, (n,)."""
        dropped = np.array([name in drop for name in self.names] + [False])  # the last is that of -1, stdin
        return np.flatnonzero(~dropped[file_of])

    def drop(self, names: set[str]) -> Callable[[NDArray[np.int32]], NDArray[np.int32]]:
        """Take files out; return the function from the old numbers of the others, (n,), to the new ones."""
        kept = [name for name in self.names if name not in names]
        new = {name: number for number, name in enumerate(kept)}
        numbers = np.array([new.get(name, -1) for name in self.names] + [-1], np.int32)
        self.names = kept
        return lambda old: numbers[old]

    def read(self, names: Iterable[str]) -> dict[str, int]:
        """Add the files that are read now; return the number of each by its path from the current folder."""
        numbers = {}
        for name in dict.fromkeys(names):
            if name == "-" or not self.is_there(name):  # no file that could be looked at again
                continue
            numbers[self.place(name)] = len(self.names)
            self.names.append(name)
            self._read[name] = self._state(name)
        return numbers

    def entries(self, *, digests: bool = True) -> Iterator[dict[str, Any]]:
        """Yield what is to be known of each file. A file that was changed while it was read has changed at the next look.

        Args:
            digests: read each file once more, so that it is known whether its content has changed.
        """
        for name in self.names:
            if name not in self._read:
                yield dict(self.known[name])
                continue
            state = self._read[name]
            if not digests:
                yield {"path": name, **state}
                continue
            try:
                digest = {"sha256": sha256(Path(self.place(name)))} if self._state(name) == state else {}
            except OSError:
                digest = {}
            yield {"path": name, **(state if digest else {}), **digest}

    def _state(self, name: str) -> dict[str, Any]:
        try:
            status = Path(self.place(name)).stat()
        except OSError:
            return {}
        return {"size": status.st_size, "mtime_ns": status.st_mtime_ns}


@functools.cache
def _real(folder: str) -> str:
    return os.path.realpath(folder)


def _is_in(path: str, place: str) -> bool:
    """Return whether a path is ``place`` or below it."""
    return path == place or under(path, place)


def under(path: str, folder: str) -> bool:
    """Return whether a path is below a folder."""
    return path.startswith(folder.rstrip("/") + "/")
