"""Tables for a person on stdout, drawn by rich; machine formats are never drawn here.

rich measures in terminal cells, so Japanese stands in line, and obeys NO_COLOR, FORCE_COLOR and TERM=dumb. The drawing is
returned as text, so that there is one way to write to stdout, with one behaviour on a closed pipe.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

_GAP = 2  # cells between two columns

_WIDE = 1000  # cells: what goes into a file or a pipe is not folded


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[str] = ()) -> str:
    """Draw rows under a head. If they are too wide, the first column is the last to be folded.

    Args:
        right: the columns that hold numbers.
    """
    return GrowingTable(columns, right=right).draw(list(rows))


def fits(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> bool:
    """Return whether a table is no wider than the terminal, so that nothing is folded."""
    widths = [max(map(cell_len, column)) for column in zip(columns, *rows, strict=True)]
    return sum(widths) + _GAP * (len(widths) - 1) <= screen().width


class GrowingTable:
    """A table that is drawn some rows at a time, with its head before the first; a column never becomes narrower.

    Args:
        right: the columns that hold numbers.
    """

    def __init__(self, columns: Sequence[str], *, right: Iterable[str] = ()) -> None:
        self._columns = columns
        self._numbers = set(right)
        self._widths = [cell_len(column) for column in columns]
        self._begun = False

    def draw(self, rows: Sequence[Sequence[str]]) -> str:
        for row in rows:
            for index, value in enumerate(row):
                lines = printable(value).split("\n")
                self._widths[index] = max(self._widths[index], *map(cell_len, lines))
        drawn = Table(
            box=None, header_style="bold", padding=(0, _GAP, 0, 0), pad_edge=False, show_header=not self._begun
        )
        self._begun = True
        console = screen()
        fits = (
            sum(self._widths) + _GAP * (len(self._widths) - 1) <= console.width
        )  # else rich folds these rows as they need
        for index, (column, width) in enumerate(zip(self._columns, self._widths, strict=True)):
            justify: JustifyMethod = "right" if column in self._numbers else "left"
            drawn.add_column(
                column, justify=justify, overflow="fold", no_wrap=index == 0, min_width=width if fits else None
            )
        for row in rows:
            drawn.add_row(*map(_text, row))
        return render(drawn, console)


def details(values: Mapping[str, str]) -> str:
    """A name and its value in each line."""
    drawn = Table.grid(padding=(0, 2, 0, 0))
    drawn.add_column(style="bold", no_wrap=True)
    drawn.add_column(overflow="fold")
    for name, value in values.items():
        drawn.add_row(_text(name), _text(value))
    return render(drawn)


Runs = Sequence[tuple[str, str]]
"""A text in runs: characters, and what they are: right, wrong or missing, keys of ``_COLOURS``; "" for no more than text."""

_COLOURS = {"right": "bright_blue", "wrong": "bright_red", "missing": "bold"}
_MARKS = {"wrong": "[-{}-]", "missing": "{{+{}+}}"}  # where there are no colours; those of wdiff


def comparisons(blocks: Iterable[tuple[str, Mapping[str, Runs]]]) -> str:
    """Texts to compare, under a heading for each block: a name and its text in each line, what is right in blue and what is
    wrong in red; without colours [-wrong-] and {+missing+}."""
    console = screen()
    drawn = []
    for heading, texts in blocks:
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        for name, runs in texts.items():
            grid.add_row(f"  {name}", _marked(runs, colours=console.color_system is not None))
        drawn.append(render(_text(heading), console) + render(grid, console))
    return "\n".join(drawn)


def _marked(runs: Runs, *, colours: bool) -> Text:
    text = Text()
    for characters, kind in runs:
        shown = printable(characters)
        text.append(shown if colours else _MARKS.get(kind, "{}").format(shown), _COLOURS.get(kind, ""))
    return text


def printable(value: str) -> str:
    """As it is, but for what would steer the terminal: a model's files are somebody else's."""
    return "".join(
        letter if letter.isprintable() or letter == "\n" else "\N{REPLACEMENT CHARACTER}" for letter in value
    )


def _text(value: str) -> Text:
    return Text(printable(value))


def screen() -> Console:
    """Return the terminal, or a wide page where the output goes into a file or a pipe."""
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"  # no bold letters either
    columns, lines = shutil.get_terminal_size()
    return Console(
        width=columns if is_terminal or "COLUMNS" in os.environ else _WIDE,
        height=lines,  # without it a dumb terminal is taken to be 80 columns wide
        color_system=None if plain else "auto",
    )


def render(drawn: Table | Text, console: Console | None = None, *, folds: bool = True) -> str:
    """Return what is drawn on the terminal as text, without blanks at the ends of lines.

    Args:
        folds: a line that is too long goes on in the next one; else it is cut off.
    """
    console = console or screen()
    with console.capture() as captured:
        console.print(drawn, no_wrap=None if folds else True, overflow=None if folds else "crop")
    return "".join(f"{line.rstrip()}\n" for line in captured.get().removesuffix("\n").split("\n"))


def cell(name: str, value: Any) -> str:
    """The value of the field ``name`` as a person reads it."""
    if name in ("size", "bytes") and isinstance(value, int):
        return _size(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Mapping):
        return "\n".join(
            f"{key}  {_size(each)}" if name == "files" else f"{key}: {_quoted(each)}" for key, each in value.items()
        )
    if isinstance(value, list):
        parts = [
            f"{each['kind']}: {each['folder']}  {_size(each['size'])}" if name == "copies" else each for each in value
        ]
        return (", " if name in ("languages", "pooling", "first_words", "contexts") else "\n").join(
            map(str, parts)
        ) or ("none" if name == "damaged" else "")
    return "" if value is None else str(value)


def _quoted(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _size(n_bytes: int) -> str:
    """Decimal, as disks and downloads are measured."""
    size = float(n_bytes)
    for unit in ("B", "kB", "MB"):
        if size < 999.5:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 9.95 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
