"""CSV and TSV with a header, lines ended by ``\\n``.

CSV is that of RFC 4180. In TSV a tab, a line end and a backslash in a cell are written ``\\t``, ``\\n`` (``\\r``) and ``\\\\``,
as jq and Miller do. A cell that a spreadsheet would take for a formula (``=``, ``+``, ``-``, ``@``) is written as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from nlptool.records.formats import RowWriter
from nlptool.records.formats.cells import Rows, rows_of
from nlptool.records.formats.record_rows import Layout, TextRows
from nlptool.records.record import Record, readable
from nlptool.storage.output import Output

Line = Callable[[Iterable[bytes]], bytes]
"""Joins cells to a line."""

_MOST_WAITING = 1000  # records that failed and may wait for the first that says what columns there are

_TO_QUOTE = re.compile(rb'[,"\r\n]')
_TO_ESCAPE = re.compile(rb"[\\\t\r\n]")
_ESCAPES = {b"\\": b"\\\\", b"\t": b"\\t", b"\r": b"\\r", b"\n": b"\\n"}


def csv_line(cells: Iterable[bytes]) -> bytes:
    search = _TO_QUOTE.search
    line = b",".join([b'"%b"' % cell.replace(b'"', b'""') if search(cell) else cell for cell in cells])
    return b"%b\n" % (line or b'""')  # an empty line is no row


def tsv_line(cells: Iterable[bytes]) -> bytes:
    search = _TO_ESCAPE.search
    return (
        b"\t".join([_TO_ESCAPE.sub(lambda found: _ESCAPES[found[0]], cell) if search(cell) else cell for cell in cells])
        + b"\n"
    )


class DelimitedRecords(RowWriter):
    """The rows of records; the header is written when the first of them say what columns there are."""

    holds_errors = True
    resumes = True

    def __init__(self, line: Line, rows: TextRows) -> None:
        self._line = line
        self._rows = rows
        self._waiting: list[Record] = []

    def row(self, record: Record) -> bytes:
        self._waiting.append(record)
        return b""

    def flush(self) -> bytes:
        if not (self._rows.decided or self._rows.can_decide(self._waiting) or len(self._waiting) >= _MOST_WAITING):
            return b""
        return self._written()

    def finish(self, output: Output) -> None:
        if self._waiting or not self._rows.decided:
            output.write(self._written())

    def state(self) -> Any:
        return None if self._waiting else self._rows.state()

    def restore(self, state: Any) -> None:
        self._rows.restore(state)

    def notes(self) -> Iterator[str]:
        yield from self._rows.notes()

    def lines(self, record: Record) -> bytes:
        """Return the lines of a record."""
        rows = self._rows.rows(record)
        return self._line(rows[0]) if len(rows) == 1 else b"".join(map(self._line, rows))

    def _written(self) -> bytes:
        records, self._waiting = self._waiting, []
        head = (
            b""
            if self._rows.decided
            else self._line([name.encode() for name in map(readable, self._rows.decide(records))])
        )
        return head + b"".join(map(self.lines, records))


class DelimitedMatrix(RowWriter):
    """Rows of cells; the header is written with the first of them, when the columns are known."""

    resumes = True

    def __init__(self, line: Line, rows: Rows) -> None:
        self._line = line
        self._rows = rows
        self._has_header = False

    def row(self, record: Record) -> bytes:
        rows: list[list[Any]] = rows_of(record, self._rows)
        if not rows:
            return b""
        header = [] if self._has_header else [[name for name, _ in self._rows.columns()]]
        self._has_header = True
        return b"".join(self._line([str(cell).encode(errors="replace") for cell in row]) for row in [*header, *rows])

    def state(self) -> Any:
        return self._has_header

    def restore(self, state: Any) -> None:
        self._has_header = state


def records_writer(layout: Layout, **options: Any) -> DelimitedRecords:
    return DelimitedRecords(csv_line, TextRows(layout, **options))


def matrix_writer(rows: Rows) -> DelimitedMatrix:
    return DelimitedMatrix(csv_line, rows)
