"""Results as JSONL, or as rows of cells: CSV, Parquet, or a table for a person."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

import orjson

from nlptool.pipe import Pipe
from nlptool.records import Record, fields
from nlptool.streams import Output

WIDEST = 50  # columns of a matrix that a person reads
_SHOWN = 60  # characters of a text in a table
_GROUP = 4096  # rows of Parquet that are written together
_WHOLE = ("index", "neighbor_index", "first_index", "second_index")
_REAL = ("similarity", "x", "y")


class Rows(Protocol):
    """What becomes of a record where there are no objects."""

    def names(self) -> Sequence[str]:
        """Of the columns; asked for when the first record is there."""
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

    def names(self) -> Sequence[str]:
        if self._format == "parquet":
            return ["index", "label", "similarities"]
        if self._format == "csv":
            return ["", *self._labels()]
        return ["", "", *(str(index) for index in range(len(self._labels())))]

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
    """An item and one of its neighbors."""

    def __init__(self, *, ids: bool) -> None:
        self._names = ["index", "neighbor_index", *(["neighbor_id"] if ids else []), "text", "neighbor", "similarity"]

    def names(self) -> Sequence[str]:
        return self._names

    def cells(self, record: Record) -> Iterator[list[Any]]:
        for each in orjson.loads(record.results["neighbors"]):
            row = {f"neighbor_{name}": value for name, value in each.items() if name in ("index", "id")}
            row |= {"index": int(record.results["index"]), "text": record.text}
            row |= {"neighbor": each.get("text", ""), "similarity": each["similarity"]}
            yield [row.get(name) for name in self._names]


class Columns:
    """Some of a record's fields and results; ``text`` is there whatever field held it."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def names(self) -> Sequence[str]:
        return self._names

    def cells(self, record: Record) -> Iterator[list[Any]]:
        results = {name: orjson.loads(value) for name, value in record.results.items()}
        known = {**fields(record), "text": record.text, **results}
        yield [known.get(name) for name in self._names]


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
        cells = _cells(record, rows)
        if not cells:
            return b""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        if not begun:
            writer.writerow(rows.names())
            begun = True
        writer.writerows(cells)
        return text.getvalue().encode(errors="replace")

    pipe.write(lists, lines, terminator=None)


def _table(pipe: Pipe, lists: Iterable[list[Record]], rows: Rows) -> None:
    """All at once, since every column is as wide as its widest cell."""
    from nlptool import display

    found: list[list[str]] = []

    def keep(record: Record) -> bytes:
        found.extend([_shown(cell) for cell in row] for row in _cells(record, rows))
        return b""

    def finish(output: Output) -> None:
        if found:
            names = list(rows.names())
            numbers = [name for name, cell in zip(names, found[0], strict=True) if name and _is_number(cell)]
            output.write(display.table(names, found, right=numbers).encode())

    pipe.write(lists, keep, finish=finish, terminator=None)


def _shown(cell: Any) -> str:
    if isinstance(cell, float):
        return f"{cell:z.4f}"
    text = "" if cell is None else str(cell).replace("\n", " ")
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _is_number(cell: str) -> bool:
    return cell.replace(".", "", 1).lstrip("-").isdecimal()


def _parquet(pipe: Pipe, lists: Iterable[list[Record]], rows: Rows) -> None:
    import pyarrow

    from nlptool.parquet import Groups

    kinds = {"similarities": pyarrow.list_(pyarrow.float32())}
    kinds |= dict.fromkeys(_WHOLE, pyarrow.int64()) | dict.fromkeys(_REAL, pyarrow.float32())
    groups = Groups([(name, kinds.get(name, pyarrow.string())) for name in rows.names()])
    waiting: list[list[Any]] = []

    def group() -> None:
        groups.write(dict(zip(rows.names(), zip(*waiting, strict=True), strict=True)))
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
