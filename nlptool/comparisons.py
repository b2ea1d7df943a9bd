"""Items compared with items: the iterators behind `similarity`, and the neighbors that `search` answers with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import orjson

from nlptool.errors import RecordError
from nlptool.pairs import two_texts
from nlptool.records import Record

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nlptool.embedder import Embedder
    from nlptool.items import Items, Matrix
    from nlptool.models.similarities import Vectors

MANY = 10_000_000  # pairs, from which on their number is foretold
_AT_ONCE = 4096  # pairs that are handed on together


def matrix(
    items: Items | Matrix,
    a: Vectors,
    b: Vectors,
    *,
    memory: int,
    as_bytes: Callable[[NDArray[Any]], bytes],
    start: int = 0,
) -> Iterator[list[Record]]:
    """A record for each item, with its similarities to all rows of ``b`` as ``as_bytes`` writes them."""
    from nlptool.models import similarities

    for first, found in similarities.matrix(a, b, memory=memory, start=start):
        records = []
        for index, row in enumerate(found, first):
            record = items.record(index)
            record.results = {"index": b"%d" % index, "similarities": as_bytes(row)}
            records.append(record)
        yield records


def neighbors(
    items: Items | Matrix,
    others: Items | Matrix,
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
    from nlptool.models import similarities

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
    items: Items | Matrix,
    others: Items | Matrix,
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
    from nlptool.models import similarities

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


def of_pairs(lists: Iterator[list[Record]], embedder: Embedder, measure: str) -> Iterator[list[Record]]:
    """Give each record, which holds two texts, their similarity: null if one of them has nothing in it."""
    from nlptool.models import similarities

    for records in lists:
        asked: list[tuple[Record, Record, Record]] = []
        for record in records:
            if record.pending:
                try:
                    first, second = (Record(text, record.source, record.line) for text in two_texts(record))
                    asked.append((record, first, second))
                except RecordError as error:
                    record.fail(error)
        kept, vectors = embedder(text for _, first, second in asked for text in (first, second))
        rows = {id(record): row for row, record in enumerate(kept)}
        both = [
            (rows[id(first)], rows[id(second)]) for _, first, second in asked if {id(first), id(second)} <= rows.keys()
        ]
        left, right = zip(*both, strict=True) if both else ((), ())
        scores = iter(similarities.of_rows(vectors[list(left)], vectors[list(right)], measure))
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
