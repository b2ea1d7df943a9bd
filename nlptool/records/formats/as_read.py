"""Records in the form in which they were read: lines of text and JSON as they came, rows of a table with the same cells."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from orjson import dumps

from nlptool.records.formats import Lines, RowWriter
from nlptool.records.formats.cells import as_text
from nlptool.records.formats.csv import DelimitedRecords, csv_line
from nlptool.records.formats.record_rows import Layout, TextRows
from nlptool.records.json_bytes import RESERVED, fields
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.records.render import render
from nlptool.storage.output import Output

LAYOUT = Layout({}, with_error=False)
"""The columns of the input, and no others."""


def as_read(pipe: Pipe, *, with_place: bool = False) -> RowWriter:
    """Return the writer of records that did not fail.

    A line of text ends with the end of a line, and a paragraph with an empty line. Other units of text, which may have such ends
    within, are JSON, as are the rows of Parquet.

    Args:
        with_place: records, which are JSON then, say the file and the line that they come from, as do the rows of a table.
    """
    kind = pipe.form.kind
    if kind in ("csv", "tsv"):
        has_header = kind == "csv" if pipe.form.header is None else pipe.form.header
        return TableRows(kind, has_header=has_header, with_place=with_place)
    if with_place or pipe.form.unit not in ("line", "paragraph"):
        return as_json(pipe, with_place=with_place)
    ends = pipe.separator, pipe.separator * (2 if pipe.form.unit == "paragraph" else 1)
    return Lines(lambda record: _text(record) + ends[1] if record.raw is None else record.raw + ends[0])


def as_json(pipe: Pipe, *, with_place: bool = False) -> RowWriter:
    """Return the writer of records as JSON, as it came; a text is the field ``text``.

    Args:
        with_place: with an entry that says the file and the line.
    """
    if with_place:
        return Lines(lambda record: render(record, pipe.command, with_source=True))
    return Lines(
        lambda record: (b'{"text":%b}' % dumps(_text(record).decode()) if record.raw is None else record.raw) + b"\n"
    )


def _text(record: Record) -> bytes:
    return record.text.encode(errors="replace")


class TableRows(DelimitedRecords):
    """Rows of CSV and TSV, with a header if they had one. The cells of TSV are written as they are."""

    def __init__(self, kind: str, *, has_header: bool, with_place: bool = False) -> None:
        super().__init__(csv_line if kind == "csv" else _tab_separated, TextRows(LAYOUT, with_place=with_place))
        self._has_header = has_header or with_place

    def row(self, record: Record) -> bytes:
        if self._has_header:
            return super().row(record)
        return self._line([value.encode(errors="replace") for value in fields(record.raw).values()])

    def finish(self, output: Output) -> None:
        if self._waiting:
            super().finish(output)


class InputColumns:
    """Rows of a table for a person: all fields of the input, by the first record."""

    def __init__(self) -> None:
        self._names: list[str] = []

    def columns(self) -> Sequence[tuple[str, type]]:
        return [(name, str) for name in self._names]

    def cells(self, record: Record) -> Iterator[list[str]]:
        values = {"text": record.text} if record.raw is None else fields(record.raw)
        self._names = self._names or [name for name in values if name != RESERVED]
        yield [as_text(values.get(name)) for name in self._names]


def _tab_separated(cells: Iterable[bytes]) -> bytes:
    return b"\t".join(cells) + b"\n"
