"""A corpus's embeddings on disk: a folder that is opened in milliseconds and searched without being loaded.

    index.json      the manifest: format, the model and its identity, prompt, number of items, dimension
    vectors.npy     (N, D) float32: unit vectors, or zeros
    records.jsonl   {"id", "text"} of each item, a line each; {} where there is neither
    offsets.npy     (N + 1,) int64: where in that file each line begins

While it is built it is called NAME.part and holds ``state.json``, so that an interrupted build goes on where it was; it is
locked, so that no two processes build it at once. Search in it is exact.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import mmap
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
import orjson
from numpy.typing import NDArray

from nlptool.errors import RunError
from nlptool.storage import folders, npy

MANIFEST = "index.json"
FORMAT = 1
_STATE = "state.json"
_MOMENT = 0.02  # seconds: when one index goes and another comes there is none for less than that
_EVERY = 1.0  # seconds between two states: what an interruption loses


class Index:
    """An index, open for queries. ``vectors`` (N, D) float32 are mapped unit vectors.

    Raises:
        RunError: the folder holds none, or it is damaged.
    """

    ready = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        waited = False
        while True:  # another process may put a new one there at any time
            before = _version(folder)
            try:
                self._open()
            except RunError:
                if before is None and not waited:
                    time.sleep(_MOMENT)
                    waited = True
                elif before == _version(folder):
                    raise
            else:
                if before == _version(folder):
                    return  # all files are of one index

    def _open(self) -> None:
        folder = self.folder
        self.about = _manifest(folder)
        try:
            self.vectors = npy.mapped(folder / "vectors.npy")
            self._offsets = npy.mapped(folder / "offsets.npy")
            with (folder / "records.jsonl").open("rb") as file:
                some = os.fstat(file.fileno()).st_size
                self._records: mmap.mmap | bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if some else b""
            expected = (int(self.about["n_items"]), int(self.about["dimension"]))
            kinds = self.vectors.dtype.str + self._offsets.dtype.str
            if (self.vectors.shape, self._offsets.shape, kinds) != (expected, (expected[0] + 1,), "<f4<i8"):
                raise ValueError("its files do not fit together")
            if self._offsets[-1] != len(self._records):
                raise ValueError("its texts are cut off")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(f"{folder} is damaged: {error}", hint="build it again") from error

    @property
    def model(self) -> str:
        """The name of the model that made the vectors, "" if that is not known."""
        return str(self.about.get("model") or "")

    def __len__(self) -> int:
        return len(self.vectors)

    def shown(self, index: int) -> dict[str, Any]:
        """What says in an answer which item it is: index, id if there is one, text.

        Raises:
            RunError: its line is damaged.
        """
        line = self._records[self._offsets[index] : self._offsets[index + 1]]
        try:
            return {"index": index, **orjson.loads(line)}
        except (ValueError, TypeError) as error:
            raise RunError(f"{self.folder} is damaged: item {index:,} is no record", hint="build it again") from error


class Builder:
    """Writes an index, item by item. A context manager: leaving it after an error keeps what was made, for ``resume``.

    ``n_read`` records of the input are done, ``about`` is what was said of the model that made the vectors.

    Args:
        target: the folder that the index becomes.
        settings: what must be the same for a build to be gone on with.
        resume: go on with an unfinished build.

    Raises:
        RunError: it cannot be written, or another process is building it.
    """

    def __init__(self, target: Path, settings: Mapping[str, Any], *, resume: bool) -> None:
        folders.check_replaceable(target, MANIFEST)
        self._target = target.resolve()
        self.part = self._target.with_name(self._target.name + ".part")
        folders.check_replaceable(self.part, MANIFEST)
        self._settings = dict(settings)
        self.about: dict[str, Any] = {}
        self.n_read = self.n_items = self.dimension = 0
        self._n_bytes = 0
        self._saved = time.monotonic()
        with contextlib.ExitStack() as stack:
            try:
                stack.callback(os.close, _locked(self.part))
                if resume:
                    self._take_up()
                else:
                    for path in self.part.iterdir():
                        path.unlink()
                (self.part / MANIFEST).write_text("{}")
                self._vectors = stack.enter_context(
                    self._open("vectors.npy", npy.HEADER_BYTES + 4 * self.n_items * self.dimension)
                )
                self._records = stack.enter_context(self._open("records.jsonl", self._n_bytes))
            except OSError as error:
                raise RunError(f"cannot write {self.part}: {error.strerror or error}") from error
            self._opened = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        with contextlib.suppress(OSError):  # what went wrong first is on its way
            if kind is not None:
                self.save()
        with contextlib.suppress(OSError):
            self._opened.close()

    def _open(self, name: str, size: int) -> IO[bytes]:
        path = self.part / name
        path.touch()
        if path.stat().st_size < size and self.n_items:
            raise RunError(f"{self.part} is damaged: {name} is cut off", hint="without --resume it is built anew")
        file = path.open("r+b")
        file.truncate(size)
        file.seek(size)
        return file

    def _take_up(self) -> None:
        """Read how far the unfinished build is."""
        try:
            state = json.loads((self.part / _STATE).read_text())
            self.n_read, self.n_items, self.dimension, self._n_bytes = (
                int(state[name]) for name in ("n_read", "n_items", "dimension", "n_bytes")
            )
            self.about = dict(state["about"])
            begun = dict(state["settings"])
        except FileNotFoundError:
            return  # interrupted before anything was done
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(f"{self.part} is damaged: {error}", hint="without --resume it is built anew") from error
        if different := [name for name, value in self._settings.items() if begun.get(name) != value]:
            raise RunError(
                f"{self.part} was begun with another {', '.join(different)}", hint="without --resume it is built anew"
            )

    def add(self, vectors: NDArray[np.float32], shown: Iterable[Mapping[str, str]], *, n_read: int) -> None:
        """Add unit ``vectors`` (n, D) and what is shown of each; ``n_read`` records of the input are then done.

        Raises:
            RunError: there is no room.
        """
        lines = b"".join(orjson.dumps(each) + b"\n" for each in shown)
        try:
            self._vectors.write(np.ascontiguousarray(vectors, "<f4").data)
            self._records.write(lines)
            self.n_items += len(vectors)
            self.n_read = n_read
            self._n_bytes += len(lines)
            self.dimension = vectors.shape[1] if len(vectors) else self.dimension
            if time.monotonic() - self._saved > _EVERY:
                self.save()
        except OSError as error:
            raise self._failure(error) from error

    def save(self) -> None:
        """Bring to the disk how far the build is."""
        self._vectors.flush()
        self._records.flush()
        state = {"n_read": self.n_read, "n_items": self.n_items, "dimension": self.dimension, "n_bytes": self._n_bytes}
        new = self.part / f"{_STATE}.new"
        new.write_text(json.dumps({**state, "settings": self._settings, "about": self.about}))
        new.replace(self.part / _STATE)
        self._saved = time.monotonic()

    def finish(self, about: Mapping[str, Any]) -> None:
        """Write the manifest and put the index in its place.

        Raises:
            RunError: it cannot be written.
        """
        try:
            self._vectors.seek(0)
            self._vectors.write(npy.header("<f4", (self.n_items, self.dimension)))
            self._vectors.flush()
            self._records.flush()
            np.save(self.part / "offsets.npy", _line_starts(self.part / "records.jsonl", self.n_items))
            (self.part / _STATE).unlink(missing_ok=True)
            manifest = {"format": FORMAT, "n_items": self.n_items, "dimension": self.dimension, **about}
            (self.part / MANIFEST).write_text(json.dumps(manifest, ensure_ascii=False))
            folders.seal(self.part, MANIFEST)
            folders.put(self.part, self._target)
        except OSError as error:
            raise self._failure(error) from error

    def _failure(self, error: OSError) -> RunError:
        return RunError(
            f"cannot write {self._target}: {error.strerror or error}; what was made is in {self.part}",
            hint="--resume goes on from there",
        )


def _locked(folder: Path) -> int:
    """Make a folder if there is none, and lock it: a descriptor that holds the lock while it is open.

    Raises:
        RunError: another process has locked it.
        OSError: it cannot be made.
    """
    while True:
        folder.mkdir(exist_ok=True)
        lock = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with contextlib.suppress(FileNotFoundError):  # finished and renamed in between
                if os.path.samestat(os.fstat(lock), folder.stat()):
                    return lock
        except BlockingIOError as error:
            os.close(lock)
            raise RunError(
                f"another process is building {folder}", hint="wait for it, or build under another name"
            ) from error
        os.close(lock)


def _line_starts(path: Path, n_lines: int) -> NDArray[np.int64]:
    """Where each line begins, and the end: (n + 1,)."""
    starts = [np.zeros(1, np.int64)]
    position = 0
    with path.open("rb") as file:
        while chunk := file.read(1 << 24):
            starts.append(np.flatnonzero(np.frombuffer(chunk, np.uint8) == ord("\n")) + position + 1)
            position += len(chunk)
    found = np.concatenate(starts)
    if len(found) != n_lines + 1:
        raise OSError(f"{path} holds {len(found) - 1:,} lines, not {n_lines:,}")
    return found


def _version(folder: Path) -> tuple[int, int] | None:
    """Differs between a folder and the one that takes its place."""
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_ino, found.st_ctime_ns


def is_index(path: Path) -> bool:
    """Whether a folder says that it holds an index."""
    return (path / MANIFEST).is_file()


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not path.is_file():
        raise RunError(f"{folder} is no index: it has no {MANIFEST}", hint="nlptool index build -o FOLDER makes one")
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        if "files" not in about:  # it is sealed at the very end
            name = str(folder).removesuffix(".part")
            raise RunError(f"{folder} is not finished", hint=f"nlptool index build --resume -o {name} goes on with it")
        if about["format"] != FORMAT:
            raise RunError(
                f"{folder} is of format {about['format']}, written by a newer nlptool", hint="update nlptool"
            )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} is damaged: {error}", hint="build the index again") from error
    if not folders.is_whole(folder, MANIFEST):
        raise RunError(f"{folder} is damaged: files are missing or cut off", hint="build it again")
    return dict(about)
