"""Similarities of words against human scores."""

from __future__ import annotations

import math

from nlptool.errors import RecordError
from nlptool.records.record import Record


def parse_pair(record: Record) -> tuple[str, str, float] | None:
    """Two words, and the first number behind them; None for a head."""
    line = record.text.strip()
    separator = next((mark for mark in "\t," if mark in line), None)  # the words may hold blanks then
    cells = [cell.strip() for cell in line.split(separator)]
    numbers = [number for cell in cells[2:] if (number := _number(cell)) is not None]
    if numbers and math.isfinite(numbers[0]):
        return cells[0], cells[1], numbers[0]
    if record.line == 1 and all(_number(cell) is None for cell in cells):
        return None
    raise RecordError("NotAPair", "a pair is two words and a number, with tabs, commas or blanks between them")


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None
