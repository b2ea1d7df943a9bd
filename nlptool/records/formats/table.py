"""A table for a person."""

from __future__ import annotations

import re
from typing import Any

from nlptool.errors import RunError
from nlptool.records.formats import RowWriter
from nlptool.records.formats.cells import Rows, rows_of
from nlptool.records.record import Record
from nlptool.storage.output import Output

_WIDEST = 50  # similarities in a row that a person reads

_LONGEST = 60  # characters of a text that are shown

_LINE_BREAKS = re.compile("[\t\n\v\f\r\x85\u2028\u2029]")


class Table(RowWriter):
    """All rows, written at the end, since every column is as wide as its widest cell."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._cells: list[list[str]] = []

    def row(self, record: Record) -> bytes:
        self._cells += [[_shown(cell) for cell in row] for row in rows_of(record, self._rows)]
        return b""

    def finish(self, output: Output) -> None:
        from nlptool.terminal import tables

        if self._cells:
            columns = self._rows.columns()
            numbers = [name for name, kind in columns if name and kind is not str]
            output.write(tables.table([name for name, _ in columns], self._cells, right=numbers).encode())


cells_writer = matrix_writer = Table


def refuse_too_wide(n_columns: int) -> None:
    """Refuse a matrix with more columns than a person reads.

    Raises:
        RunError: there are too many.
    """
    if n_columns > _WIDEST:
        raise RunError(
            f"a table of {n_columns:,} columns is not for a person", hint="-k 5 shows the nearest of each; -f csv all"
        )


def _shown(cell: Any) -> str:
    if isinstance(cell, float):
        return f"{cell:z.4f}"
    text = "" if cell is None else _LINE_BREAKS.sub(" ", str(cell))
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
