"""A table for a person."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from nlptool.errors import RunError
from nlptool.records.formats import RowWriter
from nlptool.records.formats.cells import Rows, rows_of
from nlptool.records.record import Record

if TYPE_CHECKING:
    from nlptool.terminal.tables import GrowingTable

_WIDEST = 50  # similarities in a row that a person reads

_COMPONENTS = 4  # of a vector that are shown

_LONGEST = 60  # characters of a text that are shown

_LINE_BREAKS = re.compile("[\t\n\v\f\r\x85\u2028\u2029]")


class Table(RowWriter):
    """Rows that are drawn list by list, under one head; a column is as wide as its widest cell so far."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._cells: list[list[str]] = []
        self._drawing: GrowingTable | None = None

    def row(self, record: Record) -> bytes:
        self._cells += [[_shown(cell) for cell in row] for row in rows_of(record, self._rows)]
        return b""

    def flush(self) -> bytes:
        if not self._cells:
            return b""
        if self._drawing is None:
            from nlptool.terminal.tables import GrowingTable

            columns = self._rows.columns()
            numbers = [name for name, kind in columns if name and kind is not str]
            self._drawing = GrowingTable([name for name, _ in columns], right=numbers)
        cells, self._cells = self._cells, []
        return self._drawing.draw(cells).encode()


class VectorRows:
    """A vector in each row: its norm, its number of components, the first of them, and the text.

    Args:
        is_float: the numbers are the vector's components, not int8 or bits.
    """

    def __init__(self, *, is_float: bool) -> None:
        self._is_float = is_float

    def columns(self) -> Sequence[tuple[str, type]]:
        return [("norm", float), ("dim", int), ("embedding", str), ("text", str)]

    def cells(self, record: Record) -> Iterator[list[Any]]:
        vector = orjson.loads(record.results["embedding"])
        if vector is None:
            yield [None, None, "null", record.text]
            return
        first = "  ".join(f"{value:6.3f}" if self._is_float else f"{value:4}" for value in vector[:_COMPONENTS])
        norm = math.hypot(*vector) if self._is_float else None
        yield [norm, len(vector), first + ("  …" if len(vector) > _COMPONENTS else ""), record.text]


records_writer = matrix_writer = Table


def refuse_too_wide(n_columns: int) -> None:
    """Refuse a matrix with more columns than a person reads.

    Raises:
        RunError: there are too many.
    """
    if n_columns > _WIDEST:
        raise RunError(
            f"a table of {n_columns:,} columns is not for a person",
            hint="-k 5 shows the nearest of each; -f jsonl and -f csv write all",
        )


def _shown(cell: Any) -> str:
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return f"{cell:z.4f}"
    text = "" if cell is None else _LINE_BREAKS.sub(" ", str(cell))
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
