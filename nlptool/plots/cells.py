"""Coloured cells with labelled rows and columns: what heat maps and confusion matrices share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nlptool.plots import labels, vertical
from nlptool.plots.fonts import Lettering

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap, Normalize

MOST_NUMBERED = 15  # rows or columns: their cells hold the values
SMALL = 0.16  # inches of a cell whose label is one line


def edge(most: int) -> float:
    """Return the side of a labelled cell in inches: room for a value, for two lines, or for one."""
    return 0.5 if most <= MOST_NUMBERED else 0.32 if most <= 40 else SMALL


def name(axis: Any, names: Sequence[str], side: float, lettering: Lettering) -> None:
    """Label an axis with texts, one in the middle of each cell.

    Args:
        axis: matplotlib's.
        side: of a cell, in inches.
    """
    large = side > SMALL
    size = 8 if large else 7
    lines = [labels.wrap(each, 36 if large else 40, 2 if large else 1) for each in names]
    places = [index + 0.5 for index in range(len(names))]
    if axis.axis_name == "x":
        vertical.name_columns(axis, places, lines, lettering.forms, fontsize=size)
    else:
        axis.set_ticks(places, ["\n".join(each) for each in lines], fontsize=size, multialignment="right")
    axis.set_tick_params(length=0)


def write(axes: Axes, row: int, column: int, text: str, colour: tuple[float, ...], *, fontsize: float = 8) -> None:
    """Write a text into a cell: black on a light ``colour`` (RGB or RGBA, 0 to 1), white on a dark one."""
    linear = [part**2.2 for part in colour[:3]]
    light = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]  # relative luminance, WCAG 2
    axes.text(
        column + 0.5, row + 0.5, text, color="black" if light > 0.18 else "white", fontsize=fontsize, ha="center", va="center"
    )  # fmt: skip


def colour_of(value: float, colours: Colormap, norm: Normalize) -> tuple[float, ...]:
    """Return the colour of a value, RGBA."""
    return tuple(map(float, colours(norm(value))))
