"""Whole numbers in options, in names of columns and in files, however long they are."""

from __future__ import annotations

import sys


def whole_number(digits: str) -> int:
    """Return the number that decimal digits write, or ``sys.maxsize``, which counts nothing, for one with more than 18 digits.

    Python's own ``int`` raises ValueError for numbers of more than 4,300 digits.
    """
    significant = digits.lstrip("0") or "0"
    return int(significant) if len(significant) <= 18 else sys.maxsize
