"""Results as rows of a few cells: tables for a person, and the matrix of similarities."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import orjson

from nlptool.records.json_bytes import field_text, fields
from nlptool.records.pairs import PAIR_FIELDS, PAIR_TEXTS, texts_of
from nlptool.records.record import Record


class Rows(Protocol):
    """The columns of a result, and the rows that a record becomes."""

    def columns(self) -> Sequence[tuple[str, type]]:
        """Return names and types: int, float or str; called when the first record is there."""
        ...

    def cells(self, record: Record) -> Iterator[list[Any]]:
        """Yield the rows of a record that did not fail."""
        ...


def rows_of(record: Record, rows: Rows) -> list[list[Any]]:
    """Return the rows of a record; none if it failed, here or in an earlier command."""
    return [] if record.error is not None or record.done else list(rows.cells(record))


def place_of(named: Mapping[str, Any], prefix: str = "") -> str:
    """Return ``file:line`` of the fields that name a record, as grep writes it; ``line`` alone without a file.

    Args:
        prefix: before the names of the two fields.
    """
    file, line = named.get(f"{prefix}file"), named.get(f"{prefix}line")
    return "" if line is None else str(line) if file is None else f"{file}:{line}"


class Placed:
    """Rows with the place of their record before them."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def columns(self) -> Sequence[tuple[str, type]]:
        return [("place", str), *self._rows.columns()]

    def cells(self, record: Record) -> Iterator[list[Any]]:
        place = place_of(record.named())
        yield from ([place, *cells] for cells in self._rows.cells(record))


class Columns:
    """Some of a record's fields and results. ``text``, ``first`` and ``second`` are there whatever fields held them, and
    ``first_place`` and ``second_place`` are made of the file and the line of each.

    Args:
        types: name -> int, float or str; a value of another type in a str column is written as JSON.
        pairs: names of the fields of a pair's two texts; the first pair of names that a record has counts.
    """

    def __init__(self, types: Mapping[str, type], pairs: Sequence[tuple[str, str]] = PAIR_FIELDS) -> None:
        self._types = types
        self._pairs = pairs

    def columns(self) -> Sequence[tuple[str, type]]:
        return list(self._types.items())

    def cells(self, record: Record) -> Iterator[list[Any]]:
        values = fields(record.raw)
        values |= {"text": record.text} | dict(zip(PAIR_TEXTS[0], texts_of(values, self._pairs) or (), strict=False))
        values |= {name: orjson.loads(value) for name, value in record.results.items()}
        for side in PAIR_TEXTS[0]:
            if f"{side}_place" in self._types:
                values[f"{side}_place"] = place_of(values, f"{side}_")
        yield [
            as_text(values[name]) if type is str and values.get(name) is not None else values.get(name)
            for name, type in self._types.items()
        ]


class Neighbors:
    """A record and one of its neighbors in each row.

    Args:
        id_field: the field that names a record, if one does.
        with_place: name the neighbor by its file and line, else by its number.
    """

    def __init__(self, id_field: str | None, *, with_place: bool = False) -> None:
        self._id_field = id_field
        self._with_place = with_place

    def columns(self) -> Sequence[tuple[str, type]]:
        ids: list[tuple[str, type]] = [("id", str), ("neighbor_id", str)] if self._id_field else []
        named: list[tuple[str, type]] = [("index", int), ("neighbor_index", int)]
        if self._with_place:
            named = [("neighbor_place", str)]
        return [*named, *ids, ("text", str), ("neighbor", str), ("similarity", float)]

    def cells(self, record: Record) -> Iterator[list[Any]]:
        index, ids = int(record.results["index"]), []
        for neighbor in orjson.loads(record.results["neighbors"]):
            if self._id_field:
                ids = [field_text(record.raw, self._id_field), neighbor.get("id", "")]
            named = [place_of(neighbor)] if self._with_place else [index, neighbor["index"]]
            yield [*named, *ids, record.text, neighbor.get("text", ""), neighbor["similarity"]]


class Answers:
    """A record and one of the answers in its results in each row; a row without one if there is none.

    Args:
        name: of the result that is the list of answers.
        columns: field of an answer -> the column's name and type.
    """

    def __init__(self, name: str, columns: Mapping[str, tuple[str, type]]) -> None:
        self._name = name
        self._columns = columns

    def columns(self) -> Sequence[tuple[str, type]]:
        return [*self._columns.values(), ("text", str)]

    def cells(self, record: Record) -> Iterator[list[Any]]:
        for answer in orjson.loads(record.results[self._name]) or [{}]:
            yield [*(answer.get(field) for field in self._columns), record.text]


class Matrix:
    """A record and its similarities, a column for each, which a table numbers and CSV and TSV label.

    Args:
        format: csv | tsv | npy | table.
        labels: returns the labels of the columns by their records' numbers, when they are known.
        label: returns the label of a row, by its record's number.
    """

    def __init__(self, format: str, labels: Callable[[], Mapping[int, str]], label: Callable[[int], str]) -> None:
        self._format = format
        self._labels = labels
        self._label = label

    def columns(self) -> Sequence[tuple[str, type]]:
        if self._format in ("csv", "tsv"):
            return [("", str), *((label, float) for label in self._labels().values())]
        return [("", int), ("", str), *((str(index), float) for index in self._labels())]

    def cells(self, record: Record) -> Iterator[list[Any]]:
        index = int(record.results["index"])
        label, values = self._label(index), orjson.loads(record.results["similarities"])
        if self._format in ("csv", "tsv"):
            yield [label, *values]
        else:
            yield [index, label, *(f"{value:z.2f}" for value in values)]


def as_text(value: Any) -> str:
    """Return a field's value as text: a string as it is, null as "", anything else as JSON. A lone surrogate becomes U+FFFD."""
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
