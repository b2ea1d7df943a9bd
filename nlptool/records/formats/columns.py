"""Results that are columns of values: written as JSONL, CSV, TSV, or as a table for a person, many rows at a time."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from nlptool.records.formats.cells import as_text
from nlptool.records.formats.csv import csv_line, tsv_line
from nlptool.storage.output import Output

_CHUNK = 4096  # rows that are written at once

Columns = Mapping[str, Sequence[Any]]
"""Name -> values, all of one length."""


def write(output: Output, names: Sequence[str], blocks: Iterable[Columns], format: str) -> int:
    """Write rows; returns their number.

    Args:
        names: of the columns, which CSV and TSV have in their first line even if there is no row.
        blocks: columns of rows that follow one another; a column that a block lacks is null in it.
        format: jsonl | csv | tsv | table.

    Raises:
        RunError: they cannot be written.
    """
    rows = _rows(names, blocks)
    if format == "table":
        return _write_table(output, names, list(rows))
    to_bytes: Callable[[Sequence[Any]], bytes]
    if format == "jsonl":

        def to_bytes(row: Sequence[Any]) -> bytes:
            return orjson.dumps(dict(zip(names, row, strict=True)), option=orjson.OPT_APPEND_NEWLINE)

    else:
        line = csv_line if format == "csv" else tsv_line
        output.write(line([name.encode() for name in names]))

        def to_bytes(row: Sequence[Any]) -> bytes:
            return line([as_text(value).encode() for value in row])

    n_rows = 0
    while chunk := list(itertools.islice(rows, _CHUNK)):
        output.write(b"".join(map(to_bytes, chunk)))
        n_rows += len(chunk)
    return n_rows


def _rows(names: Sequence[str], blocks: Iterable[Columns]) -> Iterator[tuple[Any, ...]]:
    for block in blocks:
        n_rows = len(next(iter(block.values())))
        yield from zip(*(block.get(name, [None] * n_rows) for name in names), strict=True)


def _write_table(output: Output, names: Sequence[str], rows: list[tuple[Any, ...]]) -> int:
    from nlptool.terminal import tables

    if rows:
        numbers = [
            name
            for name, *values in zip(names, *rows, strict=True)
            if not any(isinstance(value, str) for value in values)
        ]
        cells = [[tables.cell(name, _shown(value)) for name, value in zip(names, row, strict=True)] for row in rows]
        output.write(tables.table(names, cells, right=numbers).encode())
    return len(rows)


def _shown(value: Any) -> Any:
    """Return a number as a person reads it."""
    return (
        f"{value:,.4g}"
        if isinstance(value, float) and abs(value) < 1000
        else f"{value:,.0f}"
        if isinstance(value, float)
        else value
    )
