"""Results that a command has all at once: as JSONL, CSV, TSV, or as a table for a person."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from nlptool.records.record import readable
from nlptool.storage.output import Output


def print_text(text: str) -> None:
    """Write a text to stdout.

    Raises:
        RunError: it cannot be written.
    """
    with Output(None) as output:
        output.write(text.encode(errors="replace"))


def write_details(path: str, records: Iterable[dict[str, Any]], *, inputs: tuple[str, ...]) -> None:
    """Write records to a file beside the results, as JSONL.

    Args:
        inputs: the files that are read, none of which may be ``path``.

    Raises:
        RunError: it cannot be written.
    """
    import orjson

    with Output(path, inputs=inputs) as output:
        output.write(*(orjson.dumps(_readable(record)) + b"\n" for record in records))


def wants_table(format: str | None, output: str | None = None) -> bool:
    """Return whether a table was chosen, or nothing was and the output goes to a terminal."""
    is_terminal = output in (None, "-") and sys.stdout is not None and sys.stdout.isatty()
    return format == "table" or (format is None and is_terminal)


def format_or_default(format: str | None, output: str | None) -> str:
    """Return the chosen format; else table if the output goes to a terminal, and jsonl if not."""
    return format or ("table" if wants_table(None, output) else "jsonl")


def show(records: list[dict[str, Any]], format: str | None, *, one: bool = False) -> None:
    """Print records in ``format``: jsonl, csv, tsv, table, or None for a table on a terminal.

    The columns of CSV and TSV are all fields that a record has, nested values as JSON.

    Args:
        one: show a table of names and values, not of columns.
    """
    records = list(map(_readable, records))
    if format in ("csv", "tsv"):
        print_text(_delimited(records, format))
        return
    if not wants_table(format):
        import orjson

        print_text(b"".join(orjson.dumps(record) + b"\n" for record in records).decode())
        return
    from nlptool.terminal import tables

    if one:
        cells = {name: tables.cell(name, value) for record in records for name, value in record.items()}
        print_text(tables.details({name: cell for name, cell in cells.items() if cell}))
    elif records:
        columns = ["dim" if name == "dimension" else name for name in records[0]]
        rows = [[tables.cell(name, value) for name, value in record.items()] for record in records]
        if "source" in columns:  # there is room for the kind of source alone
            index = columns.index("source")
            rows = [[*row[:index], row[index].partition(":")[0], *row[index + 1 :]] for row in rows]
        numbers = {name for name, value in records[0].items() if isinstance(value, int | float)}
        print_text(tables.table(columns, rows, right=("size", "bytes", "files", "dim", *numbers)))


def _readable(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record as UTF-8 can hold it: the names of files need not be UTF-8."""
    return {name: readable(value) if isinstance(value, str) else value for name, value in record.items()}


def _delimited(records: list[dict[str, Any]], format: str) -> str:
    from nlptool.records.formats.cells import as_text
    from nlptool.records.formats.csv import csv_line, tsv_line

    line = csv_line if format == "csv" else tsv_line
    columns = list(dict.fromkeys(name for record in records for name in record))
    rows = [columns, *([as_text(record.get(name)) for name in columns] for record in records)] if records else []
    return b"".join(line([cell.encode() for cell in row]) for row in rows).decode()
