"""Records with their vectors: the input of `similarity`, `search`, `index`, `map` and `compare`.

Vectors, texts and the records themselves are kept in temporary files and mapped into memory, so that a million of them take no
more memory than the system has to spare. An ``.npy`` is read as items without text.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
from numpy.typing import NDArray

from nlptool.errors import RunError
from nlptool.geometry.row_file import RowFile
from nlptool.records.inputs import is_folder
from nlptool.records.json_bytes import field_json, field_text
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.records.windows import windows
from nlptool.specs import EncoderSpec
from nlptool.storage.unfinished import state_of
from nlptool.tasks.embedder import Embedder
from nlptool.tasks.kept_records import KeptRecords
from nlptool.tasks.npy_rows import NPY_MAGIC, NpyRows, is_matrix

if TYPE_CHECKING:
    from nlptool.models.encoders.encoder import Embeddings
    from nlptool.tasks.indexed_items import IndexedItems

_BINARY = {
    NPY_MAGIC: ("an .npy, which is read from a file alone", "name the FILE"),
    b"PK\x03\x04": ("a ZIP archive or an .npz, which is not read", "its JSONL or .npy is: nlptool embed -f jsonl"),
    b"PAR1\x15": ("a Parquet file", "-I parquet reads it, and -I auto, the default"),
}
"""Magic bytes of files that hold no lines -> what they are, and a hint."""


class EmbeddedRecords(KeptRecords):
    """Records that have a vector, in their order.

    Attributes:
        vectors: (N, D) float32, mapped into memory.
        ready: whether the vectors are prepared for a measure; those of an ``.npy`` are not.
        model: the model of the vectors, "" if it is not known.
        n_zero: vectors of zeros.
        without: the records without a vector that are to be written too, each with the number of items before it: those that
            failed and, if it was asked for, the empty ones.
    """

    ready = True

    def __init__(self) -> None:
        super().__init__()
        self.vectors: NDArray[np.float32] = np.empty((0, 0), np.float32)
        self.model = ""
        self.n_zero = 0
        self.without: list[tuple[int, Record]] = []
        self._positions = array("q")
        self._rows = RowFile(np.float32)
        self._n_read = 0

    @property
    def positions(self) -> NDArray[np.int64]:
        """positions[i] is the number of item i among the records of the input, from 0: (N,)."""
        return np.frombuffer(self._positions, np.int64) if self._positions else np.empty(0, np.int64)

    def add(
        self,
        lists: Iterable[list[Record]],
        embedder: Embedder,
        *,
        id_field: str | None = None,
        records: bool = True,
        empty: bool = False,
        ready: Callable[[NDArray[np.float32]], NDArray[np.float32]] = lambda vectors: vectors,
    ) -> Iterator[list[Record]]:
        """Add the records that have a vector; yield the failed ones.

        Args:
            id_field: the field that names a record.
            records: keep them whole, to be written later.
            empty: the empty ones are to be written, too.
            ready: prepares vectors (n, D) before they are kept.
        """
        for window in windows(lists):
            with_vector, vectors = embedder(window)
            added = set(map(id, with_vector))
            failed = []
            for position, record in enumerate(window, self._n_read):
                if id(record) in added:
                    self._positions.append(position)
                    self.keep(record, field_json(record.raw, id_field), whole=records)
                    continue
                if empty if record.pending else records:
                    self.without.append((len(self), record))
                if not record.pending:
                    failed.append(record)
            vectors = ready(vectors)
            self.n_zero += int((~vectors.any(axis=1)).sum())
            self._rows.add(vectors)
            self._n_read += len(window)
            if failed or not window:
                yield failed
        self.model = embedder.model
        self.vectors = self._rows.matrix()
        self.close()

    def id(self, index: int) -> str:
        """Return the name of an item, the value of ``id_field`` as text; "" without."""
        return field_text(b'{"id":%b}' % self.part(index), "id") if self.part(index) else ""

    def shown(self, index: int) -> dict[str, Any]:
        """Return what names an item in another record: index, file, line, and id and text if it has them."""
        record, name = self.record(index), self.part(index)
        return {
            "index": self._positions[index],
            **record.named(),
            **({"id": orjson.Fragment(name)} if name else {}),
            **({"text": record.text} if record.text else {}),
        }


def in_order(
    items: EmbeddedRecords | NpyRows | IndexedItems, n_done: int, blocks: Callable[[int], Iterator[list[Record]]]
) -> Iterator[list[Record]]:
    """Yield the records of ``blocks(start)``, one for each item from ``start`` on, and those without a vector in their places.

    Args:
        n_done: records of both kinds that have been written before.
    """
    start = n_without = 0
    for _ in range(n_done):
        if n_without < len(items.without) and items.without[n_without][0] <= start:
            n_without += 1
        else:
            start += 1
    without = deque(items.without[n_without:])
    position = start
    for records in blocks(start):
        merged = []
        for record in records:
            while without and without[0][0] <= position:
                merged.append(without.popleft()[1])
            merged.append(record)
            position += 1
        yield merged
    yield [record for _, record in without]


def read(
    pipe: Pipe,
    embedder: Embedder,
    *,
    records: bool = True,
    empty: bool = False,
    ready: Callable[[NDArray[np.float32]], NDArray[np.float32]] = lambda vectors: vectors,
) -> EmbeddedRecords | NpyRows:
    """Read the records of the input with their vectors, or the rows of an ``.npy``, whose vectors are not made ``ready``.

    Args:
        records: keep the records, to be written later with the failed ones in their places; else these are counted here.
        empty: keep those without a text, too.
        ready: prepares vectors (n, D) before they are kept.

    Raises:
        RunError: an .npy stands beside other files, or is none; or an index or another binary file was given.
    """
    if (folder := index_among(pipe.files)) is not None:
        raise RunError(f"{folder} is an index, and is searched alone", hint=f"nlptool search --corpus {folder}")
    if any(map(is_matrix, pipe.files)):
        if len(pipe.files) > 1:
            raise RunError("an .npy is read alone, without other files beside it")
        path = pipe.files[0]
        matrix = NpyRows(path)
        pipe.work_done.remember("files", path, lambda: state_of(Path(path)))
        embedder.dimension = matrix.vectors.shape[1]
        pipe.tally.n_read += len(matrix)
        return matrix
    items = EmbeddedRecords()
    failed = items.add(
        refuse_binary(pipe.read()), embedder, id_field=pipe.id_field, records=records, empty=empty, ready=ready
    )
    if records:
        for _ in failed:
            pipe.bar.records(pipe.tally.n_read)
    else:
        pipe.consume(failed)
    return items


def index_among(paths: Iterable[str]) -> str | None:
    """Return the first of ``paths`` that is an index; None: there is none."""
    folders = list(filter(is_folder, paths))
    if folders:
        from nlptool.geometry.index_folder import is_index

        return next((folder for folder in folders if is_index(Path(folder))), None)
    return None


def refuse_binary(lists: Iterator[list[Record]]) -> Iterator[list[Record]]:
    """Pass records on, unless the input is a file of arrays.

    Raises:
        RunError: it is.
    """
    for records in lists:
        for record in records[:1]:
            start = record.error.raw if record.error is not None else record.text.encode()
            if record.line == 1 and (magic := next((magic for magic in _BINARY if start.startswith(magic)), None)):
                what, hint = _BINARY[magic]
                raise RunError(f"{record.source} is {what}", hint=hint)
        yield records


def read_vectors(pipe: Pipe, path: str) -> EmbeddedRecords | NpyRows:
    """Read the vectors of a file whose records hold them, or of an ``.npy``; failed records count in ``pipe``.

    Raises:
        RunError: its records have no embedding.
    """
    with pipe.beside(path) as beside:
        return read(beside, _Embedded(beside, EncoderSpec()), records=False)


class _Embedded(Embedder):
    """Uses the vectors that records bring along and has no encoder."""

    def _open(self) -> Callable[[Sequence[Any]], Embeddings]:
        raise RunError(
            f"{self._pipe.files[0]}: its records have no embedding",
            hint="nlptool embed gives them one: nlptool compare <(nlptool embed -m A t.txt) <(nlptool embed -m B t.txt)",
        )
