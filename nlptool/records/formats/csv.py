"""CSV with a header (RFC 4180), lines ended by ``\\n``."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from nlptool.records.formats import RowWriter
from nlptool.records.formats.cells import Rows, rows_of
from nlptool.records.record import Record


class Csv(RowWriter):
    """Rows of cells as they come; the header is written with the first of them, when the columns are known."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._has_header = False

    def row(self, record: Record) -> bytes:
        lines = rows_of(record, self._rows)
        if not lines:
            return b""
        header = [] if self._has_header else [[name for name, _ in self._rows.columns()]]
        self._has_header = True
        return "".join(map(_line, [*header, *lines])).encode(errors="replace")


cells_writer = matrix_writer = Csv


def _line(cells: Iterable[object]) -> str:
    """Write a row with its line end ``\\n``. A cell with a carriage return is quoted only while ``\\r\\n`` ends the lines."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue().removesuffix("\r\n") + "\n"
