"""Results as JSONL, or as rows of cells: CSV, Parquet, or a table for a person."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import orjson

from nlptool.records.json_bytes import field_text, fields
from nlptool.records.pairs import PAIR_FIELDS, PAIR_TEXTS, texts_of
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.storage.output import Output

WIDEST = 50  # columns of a matrix that a person reads
_SHOWN = 60  # characters of a text in a table
_GROUP = 4096  # rows of Parquet that are written together
_BREAKS = re.compile("[\t\n\v\f\r\x85\u2028\u2029]")


class Rows(Protocol):
    """What becomes of a record where there are no objects."""

    def columns(self) -> Sequence[tuple[str, type]]:
        """Names, and int, float, str, or list of float; asked for when the first record is there."""
        ...

    def cells(self, record: Record) -> Iterator[list[Any]]:
        """The rows of a record that did not fail."""
        ...


class Matrix:
    """An item and its similarities: in Parquet a list, else a column for each, which a table numbers and CSV labels.

    Args:
        labels: of the columns.
        label: of a row, by its index.
    """

    def __init__(self, labels: Callable[[], Sequence[str]], label: Callable[[int], str], format: str) -> None:
        self._labels = labels
        self._label = label
        self._format = format

    def columns(self) -> Sequence[tuple[str, type]]:
        if self._format == "parquet":
            return [("index", int), ("label", str), ("similarities", list)]
        if self._format == "csv":
            return [("", str), *((label, float) for label in self._labels())]
        return [("", int), ("", str), *((str(index), float) for index in range(len(self._labels())))]

    def cells(self, record: Record) -> Iterator[list[Any]]:
        index = int(record.results["index"])
        label, values = self._label(index), orjson.loads(record.results["similarities"])
        if self._format == "parquet":
            yield [index, label, values]
        else:
            yield [
                *([index] if self._format == "table" else []),
                label,
                *(f"{value:z.2f}" if self._format == "table" else value for value in values),
            ]


class Neighbors:
    """An item and one of its neighbors.

    Args:
        id_field: the field that names a record, if one does.
    """

    def __init__(self, id_field: str | None) -> None:
        self._id_field = id_field

    def columns(self) -> Sequence[tuple[str, type]]:
        ids: list[tuple[str, type]] = [("id", str), ("neighbor_id", str)] if self._id_field else []
        return [("index", int), ("neighbor_index", int), *ids, ("text", str), ("neighbor", str), ("similarity", float)]

    def cells(self, record: Record) -> Iterator[list[Any]]:
        index, ids = int(record.results["index"]), []
        for each in orjson.loads(record.results["neighbors"]):
            if self._id_field:
                ids = [field_text(record.raw, self._id_field), each.get("id", "")]
            yield [index, each["index"], *ids, record.text, each.get("text", ""), each["similarity"]]


class Columns:
    """Some of a record's fields and results. ``text``, ``first`` and ``second`` are there whatever fields held them.

    Args:
        kinds: name of each -> int, float or str; what else stands in a field of text is written as JSON.
        pairs: names of the fields of the two texts of a pair, the first that a record has counts.
    """

    def __init__(self, kinds: Mapping[str, type], pairs: Sequence[tuple[str, str]] = PAIR_FIELDS) -> None:
        self._kinds = kinds
        self._pairs = pairs

    def columns(self) -> Sequence[tuple[str, type]]:
        return list(self._kinds.items())

    def cells(self, record: Record) -> Iterator[list[Any]]:
        known = fields(record.raw)
        known |= {"text": record.text} | dict(zip(PAIR_TEXTS[0], texts_of(known, self._pairs) or (), strict=False))
        known |= {name: orjson.loads(value) for name, value in record.results.items()}
        yield [
            as_text(known[name]) if kind is str and known.get(name) is not None else known.get(name)
            for name, kind in self._kinds.items()
        ]


def as_text(value: Any) -> str:
    """A field's value as it reads: a string, anything else as JSON; "" of null. A lone surrogate is no text."""
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def write(pipe: Pipe, lists: Iterable[list[Record]], format: str, rows: Rows) -> None:
    """Write the records as jsonl, or ``rows`` of them as csv, parquet or table; those that failed are then told of on stderr."""
    if format == "jsonl":
        pipe.write(lists)
    else:
        {"csv": _csv, "parquet": _parquet, "table": _table}[format](pipe, lists, rows)


def _cells(record: Record, rows: Rows) -> list[list[Any]]:
    return [] if record.error is not None or record.done else list(rows.cells(record))


def _csv(pipe: Pipe, lists: Iterable[list[Record]], rows: Rows) -> None:
    """RFC 4180, with a head."""
    begun = False

    def lines(record: Record) -> bytes:
        nonlocal begun
        found = _cells(record, rows)
        if not found:
            return b""
        head = [] if begun else [[name for name, _ in rows.columns()]]
        begun = True
        return "".join(map(_csv_line, [*head, *found])).encode(errors="replace")

    pipe.write(lists, lines, terminator=None)


def _csv_line(cells: Iterable[Any]) -> str:
    """A cell is quoted if it holds a line end; of the two, the module knows those alone that it writes itself."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue().removesuffix("\r\n") + "\n"


def _table(pipe: Pipe, lists: Iterable[list[Record]], rows: Rows) -> None:
    """All at once, since every column is as wide as its widest cell."""
    from nlptool.terminal import tables

    found: list[list[str]] = []

    def keep(record: Record) -> bytes:
        found.extend([_shown(cell) for cell in row] for row in _cells(record, rows))
        return b""

    def finish(output: Output) -> None:
        if found:
            columns = rows.columns()
            numbers = [name for name, kind in columns if name and kind is not str]
            output.write(tables.table([name for name, _ in columns], found, right=numbers).encode())

    pipe.write(lists, keep, finish=finish, terminator=None)


def _shown(cell: Any) -> str:
    if isinstance(cell, float):
        return f"{cell:z.4f}"
    text = "" if cell is None else _BREAKS.sub(" ", str(cell))
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _parquet(pipe: Pipe, lists: Iterable[list[Record]], rows: Rows) -> None:
    import pyarrow

    from nlptool.records.formats.parquet import Groups

    kinds = {
        int: pyarrow.int64(), float: pyarrow.float32(), str: pyarrow.string(), list: pyarrow.list_(pyarrow.float32())
    }  # fmt: skip
    columns = rows.columns()
    groups = Groups([(name, kinds[kind]) for name, kind in columns])
    waiting: list[list[Any]] = []

    def group() -> None:
        groups.write({name: values for (name, _), values in zip(columns, zip(*waiting, strict=True), strict=True)})
        waiting.clear()

    def row(record: Record) -> bytes:
        waiting.extend(_cells(record, rows))
        if len(waiting) >= _GROUP:
            group()
        return groups.taken()

    def finish(output: Output) -> None:
        if waiting:
            group()
        output.write(groups.closed())

    pipe.write(lists, row, start=lambda _: groups.taken(), finish=finish, terminator=None)
