"""The run of `similarity`: what is compared with what, read and written."""

from __future__ import annotations

import functools
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from nlptool.errors import RunError
from nlptool.geometry import measures
from nlptool.geometry import similarity as similarities
from nlptool.geometry.similarity import Vectors, format_size
from nlptool.records import formats
from nlptool.records.formats.cells import Matrix
from nlptool.records.formats.record_rows import Layout
from nlptool.records.formats.table import refuse_too_wide
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.records.writing import write_records
from nlptool.storage.unfinished import state_of
from nlptool.tasks import embedded_records
from nlptool.tasks.embedded_records import EmbeddedRecords, index_among
from nlptool.tasks.indexed_items import IndexedItems, adopt
from nlptool.tasks.npy_rows import NpyRows
from nlptool.tasks.similarity import matrix, neighbors, pairs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nlptool.tasks.embedder import Embedder

Side = EmbeddedRecords | NpyRows | IndexedItems

_WITHOUT_DIRECTION = {"cosine": "vectors of zeros", "pearson": "vectors of equal components"}


def write_matrix(pipe: Pipe, comparison: Comparison, format: str, *, keep: bool = False) -> None:
    """Write the similarities of all with all.

    Args:
        format: a name of ``formats.FORMATS``.
        keep: the matrix is drawn later, so it must fit into the memory.
    """
    if formats.FORMATS[format].matrix == "raw":
        lists = comparison.matrix(lambda values: values.tobytes(), bytes_each=4, plot=keep)
    else:
        as_json = functools.partial(orjson.dumps, option=orjson.OPT_SERIALIZE_NUMPY)
        lists = comparison.matrix(as_json, bytes_each=10, plot=keep, widest=format == "table")
    if format == "parquet":
        write_records(pipe, lists, format, Layout({"index": int, "similarities": list}))
        return
    pipe.write_rows(lists, formats.row_writer(format, "matrix", Matrix(format, comparison.labels, comparison.label)))


class Comparison:
    """The two sides of a comparison, read with the first result, so that an output that cannot be written is known before.

    Attributes:
        items: the records of the input.
        others: those of ``against``, or the same.
    """

    def __init__(self, pipe: Pipe, embedder: Embedder, against: str | None, memory: int) -> None:
        self.items: Side
        self.others: Side
        self._pipe = pipe
        self._embedder = embedder
        self._against = against
        self._memory = memory

    @property
    def measure(self) -> str:
        """The measure of similarity, once vectors have been read."""
        return self._embedder.measure

    def labels(self) -> dict[int, str]:
        """Return the labels of the columns, by the numbers of their records."""
        return {number: _label(self.others, item) for item, number in enumerate(self.others.positions.tolist())}

    def label(self, number: int) -> str:
        """Return the label of a row, by the number of its record."""
        return _label(self.items, int(np.searchsorted(self.items.positions, number)))

    def matrix(self, as_bytes: Any, *, bytes_each: int, plot: bool, widest: bool = False) -> Iterator[list[Record]]:
        """Yield a record for each item, with all its similarities of (about) ``bytes_each`` bytes as ``as_bytes`` writes them."""
        a, b = self._read()
        self._check_room(len(a), len(b), bytes_each)
        if widest:
            refuse_too_wide(len(b))
        if plot and 4 * len(a) * len(b) > self._memory:
            raise RunError(
                f"a picture of {len(a):,} x {len(b):,} similarities needs all of them in memory, more than --memory"
            )
        yield from self._rows(
            lambda start: matrix(self.items, a, b, memory=self._memory, as_bytes=as_bytes, start=start)
        )

    def drawn(self) -> NDArray[Any]:
        """Compute the whole matrix, (N, M), for a picture: with ``--resume`` not all of it was written in this run."""

        blocks = similarities.matrix(*self._sides, memory=self._memory)
        return np.concatenate([block.copy() for _, block in blocks])

    def neighbors(self, k: int, threshold: float | None) -> Iterator[list[Record]]:
        """Yield a record for each item, with the nearest of the others."""
        a, b = self._read()
        yield from self._rows(
            lambda start: neighbors(
                self.items, self.others, a, b, k, memory=self._memory, threshold=threshold, start=start
            )
        )

    def pairs(self, threshold: float) -> Iterator[list[Record]]:
        """Yield the records that failed, and then a record for each pair."""
        a, b = self._read()
        after = (0, -1)
        if self._n_done > len(self.items.without):
            first, second = self._last
            after = (
                int(np.searchsorted(self.items.positions, first)),
                int(np.searchsorted(self.others.positions, second)),
            )
        yield [record for _, record in self.items.without[self._n_done :]]
        results = pairs(
            self.items, self.others, a, b, threshold, memory=self._memory, after=after, note=self._pipe.note
        )
        for done, records in results:
            self._pipe.bar.work("similarity", done, len(a), "rows")
            yield from self.with_entry(iter([records]))

    @staticmethod
    def mark(record: Record) -> list[int] | None:
        """Return the numbers of a pair's records, behind which ``pairs`` goes on; None for a record that failed."""
        return None if record.error else [int(record.results[name]) for name in ("first_index", "second_index")]

    def with_entry(self, lists: Iterator[list[Record]]) -> Iterator[list[Record]]:
        """Add the model and the measure to each record's entry."""
        for records in lists:
            for record in records:
                if record.pending:
                    prompt = {"prompt": self._embedder.prompt} if self._embedder.prompt else {}
                    entry = {"model": self._embedder.model or None, **prompt, "measure": self.measure}
                    record.entry = {**entry, **record.entry}
            yield records

    def _rows(self, blocks: Any) -> Iterator[list[Record]]:
        """Yield the items' records as ``blocks(start)`` makes them, and the failed ones in their places."""
        n_written = self._n_done
        for records in self.with_entry(embedded_records.in_order(self.items, self._n_done, blocks)):
            n_written += len(records)
            self._pipe.bar.work("similarity", n_written, len(self.items) + len(self.items.without), "rows")
            yield records

    def _read(self) -> tuple[Vectors, Vectors]:
        """Read the two sides and prepare them for the measure."""

        def ready(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
            return measures.prepare(vectors, self.measure)  # which is known with the first vectors

        self._n_done, self._last = self._pipe.work_done.before(), self._pipe.work_done.last_mark
        self._pipe.id_is_optional = self._against is not None
        first, second = self._open_indexes()
        self.items = embedded_records.read(self._pipe, self._embedder, ready=ready) if first is None else first
        if self._against is None:
            self.others = self.items
        else:
            if second is not None:
                self.others = second
            else:
                with self._pipe.beside(self._against) as beside:
                    self.others = embedded_records.read(beside, self._embedder, records=False, ready=ready)
            if len(self.items) and len(self.others) and self.items.vectors.shape[1] != self.others.vectors.shape[1]:
                raise RunError(
                    f"the vectors of {self._against} have {self.others.vectors.shape[1]:,} components, those of the input "
                    f"{self.items.vectors.shape[1]:,}: another model"
                )
        if not len(self.others) and len(self.items):
            raise RunError(f"there is nothing to compare with: no record of {self._against} has a vector")
        n_zero = self.items.n_zero + (self.others.n_zero if self.others is not self.items else 0)
        if n_zero and self.measure in _WITHOUT_DIRECTION:
            kind = _WITHOUT_DIRECTION[self.measure]
            self._pipe.note(f"{kind}, which have no direction, so that their similarities are 0: {n_zero:,}")
        self._sides = self._vectors(self.items), self._vectors(self.others)
        return self._sides

    def _vectors(self, side: Side) -> Vectors:
        check = side.check_rows if isinstance(side, IndexedItems) else None
        return Vectors(side.vectors, self.measure, ready=side.ready, check=check)

    def _open_indexes(self) -> tuple[IndexedItems | None, IndexedItems | None]:
        """Open the sides that are indexes, before a text of the other one is embedded: by the model of the index.

        Raises:
            ModelError: one is damaged.
            RunError: one stands beside other files, or is of another model or for another measure.
        """
        first = second = None
        if (index := index_among(self._pipe.files)) is not None:
            if len(self._pipe.files) > 1:
                raise RunError(f"{index} is an index, and is read alone, without other files beside it")
            first = self._opened(index)
            self._pipe.n_read = self._pipe.tally.n_read = len(first)
        if self._against is not None and (index := index_among([self._against])) is not None:
            second = self._opened(index)
        return first, second

    def _opened(self, path: str) -> IndexedItems:
        items = IndexedItems(path)
        adopt(self._embedder, items.index)
        self._pipe.work_done.remember("files", path, lambda: state_of(Path(path)))
        return items

    def _check_room(self, n_rows: int, n_columns: int, bytes_each: int) -> None:
        """Check that the matrix fits on the disk.

        Raises:
            RunError: it does not.
        """
        where, free = self._pipe.output or "<stdout>", _free(self._pipe.output)
        needed = n_rows * n_columns * bytes_each
        if free is not None and needed > free:
            raise RunError(
                f"{n_rows:,} x {n_columns:,} similarities of {bytes_each} bytes are {format_size(needed)}, and for {where} "
                f"there are {format_size(free)} free",
                hint="-k K keeps the K nearest of each alone, --threshold T the pairs above T",
            )


def _free(output: str | None) -> int | None:
    """Return the bytes that are free where the output is written, or None if that is no file."""
    if output in (None, "-"):
        try:
            is_file = stat.S_ISREG(os.fstat(1).st_mode)
        except OSError:
            return None
        return os.fstatvfs(1).f_bavail * os.fstatvfs(1).f_frsize if is_file else None
    path = Path(str(output)).resolve()
    is_file = path.parent.is_dir() and (path.is_file() or not path.exists())
    return shutil.disk_usage(path.parent).free if is_file else None


def _label(items: Side, item: int) -> str:
    return items.id(item) or items.text(item) or str(items.positions[item])
