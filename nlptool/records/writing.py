"""Records written in the format that was chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from nlptool.records import formats
from nlptool.records.formats.cells import Placed, Rows
from nlptool.records.formats.record_rows import Layout
from nlptool.records.notes import Note
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record


def write_records(
    pipe: Pipe,
    lists: Iterable[list[Record]],
    format: str,
    layout: Layout,
    *,
    table: Rows | None = None,
    notes: Mapping[str, Note] | None = None,
    mark: Callable[[Record], Any] = lambda record: None,
) -> None:
    """Write every record of ``lists``.

    Args:
        format: a name of ``formats.FORMATS`` that holds records.
        layout: the columns of their results in CSV, TSV and Parquet.
        table: the rows of a table for a person, if the command has one.
        notes: field of the records' entries -> what is said of its values on stderr.
        mark: as of ``Pipe.write_rows``.
    """
    if format == "table":
        is_of_input = table is not None and layout.with_input and pipe.with_place
        writer = formats.row_writer(format, "records", Placed(table) if is_of_input and table else table)
    else:
        writer = formats.row_writer(format, "records", layout, **row_options(pipe))
    pipe.write_rows(lists, writer, notes=notes, mark=mark)


def row_options(pipe: Pipe) -> dict[str, Any]:
    """Return the arguments of ``RecordRows`` that the shared options decide."""
    return {
        "drop_input": pipe.drop_input,
        "id_field": pipe.id_field,
        "with_place": pipe.with_place,
        "replaced": pipe.tally.replaced,
    }
