"""Similarities of records that have vectors: all with all, the nearest of each, pairs, and the two texts of a record."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from nlptool.errors import RecordError
from nlptool.geometry import measures
from nlptool.geometry import similarity as similarities
from nlptool.records.formats.record_rows import Layout
from nlptool.records.pairs import two_texts
from nlptool.records.record import Record
from nlptool.tasks.entries import entry_of_both

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nlptool.geometry.similarity import Vectors
    from nlptool.tasks.embedded_records import EmbeddedRecords
    from nlptool.tasks.embedder import Embedder
    from nlptool.tasks.indexed_items import IndexedItems
    from nlptool.tasks.npy_rows import NpyRows

MANY = 10_000_000  # pairs, from which on their number is estimated

_CHUNK = 4096  # pairs that are handed on together

_TOGETHER = (
    16_000_000  # bytes of rows that are handed on together: as text a block is several times as large as its numbers
)


class Items(Protocol):
    """Records or rows that can be named in an answer."""

    def shown(self, index: int) -> dict[str, Any]:
        """Return what names item ``index`` in another record."""
        ...


def matrix(
    items: EmbeddedRecords | NpyRows | IndexedItems,
    a: Vectors,
    b: Vectors,
    *,
    memory: int,
    as_bytes: Callable[[NDArray[Any]], bytes],
    start: int = 0,
) -> Iterator[list[Record]]:
    """Yield a record for each item from ``start`` on, with its similarities to all rows of ``b`` as ``as_bytes`` writes them."""
    numbers = items.positions
    for first, block in similarities.matrix(a, b, memory=memory, start=start):
        records: list[Record] = []
        n_bytes = 0
        for index, row in enumerate(block, first):
            record = items.record(index)
            shown = as_bytes(row)
            record.results = {"index": b"%d" % numbers[index], "similarities": shown}
            records.append(record)
            n_bytes += len(shown)
            if n_bytes > _TOGETHER:
                yield records
                records, n_bytes = [], 0
        if records:
            yield records


def neighbors(
    items: EmbeddedRecords | NpyRows | IndexedItems,
    others: EmbeddedRecords | NpyRows | IndexedItems,
    a: Vectors,
    b: Vectors,
    k: int,
    *,
    memory: int,
    threshold: float | None = None,
    start: int = 0,
) -> Iterator[list[Record]]:
    """Yield a record for each item from ``start`` on, with its ``k`` nearest of ``others``.

    If ``others`` are the items themselves, none is its own neighbor.

    Args:
        a, b: the vectors of items and of others.
        threshold: leave out neighbors with a smaller similarity.
    """
    same, numbers = items is others, items.positions
    for first, columns, scores in similarities.nearest(
        a, b, min(k, max(1, len(b) - same)), memory=memory, threshold=threshold, same=same, start=start
    ):
        records = []
        for index, indices, values in zip(range(first, first + len(columns)), columns, scores, strict=True):
            record = items.record(index)
            found = neighbors_json(others, indices, values)
            record.results = {"index": b"%d" % numbers[index], "neighbors": found}
            records.append(record)
        yield records


def neighbors_json(others: Items, indices: NDArray[Any], scores: NDArray[Any]) -> bytes:
    """Return one item's neighbors as JSON: those of ``others`` at ``indices`` (-1: none), with their scores."""
    return orjson.dumps(
        [
            {**others.shown(index), "similarity": score}
            for index, score in zip(indices.tolist(), scores, strict=True)
            if index >= 0
        ],
        option=orjson.OPT_SERIALIZE_NUMPY,
    )


def neighbors_layout(results: Mapping[str, type], *, with_ids: bool = False) -> Layout:
    """Return the columns of records with ``results`` and ``neighbors``: a neighbor in each row.

    Args:
        with_ids: a neighbor may have an id.
    """
    columns: dict[str, tuple[str, type]] = {"index": ("neighbor_index", int)}
    columns |= {"id": ("neighbor_id", object)} if with_ids else {}
    columns |= {"text": ("neighbor", str), "similarity": ("similarity", float)}
    return Layout(results, answers="neighbors", answer_columns=columns, prefix="neighbor_")


def pairs(
    items: EmbeddedRecords | NpyRows | IndexedItems,
    others: EmbeddedRecords | NpyRows | IndexedItems,
    a: Vectors,
    b: Vectors,
    threshold: float,
    *,
    memory: int,
    after: tuple[int, int] = (0, -1),
    note: Callable[[str], None] = lambda _: None,
) -> Iterator[tuple[int, list[Record]]]:
    """Yield the pairs with a similarity of ``threshold`` at least, a record each, by the first index and then by the second.

    If ``others`` are the items themselves, each pair comes once.

    Args:
        after: the pair that was written last.
        note: called, early, with a message if there will be very many.

    Yields:
        The number of rows done, and records.
    """
    same = items is others
    n_pairs, estimated = 0, False
    for done, rows, columns, scores in similarities.pairs(
        a, None if same else b, threshold, memory=memory, start=after[0]
    ):
        n_pairs += len(rows)
        share = 1 - ((len(a) - done) / max(1, len(a) - after[0])) ** (2 if same else 1)  # of the products that are done
        if share and not estimated and n_pairs / share > MANY:
            note(f"about {n_pairs / share:,.0f} pairs are to be expected; a higher --threshold, or -k, gives fewer")
            estimated = True
        records = []
        for row, column, score in zip(rows.tolist(), columns.tolist(), scores, strict=True):
            if (row, column) > after:
                record = Record("", "", row + 1, b"{}")
                record.results = _pair_results(items.shown(row), others.shown(column), score)
                record.entry = entry_of_both(items.entry(row), others.entry(column))
                records.append(record)
                if len(records) == _CHUNK:
                    yield done, records
                    records = []
        yield done, records


def _pair_results(first: dict[str, Any], second: dict[str, Any], score: Any) -> dict[str, bytes]:
    values: dict[str, Any] = {}
    for name in ("index", "file", "line", "id", "text"):
        for side, shown in (("first", first), ("second", second)):
            if name in shown:
                values[side if name == "text" else f"{side}_{name}"] = shown[name]
    values["similarity"] = score
    return {name: orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY) for name, value in values.items()}


def of_pairs(
    lists: Iterator[list[Record]], embedder: Embedder, names: tuple[str, str] | None = None
) -> Iterator[list[Record]]:
    """Give each record, which holds two texts, their similarity: null if one of them is empty.

    Args:
        names: of the fields of the two texts; else one of ``PAIR_TEXTS``.
    """
    for records in lists:
        with_texts: list[tuple[Record, Record, Record]] = []
        for record in records:
            if record.pending:
                try:
                    first, second = (Record(text, record.source, record.line) for text in two_texts(record, names))
                    with_texts.append((record, first, second))
                except RecordError as error:
                    record.fail(error)
        with_vector, vectors = embedder(text for _, first, second in with_texts for text in (first, second))
        row_of = {id(record): row for row, record in enumerate(with_vector)}
        rows = [
            (row_of[id(first)], row_of[id(second)])
            for _, first, second in with_texts
            if {id(first), id(second)} <= row_of.keys()
        ]
        left, right = zip(*rows, strict=True) if rows else ((), ())
        scores = iter(measures.pairwise(vectors[list(left)], vectors[list(right)], embedder.measure))
        for record, first, second in with_texts:
            record.entry = entry_of_both(first.entry, second.entry)
            if failure := first.error or second.error:
                record.fail(failure)
            elif {id(first), id(second)} <= row_of.keys():
                record.results = {"similarity": orjson.dumps(next(scores), option=orjson.OPT_SERIALIZE_NUMPY)}
            else:
                record.results = {"similarity": b"null"}
                record.entry = {**record.entry, "reason": "one of the texts has no vector"}
        yield records
