"""Items compared with items: the iterators behind `similarity`, and the neighbors that `search` answers with."""

from __future__ import annotations

import functools
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from nlptool.errors import RecordError, RunError
from nlptool.records import formats
from nlptool.records.formats.cells import Matrix
from nlptool.records.formats.table import refuse_too_wide
from nlptool.records.pairs import two_texts
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nlptool.geometry.similarity import Vectors
    from nlptool.tasks.embedded_records import EmbeddedRecords, NpyRows
    from nlptool.tasks.embedder import Embedder

MANY = 10_000_000  # pairs, from which on their number is foretold
_AT_ONCE = 4096  # pairs that are handed on together


def matrix(
    items: EmbeddedRecords | NpyRows,
    a: Vectors,
    b: Vectors,
    *,
    memory: int,
    as_bytes: Callable[[NDArray[Any]], bytes],
    start: int = 0,
) -> Iterator[list[Record]]:
    """A record for each item, with its similarities to all rows of ``b`` as ``as_bytes`` writes them."""
    from nlptool.geometry import similarity as similarities

    for first, found in similarities.matrix(a, b, memory=memory, start=start):
        records = []
        for index, row in enumerate(found, first):
            record = items.record(index)
            record.results = {"index": b"%d" % index, "similarities": as_bytes(row)}
            records.append(record)
        yield records


def neighbors(
    items: EmbeddedRecords | NpyRows,
    others: EmbeddedRecords | NpyRows,
    a: Vectors,
    b: Vectors,
    k: int,
    *,
    memory: int,
    threshold: float | None = None,
    start: int = 0,
) -> Iterator[list[Record]]:
    """A record for each item, with its ``k`` nearest of ``others`` that are at least ``threshold`` alike. If ``others`` are the
    items themselves, none is its own neighbor."""
    from nlptool.geometry import similarity as similarities

    own = items is others
    for first, columns, scores in similarities.nearest(
        a, b, min(k, max(1, len(b) - own)), memory=memory, threshold=threshold, same=own, start=start
    ):
        records = []
        for index, places, values in zip(range(first, first + len(columns)), columns, scores, strict=True):
            record = items.record(index)
            record.results = {"index": b"%d" % index, "neighbors": as_neighbors(others, places, values)}
            records.append(record)
        yield records


def as_neighbors(others: Any, columns: NDArray[Any], scores: NDArray[Any]) -> bytes:
    """One item's neighbors as JSON; a column of -1 is none. ``others`` says with ``shown`` what stands at an index."""
    return orjson.dumps(
        [
            {**others.shown(column), "similarity": score}
            for column, score in zip(columns.tolist(), scores, strict=True)
            if column >= 0
        ],
        option=orjson.OPT_SERIALIZE_NUMPY,
    )


def pairs(
    items: EmbeddedRecords | NpyRows,
    others: EmbeddedRecords | NpyRows,
    a: Vectors,
    b: Vectors,
    threshold: float,
    *,
    memory: int,
    after: tuple[int, int] = (0, -1),
    note: Callable[[str], None] = lambda _: None,
) -> Iterator[tuple[int, list[Record]]]:
    """The pairs that are at least ``threshold`` alike, a record each, by the first index and then by the second: (rows done,
    records). If ``others`` are the items themselves, each pair comes once.

    Args:
        after: the pair that was written last.
        note: is told, early, if there will be very many.
    """
    from nlptool.geometry import similarity as similarities

    own = items is others
    n_pairs, foretold = 0, False
    for done, rows, columns, scores in similarities.pairs(
        a, None if own else b, threshold, memory=memory, start=after[0]
    ):
        n_pairs += len(rows)
        share = 1 - ((len(a) - done) / max(1, len(a) - after[0])) ** (2 if own else 1)  # of the products that are done
        if not foretold and n_pairs / share > MANY:
            note(f"about {n_pairs / share:,.0f} pairs are to be expected; a higher --threshold, or -k, gives fewer")
            foretold = True
        records = []
        for row, column, score in zip(rows.tolist(), columns.tolist(), scores, strict=True):
            if (row, column) > after:
                record = Record("", "", row + 1, b"{}")
                record.results = _pair(items.shown(row), others.shown(column), score)
                records.append(record)
                if len(records) == _AT_ONCE:
                    yield done, records
                    records = []
        yield done, records


def _pair(first: dict[str, Any], second: dict[str, Any], score: Any) -> dict[str, bytes]:
    found: dict[str, Any] = {}
    for name in ("index", "id", "text"):
        for side, shown in (("first", first), ("second", second)):
            if name in shown:
                found[side if name == "text" else f"{side}_{name}"] = shown[name]
    found["similarity"] = score
    return {name: orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY) for name, value in found.items()}


def of_pairs(
    lists: Iterator[list[Record]], embedder: Embedder, measure: str, names: tuple[str, str] | None = None
) -> Iterator[list[Record]]:
    """Give each record, which holds two texts, their similarity: null if one of them is empty.

    Args:
        names: of the fields of the two texts; else one of ``PAIR_TEXTS``.
    """
    from nlptool.geometry import measures

    for records in lists:
        asked: list[tuple[Record, Record, Record]] = []
        for record in records:
            if record.pending:
                try:
                    first, second = (Record(text, record.source, record.line) for text in two_texts(record, names))
                    asked.append((record, first, second))
                except RecordError as error:
                    record.fail(error)
        kept, vectors = embedder(text for _, first, second in asked for text in (first, second))
        rows = {id(record): row for row, record in enumerate(kept)}
        both = [
            (rows[id(first)], rows[id(second)]) for _, first, second in asked if {id(first), id(second)} <= rows.keys()
        ]
        left, right = zip(*both, strict=True) if both else ((), ())
        scores = iter(measures.pairwise(vectors[list(left)], vectors[list(right)], measure))
        for record, first, second in asked:
            record.entry = {**first.entry, **second.entry}
            if failure := first.error or second.error:
                record.fail(failure)
            elif {id(first), id(second)} <= rows.keys():
                record.results = {"similarity": orjson.dumps(next(scores), option=orjson.OPT_SERIALIZE_NUMPY)}
            else:
                record.results = {"similarity": b"null"}
                record.entry |= {"reason": "one of the texts has no vector"}
        yield records


_WITHOUT_DIRECTION = {"cosine": "vectors of zeros", "pearson": "vectors of equal components"}


def write_matrix(pipe: Pipe, comparison: Comparison, format: str, *, keep: bool = False) -> None:
    """Write the similarities of all with all.

    Args:
        format: jsonl, csv, npy, ...
        keep: for a picture.
    """
    writer = formats.row_writer(format, "matrix", Matrix(format, comparison.labels, comparison.label))
    if formats.FORMATS[format].matrix == "raw":
        lists = comparison.matrix(lambda values: values.tobytes(), bytes_each=4, plot=keep)
    else:
        as_json = functools.partial(orjson.dumps, option=orjson.OPT_SERIALIZE_NUMPY)
        lists = comparison.matrix(as_json, bytes_each=10, plot=keep, widest=format == "table")
    pipe.write_rows(lists, writer)


class Comparison:
    """What is compared with what. It is read when the first result is asked for, so that an output that cannot be written is
    known before.

    ``items`` are the records of the input, ``others`` those of ``against`` or the same.
    """

    def __init__(self, pipe: Pipe, embedder: Embedder, measure: str, against: str | None, memory: int) -> None:
        self.measure = measure
        self.items: EmbeddedRecords | NpyRows
        self.others: EmbeddedRecords | NpyRows
        self._pipe = pipe
        self._embedder = embedder
        self._against = against
        self._memory = memory

    def labels(self) -> list[str]:
        """Of the columns."""
        return [_label(self.others, index) for index in range(len(self.others))]

    def label(self, index: int) -> str:
        """Of a row."""
        return _label(self.items, index)

    def matrix(self, as_bytes: Any, *, bytes_each: int, plot: bool, widest: bool = False) -> Iterator[list[Record]]:
        """A record for each item, with all its similarities, of ``bytes_each`` as they are written (about, if it is text)."""
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
        """The matrix as a whole, (N, M), for a picture: made once more, since what was written need not be all of it."""
        import numpy as np

        from nlptool.geometry import similarity as similarities

        blocks = similarities.matrix(*self._sides, memory=self._memory)
        return np.concatenate([found.copy() for _, found in blocks])

    def neighbors(self, k: int, threshold: float | None) -> Iterator[list[Record]]:
        """A record for each item, with the nearest of the others."""
        a, b = self._read()
        yield from self._rows(
            lambda start: neighbors(
                self.items, self.others, a, b, k, memory=self._memory, threshold=threshold, start=start
            )
        )

    def pairs(self, threshold: float) -> Iterator[list[Record]]:
        """The records that failed, and then a record for each pair."""
        a, b = self._read()
        after = (0, -1)
        if self._n_done > len(self.items.failed):
            try:
                pair = orjson.loads(self._last)
                after = int(pair["first_index"]), int(pair["second_index"])
            except (ValueError, KeyError, TypeError) as error:
                raise RunError(
                    "the unfinished output does not end with a pair: it comes from another run",
                    hint="without --resume all is done anew",
                ) from error
        yield [record for _, record in self.items.failed[self._n_done :]]
        found = pairs(self.items, self.others, a, b, threshold, memory=self._memory, after=after, note=self._pipe.note)
        for done, records in found:
            self._pipe.bar.work("similarity", done, len(a), "rows")
            yield from self.with_entry(iter([records]))

    def with_entry(self, lists: Iterator[list[Record]]) -> Iterator[list[Record]]:
        """Say in each record by which model and measure."""
        for records in lists:
            for record in records:
                if record.pending:
                    prompt = {"prompt": self._embedder.prompt} if self._embedder.prompt else {}
                    said = {"model": self._embedder.model or None, **prompt, "measure": self.measure}
                    record.entry = {**said, **record.entry}
            yield records

    def _rows(self, blocks: Any) -> Iterator[list[Record]]:
        """The items' records as ``blocks(start)`` makes them, and the failed ones in their places."""
        from nlptool.tasks.embedded_records import in_order

        n_written = self._n_done
        for records in self.with_entry(in_order(self.items, self._n_done, blocks)):
            n_written += len(records)
            self._pipe.bar.work("similarity", n_written, len(self.items) + len(self.items.failed), "rows")
            yield records

    def _read(self) -> tuple[Vectors, Vectors]:
        """The two sides, ready to be compared."""
        from nlptool.geometry import measures
        from nlptool.geometry import similarity as similarities
        from nlptool.tasks import embedded_records

        ready = functools.partial(measures.prepare, measure=self.measure)
        self._n_done, self._last = self._pipe.done_before()
        self.items = embedded_records.read(self._pipe, self._embedder, ready=ready)
        if self._against is None:
            self.others = self.items
        else:
            with self._pipe.beside(self._against) as own:
                self.others = embedded_records.read(own, self._embedder, records=False, ready=ready)
            if len(self.items) and len(self.others) and self.items.vectors.shape[1] != self.others.vectors.shape[1]:
                raise RunError(
                    f"the vectors of {self._against} have {self.others.vectors.shape[1]:,} components, those of the input "
                    f"{self.items.vectors.shape[1]:,}: another model"
                )
        if not len(self.others) and len(self.items):
            raise RunError(f"there is nothing to compare with: no record of {self._against} has a vector")
        n_zero = self.items.n_zero + (self.others.n_zero if self.others is not self.items else 0)
        if n_zero and self.measure in _WITHOUT_DIRECTION:
            what = _WITHOUT_DIRECTION[self.measure]
            self._pipe.note(f"{what}, which have no direction, so that their similarities are 0: {n_zero:,}")
        first, second = (
            similarities.Vectors(each.vectors, self.measure, ready=each.ready) for each in (self.items, self.others)
        )
        self._sides = first, second
        return self._sides

    def _check_room(self, n_rows: int, n_columns: int, bytes_each: int) -> None:
        """
        Raises:
            RunError: the matrix does not fit on the disk.
        """
        from nlptool.geometry.similarity import format_size

        where, free = self._pipe.output or "<stdout>", _free(self._pipe.output)
        needed = n_rows * n_columns * bytes_each
        if free is not None and needed > free:
            raise RunError(
                f"{n_rows:,} x {n_columns:,} similarities of {bytes_each} bytes are {format_size(needed)}, and for {where} "
                f"there are {format_size(free)} free",
                hint="-k K keeps the K nearest of each alone, --threshold T the pairs above T",
            )


def _free(output: str | None) -> int | None:
    """The bytes that are free where a file is written, named or as stdout; None where no file is."""
    if output in (None, "-"):
        try:
            is_file = stat.S_ISREG(os.fstat(1).st_mode)
        except OSError:
            return None
        return os.fstatvfs(1).f_bavail * os.fstatvfs(1).f_frsize if is_file else None
    path = Path(str(output)).resolve()
    is_file = path.parent.is_dir() and (path.is_file() or not path.exists())
    return shutil.disk_usage(path.parent).free if is_file else None


def _label(items: EmbeddedRecords | NpyRows, index: int) -> str:
    return items.id(index) or items.text(index) or str(index)
