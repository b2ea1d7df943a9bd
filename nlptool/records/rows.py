"""Rows of a table to records: an object each, whose names are those of the columns, or their numbers."""

from __future__ import annotations

from collections.abc import Callable

import orjson

from nlptool.errors import RecordError, RunError
from nlptool.records.json_bytes import listed
from nlptool.records.record import InputFormat, Record
from nlptool.text.numbers import whole_number


class Rows:
    """The rows of one source.

    Args:
        kind: csv | tsv.
        note: called with what a person should know of an input.
    """

    def __init__(self, form: InputFormat, kind: str, source: str, note: Callable[[str], None]) -> None:
        self._form = form
        self._separator = "," if kind == "csv" else "\t"
        self._source = source
        self._note = note
        # Whether the first row is a header; None: it shows.
        self._has_header = kind == "csv" if form.header is None and form.table is None else form.header
        self._first_row: list[str] | None = None
        self._columns: list[str] | None = None

    @property
    def awaits_header(self) -> bool:
        """Whether nothing can be made of a row before the header has come."""
        return bool(self._has_header) and self._columns is None

    def record(self, cells: list[str], number: int) -> Record | None:
        """Return the record of a row; None if it is none: a header, say.

        Raises:
            RunError: the header is of no use, so that the rows behind it cannot be read.
        """
        table = self._form.table
        if table is not None and len(cells) == 1 and not cells[0].strip():
            return None
        if table is not None and cells[0].lstrip().startswith(table.marks):
            return Record(self._separator.join(cells), self._source, number)
        if self._first_row is None and self._has_header is not False and self._takes_header(cells):
            return None
        if cells == self._first_row:
            self._note(f"{self._source}:{number}: the header stands here again, and is no record")
            return None
        names = self._columns or _numbered(cells)
        record = Record("\t".join(cells), self._source, number)
        if len(cells) != len(names):
            return record.fail(RecordError("WrongColumns", f"{len(cells)} columns, but the header has {len(names)}"))
        record.raw = orjson.dumps(dict(zip(names, cells, strict=True)))
        wanted = self._form.field or ("text" if "text" in names else names[0])
        if wanted not in names and wanted.isdecimal() and 0 < whole_number(wanted) <= len(names):
            wanted = names[whole_number(wanted) - 1]
        if wanted not in names:
            is_header = self._columns is None and wanted in cells
            hint = "--header takes the names from the first row" if is_header else "--field names one"
            message = f"no column `{wanted}`; there are: {listed(names)}"
            return record.fail(RecordError("MissingField", message, hint=hint))
        record.text = cells[names.index(wanted)]
        return record

    def _takes_header(self, cells: list[str]) -> bool:
        """Take the names of the columns from the first row, if it is a header.

        Raises:
            RunError: two columns have the same name, or those that ``Table.header`` needs are not there.
        """
        names = cells if self._form.table is None else self._form.table.header(cells)
        if names is None and not self._has_header:
            self._has_header = False
            return False
        numbers = _numbered(cells)
        names = [name or number for name, number in zip(names or numbers, numbers, strict=True)]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise RunError(
                f"the header names the column `{twice}` twice", hint="--no-header calls the columns 1, 2, 3 ..."
            )
        if any("\r" in name for name in names):
            raise RunError(
                "the header has a carriage return (CR) that ends no line: lines end with LF or CR LF",
                hint="tr '\\r' '\\n' < FILE makes lines of it",
            )
        self._has_header, self._first_row, self._columns = True, cells, names
        return True


def _numbered(cells: list[str]) -> list[str]:
    """Return the names of columns that have none."""
    return [str(number) for number in range(1, len(cells) + 1)]
