"""A concordance for a person: each hit in a line, with the text to its left and right, one below the other.

Widths are those of terminal cells, of which a kana or a kanji takes two. The context is cut where the line ends.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len, get_character_cell_size, set_cell_size
from rich.text import Text

from nlptool.terminal.tables import printable, render, screen

_GAP = "  "
_BREAKS = re.compile("[\t\n\v\f\r\x85\u2028\u2029]")
_NARROWEST = 4  # cells of a side
_WIDEST_SHARE = 3  # of the line that place and hit have at most: a third each


class Row(NamedTuple):
    """A hit: where it stands, and the text before, in and after it."""

    place: str
    left: str
    hit: str
    right: str


class Concordance:
    """Hits that are drawn some at a time; a column never becomes narrower."""

    def __init__(self) -> None:
        self._place = self._left = self._hit = 0  # cells

    def draw(self, rows: Sequence[Row]) -> str:
        """Return the lines of some hits."""
        page = screen()
        shown = [Row(*(printable(_BREAKS.sub(" ", cell)) for cell in row)) for row in rows]
        most = max(page.width // _WIDEST_SHARE, _NARROWEST)
        self._place = max(self._place, *(min(cell_len(row.place), most) for row in shown))
        self._hit = max(self._hit, *(min(cell_len(row.hit), most) for row in shown))
        sides = page.width - self._place - self._hit - 3 * len(_GAP)
        side = max(sides // 2, _NARROWEST)
        self._left = min(side, max(self._left, *(cell_len(row.left) for row in shown)))
        right = max(sides - self._left, _NARROWEST)
        lines = Text()
        for number, row in enumerate(shown):
            lines.append("\n" if number else "")
            lines.append(_cell(_end_of(row.place, self._place), self._place), "dim")
            left = _end_of(row.left, self._left)
            lines.append(f"{_GAP}{' ' * (self._left - cell_len(left))}{left}{_GAP}")
            lines.append(_beginning_of(row.hit, self._hit), "bold bright_red")
            padding = " " * max(0, self._hit - cell_len(row.hit))
            lines.append(f"{padding}{_GAP}{_beginning_of(row.right, right)}".rstrip())
        return render(lines, page, folds=False)


def width_of(text: str) -> int:
    """Return how many cells a text takes."""
    return cell_len(text)


def _cell(text: str, width: int) -> str:
    """Return a text with blanks behind it."""
    return text + " " * (width - cell_len(text))


def _beginning_of(text: str, width: int) -> str:
    """Return as much of a text as there is room for."""
    return text if cell_len(text) <= width else set_cell_size(text, width).rstrip()


def _end_of(text: str, width: int) -> str:
    """Return as much of the end of a text as there is room for."""
    if cell_len(text) <= width:
        return text
    start = len(text)
    while start and (width := width - get_character_cell_size(text[start - 1])) >= 0:
        start -= 1
    return text[start:]
