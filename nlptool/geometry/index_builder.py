"""Builds an index folder item by item; an interrupted build can be resumed.

While it is built, the folder is called NAME.part and holds ``state.json``, which says what makes it and how far it has come. It
is locked, so that no two processes build it at the same time.
"""

from __future__ import annotations

import contextlib
import json
import time
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import RunError
from nlptool.geometry import index_folder
from nlptool.geometry.checksums import bytes_of, checksums, mapped_bytes
from nlptool.geometry.index_folder import BLOCKS, CHECKSUMS, FILE_OF, FILES, FORMAT, MANIFEST, OFFSETS, RECORDS, VECTORS
from nlptool.storage import folders, locks, npy
from nlptool.storage.unfinished import MadeBy, Unfinished

_STATE = "state.json"
_CHUNK = 1 << 20  # bytes that are read together
_SAVE_INTERVAL = 1.0  # seconds between two states: the most that an interruption loses


class Builder:
    """Writes an index, item by item. A context manager: leaving it after an error keeps what is marked, for ``resume``.

    Attributes:
        about: what is known of the model that makes the vectors.
        done: what was marked last in the build that is resumed; {}: nothing.
        input_before: FILE of that build.

    Args:
        target: the folder of the finished index.
        made_by: what makes it: another build is not gone on with.
        resume: continue an unfinished build.
        keep: leave what was made after an error, to be continued.
        note: called with what a person should know.

    Raises:
        RunError: the index cannot be written, or another process is building it.
        WrongUsage: the unfinished build is another one.
    """

    def __init__(
        self,
        target: Path,
        made_by: MadeBy,
        *,
        resume: bool,
        keep: bool = True,
        note: locks.Note = lambda message: None,
    ) -> None:
        self._target = target
        self._folder = folders.NewFolder(target, MANIFEST, note=note)
        self.part = self._folder.path
        self._keep = keep
        self.about: dict[str, Any] = {}
        self.n_items = self.dimension = 0
        self._n_bytes = 0
        # CRC-32 of what is written, without the header of an .npy
        self._crcs = dict.fromkeys((VECTORS, RECORDS, FILE_OF), 0)
        self._unfinished = Unfinished(self.part / _STATE, f"{target}.part", made_by)
        self._marked: dict[str, Any] = {}
        self._saved = time.monotonic()
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(self._folder)
                self._folder.keep = keep
                if resume and (self.part / _STATE).exists():
                    self._load_state()
                else:
                    self._folder.clear()
                n_values = self.n_items * self.dimension
                self._vectors = stack.enter_context(self._open(VECTORS, npy.HEADER_BYTES, 4 * n_values))
                self._records = stack.enter_context(self._open(RECORDS, 0, self._n_bytes))
                self._file_of = stack.enter_context(self._open(FILE_OF, npy.HEADER_BYTES, 4 * self.n_items))
            except OSError as error:
                raise RunError(f"cannot write {self.part}: {error.strerror or error}") from error
            self._opened = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        with contextlib.suppress(OSError):  # the first error is more important
            if kind is not None and self._keep:
                self.save()
        self._folder.keep = self._keep and bool(self._marked)
        with contextlib.suppress(OSError):
            self._opened.close()

    def _open(self, name: str, header: int, size: int) -> IO[bytes]:
        """Open a file to be written after its header and the ``size`` bytes that it has.

        Raises:
            RunError: it does not have them.
        """
        path = self.part / name
        path.touch()
        file = path.open("r+b")
        file.seek(header)
        crc = 0
        for start in range(0, size, _CHUNK):
            crc = zlib.crc32(file.read(min(_CHUNK, size - start)), crc)
        if crc != self._crcs[name]:
            file.close()
            raise self._damage(f"{name} has changed since it was written")
        file.truncate(header + size)
        file.seek(header + size)
        return file

    def _damage(self, what: str) -> RunError:
        return RunError(f"{self.part} is damaged: {what}", hint="without --resume it is built anew")

    def _load_state(self) -> None:
        """Read how far the unfinished build has come.

        Raises:
            WrongUsage: it is another one.
        """
        self._unfinished.load()
        state = self._unfinished.done
        if not state:
            return
        self.n_items, self.dimension, self._n_bytes = (state[name] for name in ("n_items", "dimension", "n_bytes"))
        self._crcs.update(state["crc32"])
        self.about = dict(state["about"])
        self._marked = dict(state)

    @property
    def done(self) -> Mapping[str, Any]:
        return self._unfinished.done

    @property
    def input_before(self) -> list[str]:
        return self._unfinished.input

    def remember(self, kind: str, name: str, version: str) -> None:
        """Remember what was opened after the build had begun; see ``Unfinished``."""
        self._unfinished.remember(kind, name, version)

    def add(self, vectors: NDArray[np.float32], lines: Iterable[bytes], file_of: Iterable[int] | None = None) -> None:
        """Add items.

        Args:
            vectors: (n, D) float32, prepared for the index's measure.
            lines: what identifies each in a result: a JSON object with a line end.
            file_of: the number of the file of each; -1, and without it: none.

        Raises:
            RunError: the files cannot be written.
        """
        values = np.ascontiguousarray(vectors, "<f4").data.cast("B") if len(vectors) else b""
        joined = b"".join(lines)
        numbers = np.full(len(vectors), -1, "<i4") if file_of is None else np.fromiter(file_of, "<i4", len(vectors))
        try:
            self._vectors.write(values)
            self._records.write(joined)
            self._file_of.write(numbers.data)
        except OSError as error:
            raise self._failure(error) from error
        for name, data in ((VECTORS, values), (RECORDS, joined), (FILE_OF, numbers.data)):
            self._crcs[name] = zlib.crc32(data, self._crcs[name])
        self.n_items += len(vectors)
        self._n_bytes += len(joined)
        self.dimension = vectors.shape[1] if len(vectors) else self.dimension

    def mark(self, done: Mapping[str, Any]) -> None:
        """Mark the items so far as done: a build that resumes goes on behind them.

        Args:
            done: how far the build has come, as JSON.

        Raises:
            RunError: it cannot be written.
        """
        sizes = {"n_items": self.n_items, "dimension": self.dimension, "n_bytes": self._n_bytes}
        self._marked = {**sizes, "crc32": dict(self._crcs), "about": dict(self.about), **done}
        if time.monotonic() - self._saved > _SAVE_INTERVAL:
            try:
                self.save()
            except OSError as error:
                raise self._failure(error) from error

    def save(self) -> None:
        """Bring what is marked to the disk."""
        for file in (self._vectors, self._records, self._file_of):
            file.flush()
        self._unfinished.save(self._marked)
        self._saved = time.monotonic()

    def finish(self, about: Mapping[str, Any], files: Iterable[Mapping[str, Any]] = ()) -> None:
        """Write the manifest and move the index to its final place.

        Args:
            about: what the manifest says beside the numbers of items and dimensions.
            files: what is known of each file that was read.

        Raises:
            RunError: the files cannot be written.
        """
        try:
            for file, header in (
                (self._vectors, npy.header("<f4", (self.n_items, self.dimension))),
                (self._file_of, npy.header("<i4", (self.n_items,))),
            ):
                file.seek(0)
                file.write(header)
                file.flush()
            self._records.flush()
            # A name that is not UTF-8 holds lone surrogates, which JSON spells as escapes.
            (self.part / FILES).write_text("".join(json.dumps(file) + "\n" for file in files), encoding="ascii")
            np.save(self.part / OFFSETS, _line_starts(self.part / RECORDS, self.n_items))
            (self.part / CHECKSUMS).write_text(json.dumps(_checksums(self.part)), encoding="ascii")
            manifest = {"format": FORMAT, "n_items": self.n_items, "dimension": self.dimension, **about}
            (self.part / MANIFEST).write_text(json.dumps(index_folder.with_digest(manifest)), encoding="ascii")
            self.save()
            self._folder.put(state=_STATE)
        except OSError as error:
            raise self._failure(error) from error

    def _failure(self, error: OSError) -> RunError:
        kept = self._keep and bool(self._marked)
        return RunError(
            f"cannot write {self._target}: {error.strerror or error}"
            + (f"; what was made is in {self.part}" if kept else ""),
            hint="--resume goes on from there" if kept else "",
        )


def _checksums(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the checksums of the blocks of a folder's large files, as ``checksums.json`` holds them."""
    sums = {}
    for name, block_bytes in BLOCKS.items():
        path = folder / name
        data = bytes_of(npy.mapped(path)) if path.suffix == ".npy" else mapped_bytes(path)
        sums[name] = {"block": block_bytes, "sums": checksums(data, block_bytes).hex()}
    return sums


def _line_starts(path: Path, n_lines: int) -> NDArray[np.int64]:
    """Return the offset of each line, and the size of the file, (n_lines + 1,) int64."""
    starts = [np.zeros(1, np.int64)]
    position = 0
    with path.open("rb") as file:
        while chunk := file.read(1 << 24):
            starts.append(np.flatnonzero(np.frombuffer(chunk, np.uint8) == ord("\n")) + position + 1)
            position += len(chunk)
    offsets = np.concatenate(starts)
    if len(offsets) != n_lines + 1:
        raise OSError(f"{path} holds {len(offsets) - 1:,} lines, not {n_lines:,}")
    return offsets
