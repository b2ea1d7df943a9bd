"""The cells of a row: its columns by name or number, quotes around a cell, and which cells are numbers."""

from __future__ import annotations

import math
from typing import Any

from nlptool.records.json_bytes import RESERVED, fields
from nlptool.records.record import Record


def columns(record: Record, *, blanks: bool = False) -> dict[str, Any]:
    """Return the columns of a line, which are numbered, or the fields of an object.

    Args:
        blanks: separate the columns of a line without a tab, and those of a text that is an object's only field.
    """
    values = fields(record.raw)
    values.pop(RESERVED, None)
    if record.raw is not None and not (blanks and len(values) == 1):
        return values
    cells = record.text.split() if blanks and "\t" not in record.text else record.text.split("\t")
    return {str(number): cell for number, cell in enumerate(cells, 1)}


def without_quotes(cell: str) -> str:
    """Return a word without the blanks and the quotes around it."""
    cell = cell.strip()
    return cell[1:-1].replace('""', '"') if len(cell) > 1 and cell[0] == cell[-1] == '"' else cell


def is_number(value: Any) -> bool:
    """Return whether a value of JSON or a cell is a finite number; true and false are none, nor is ``1_000``."""
    if isinstance(value, str) and "_" in value:
        return False
    try:
        return not isinstance(value, bool) and math.isfinite(float(value))
    except (TypeError, ValueError, OverflowError):
        return False


def is_name(cell: str) -> bool:
    """Return whether a cell is neither empty nor a number; NaN, and 7,5 with a decimal comma, are numbers of no use."""
    try:
        float(cell.replace(",", ".", 1))
    except ValueError:
        return bool(cell.strip())
    return False
