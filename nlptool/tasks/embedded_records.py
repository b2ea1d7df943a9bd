"""Records with their vectors: what `similarity`, `search`, `index`, `map` and `compare` read.

Vectors, texts and the records themselves are kept in temporary files and mapped, so that a million of them take no more memory
than the system has to spare. An ``.npy`` is read as items without text.
"""

from __future__ import annotations

import contextlib
import mmap
import os
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import RunError
from nlptool.records.json_bytes import field_text
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.records.windows import windows
from nlptool.specs import EncoderSpec
from nlptool.storage import temp_files
from nlptool.tasks.embedder import Embedder

if TYPE_CHECKING:
    from nlptool.models.encoders.encoder import Embeddings

_NPY = b"\x93NUMPY"
_BINARY = {
    _NPY: ("an .npy, which is read from a file alone", "name the FILE"),
    b"PK\x03\x04": ("a ZIP archive or an .npz, which is not read", "its JSONL or .npy is: nlptool embed -f jsonl"),
    b"PAR1\x15": ("a Parquet file, which is not read", "its JSONL or .npy is: nlptool embed -f jsonl"),
}
"""How a file begins whose bytes are no lines -> what to say of it."""

_LOOKED_AT = 4_000_000  # numbers of an .npy that are looked at together


class EmbeddedRecords:
    """Records that have a vector, in their order.

    ``vectors`` (N, D) float32 are mapped; ``positions[i]`` is the place of item i among the records of the input, from 0;
    ``failed`` are the records that are not among them because they failed, each with the number of items before it, where
    records are kept to be written. ``n_zero`` of the vectors are all zeros. ``ready`` says that the vectors are what they were
    asked to be; those of a file are as they are.
    """

    ready = True

    def __init__(self) -> None:
        self.vectors: NDArray[np.float32] = np.empty((0, 0), np.float32)
        self.model = ""
        self.n_zero = 0
        self.failed: list[tuple[int, Record]] = []
        self._positions = array("q")
        self._lines = array("q")
        self._sources: list[str] = []
        self._source_of = array("i")
        self._entries: dict[int, Mapping[str, Any]] = {}
        self._ends = array("q", [0])
        self._rows = temp_files.temporary()
        self._parts = temp_files.temporary()
        self._blob: mmap.mmap | bytes = b""
        self._n_read = 0
        self._n_written = 0

    def __len__(self) -> int:
        return len(self._positions)

    @property
    def positions(self) -> NDArray[np.int64]:
        return np.frombuffer(self._positions, np.int64) if self._positions else np.empty(0, np.int64)

    def add(
        self,
        lists: Iterable[list[Record]],
        embedder: Embedder,
        *,
        id_field: str | None = None,
        records: bool = True,
        ready: Callable[[NDArray[np.float32]], NDArray[np.float32]] = lambda vectors: vectors,
    ) -> Iterator[list[Record]]:
        """Take in those of the records that have a vector; yield the failed ones.

        Args:
            id_field: the field that names a record.
            records: keep them whole, to be written later.
            ready: what is kept of vectors (n, D).
        """
        for some in windows(lists):
            kept, vectors = embedder(some)
            n_before = len(self)
            taken = set(map(id, kept))
            n_here = 0
            lost = []
            for place, record in enumerate(some):
                if id(record) in taken:
                    self._keep(record, self._n_read + place, id_field, whole=records)
                    n_here += 1
                elif not record.pending:
                    if records:
                        self.failed.append((n_before + n_here, record))
                    lost.append(record)
            vectors = ready(vectors)
            self.n_zero += int((~vectors.any(axis=1)).sum())
            with temp_files.disk_space():
                self._rows.write(vectors.tobytes())
            self._n_read += len(some)
            if lost or not some:
                yield lost
        self.model = embedder.model
        self._close(embedder.dimension)

    def _keep(self, record: Record, position: int, id_field: str | None, *, whole: bool) -> None:
        if record.entry:
            self._entries[len(self)] = record.entry
        self._positions.append(position)
        self._lines.append(record.line)
        if not self._sources or self._sources[-1] != record.source:
            self._sources.append(record.source)
        self._source_of.append(len(self._sources) - 1)
        name = field_text(record.raw, id_field)
        for part in (record.raw or b"" if whole else b"", record.text.encode(errors="replace"), name.encode()):
            with temp_files.disk_space():
                self._parts.write(part)
            self._n_written += len(part)
            self._ends.append(self._n_written)

    def _close(self, dimension: int) -> None:
        """All is there: map it."""
        if len(self) and dimension:
            with temp_files.disk_space():
                self._rows.flush()
                self._parts.flush()
            self.vectors = np.memmap(self._rows, np.float32, "r", shape=(len(self), dimension))
        if self._n_written:
            self._blob = mmap.mmap(self._parts.fileno(), 0, access=mmap.ACCESS_READ)

    def _part(self, index: int, number: int) -> bytes:
        start, end = self._ends[3 * index + number : 3 * index + number + 2]
        return self._blob[start:end]

    def text(self, index: int) -> str:
        return self._part(index, 1).decode()

    def id(self, index: int) -> str:
        """What ``id_field`` says of it, "" without."""
        return self._part(index, 2).decode()

    def shown(self, index: int) -> dict[str, Any]:
        """What says in another record which one it is: index, id and text if there are such."""
        name, text = self.id(index), self.text(index)
        return {"index": index, **({"id": name} if name else {}), **({"text": text} if text else {})}

    def record(self, index: int) -> Record:
        """It as it came."""
        source = self._sources[self._source_of[index]]
        record = Record(self.text(index), source, self._lines[index], self._part(index, 0) or None)
        record.entry = self._entries.get(index, {})
        return record


class NpyRows:
    """The rows of an ``.npy`` as items without text. ``vectors`` (N, D) are mapped, and are what the file holds.

    Raises:
        RunError: it is no matrix of numbers, is cut off, or has rows with NaN, of records that had no vector.
    """

    ready = False
    model = ""
    failed: Sequence[tuple[int, Record]] = ()

    def __init__(self, path: str) -> None:
        self._path = path
        from nlptool.storage import npy

        try:
            self.vectors = npy.mapped(Path(path))
        except (OSError, ValueError) as error:
            raise RunError(f"{path} is no .npy that can be read: {error}") from error
        if self.vectors.ndim != 2 or not self.vectors.shape[1] or self.vectors.dtype.kind not in "fiu":
            raise RunError(
                f"{path} is no matrix of numbers: it has the shape {self.vectors.shape} of {self.vectors.dtype}"
            )
        self.positions = np.arange(len(self.vectors))
        self.n_zero = 0
        step = max(1, _LOOKED_AT // max(1, self.vectors.shape[1]))
        for first in range(0, len(self.vectors), step):
            block = self.vectors[first : first + step]
            self.n_zero += int((~block.any(axis=1)).sum())
            with np.errstate(over="ignore"):
                wrong = np.flatnonzero(~np.isfinite(block.astype(np.float32, copy=False)).all(axis=1))
            if len(wrong):
                raise RunError(
                    f"{self._path}: row {first + wrong[0]} (from 0) holds NaN, infinity or a number beyond float32",
                    hint="nlptool embed writes such rows for records that have no text; its JSONL is read without them",
                )

    def __len__(self) -> int:
        return len(self.vectors)

    def text(self, _: int) -> str:
        return ""

    def id(self, _: int) -> str:
        return ""

    def shown(self, index: int) -> dict[str, Any]:
        return {"index": index}

    def record(self, index: int) -> Record:
        return Record("", self._path, index + 1, b"{}")


def in_order(
    found: EmbeddedRecords | NpyRows, done: int, blocks: Callable[[int], Iterator[list[Record]]]
) -> Iterator[list[Record]]:
    """The records of ``blocks(start)``, one for each item from ``start`` on, and the failed ones in their places.

    Args:
        done: how many records, of both kinds, have been written before.

    Raises:
        RunError: there are not so many.
    """
    if (more := done - len(found) - len(found.failed)) > 0:
        raise RunError(
            f"the unfinished output has {more:,} records more than the input gives: it comes from another one",
            hint="without --resume all is done anew",
        )
    start = n_failed = 0
    for _ in range(done):
        if n_failed < len(found.failed) and found.failed[n_failed][0] <= start:
            n_failed += 1
        else:
            start += 1
    left = deque(found.failed[n_failed:])
    place = start
    for records in blocks(start):
        merged = []
        for record in records:
            while left and left[0][0] <= place:
                merged.append(left.popleft()[1])
            merged.append(record)
            place += 1
        yield merged
    yield [record for _, record in left]


def is_matrix(path: str) -> bool:
    """Whether a file begins as an ``.npy`` does."""
    with contextlib.suppress(OSError):
        if Path(path).is_file():
            with Path(path).open("rb") as file:
                return file.read(len(_NPY)) == _NPY
    return False


def read(
    pipe: Pipe,
    embedder: Embedder,
    *,
    records: bool = True,
    ready: Callable[[NDArray[np.float32]], NDArray[np.float32]] = lambda vectors: vectors,
) -> EmbeddedRecords | NpyRows:
    """The records of the input with their vectors, or the rows of an ``.npy``, whose vectors are not made ``ready``.

    Args:
        records: they are written later, with the failed ones in their places; else those that failed are told of here.
        ready: what is kept of vectors (n, D).

    Raises:
        RunError: an .npy stands beside other files, or is none; or an index or another binary file was given.
    """
    for folder in filter(os.path.isdir, pipe.files):
        from nlptool.geometry.index import is_index

        if is_index(Path(folder)):
            raise RunError(f"{folder} is an index, and is searched alone", hint=f"nlptool search --corpus {folder}")
    if any(map(is_matrix, pipe.files)):
        if len(pipe.files) > 1:
            raise RunError("an .npy is read alone, without other files beside it")
        matrix = NpyRows(pipe.files[0])
        embedder.dimension = matrix.vectors.shape[1]
        pipe.tally.n_read += len(matrix)
        return matrix
    items = EmbeddedRecords()
    lost = items.add(refuse_binary(pipe.read()), embedder, id_field=pipe.id_field, records=records, ready=ready)
    if records:
        for _ in lost:
            pipe.bar.records(pipe.tally.n_read)
    else:
        pipe.consume(lost)
    return items


def refuse_binary(lists: Iterator[list[Record]]) -> Iterator[list[Record]]:
    """
    Raises:
        RunError: what comes is no text but a file of arrays.
    """
    for records in lists:
        for record in records[:1]:
            begins = record.error.raw if record.error is not None else record.text.encode()
            if record.line == 1 and (found := next((each for each in _BINARY if begins.startswith(each)), None)):
                what, hint = _BINARY[found]
                raise RunError(f"{record.source} is {what}", hint=hint)
        yield records


def read_vectors(pipe: Pipe, path: str) -> EmbeddedRecords | NpyRows:
    """The vectors of a file whose records hold them, or of an ``.npy``; what failed counts in ``pipe``.

    Raises:
        RunError: its records have no embedding.
    """
    with pipe.beside(path) as own:
        return read(own, _Embedded(own, EncoderSpec()), records=False)


class _Embedded(Embedder):
    """Takes the vectors that are there and makes none."""

    def _open(self) -> Callable[[Sequence[Any]], Embeddings]:
        raise RunError(
            f"{self._pipe.files[0]}: its records have no embedding",
            hint="nlptool embed gives them one: nlptool compare <(nlptool embed -m A t.txt) <(nlptool embed -m B t.txt)",
        )
