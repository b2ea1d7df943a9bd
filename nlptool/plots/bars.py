"""Bar charts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nlptool.plots import figure as plot_figure
from nlptool.plots import labels
from nlptool.plots.fonts import Lettering

_MOST = 100  # bars; more would not be readable
_COLOUR = "#3b6ea8"
_HEIGHT = 0.24  # inches of a bar and the gap after it
_WIDTH = 6.0  # inches of the longest bar
_NAME_CELLS = 40  # of a name


def bars(
    values: Sequence[float],
    path: str,
    *,
    names: Sequence[str],
    label: str = "",
    note: Callable[[str], None] = lambda _: None,
) -> None:
    """Draw horizontal bars from 0, the first at the top, with names on the left and values at the ends.

    Args:
        values: non-negative numbers, at least one; the first 100 are drawn.
        path: one of ``FORMATS``.
        names: one for each value.
        label: of the axis.
        note: is called with a message on what the plot omits.

    Raises:
        RunError: the file cannot be written.
        ValueError: the numbers of names and values differ, or there are none.
    """
    if not values or len(values) != len(names):
        raise ValueError(f"{len(values)} values for {len(names)} names")
    if len(values) > _MOST:
        note(f"the picture shows the first {_MOST} of {len(values):,}")
    values, names = values[:_MOST], names[:_MOST]
    lettering = Lettering([*names, label])
    with plot_figure.figure(path, (_WIDTH, len(values) * _HEIGHT + 0.1), lettering.families) as figure:
        from matplotlib.ticker import MaxNLocator

        axes = figure.add_axes((0, 0, 1, 1))  # the file grows around it to hold the names
        positions = range(len(values))
        drawn = axes.barh(positions, values, height=0.75, color=_COLOUR)
        axes.bar_label(drawn, [f"{value:,.6g}" for value in values], padding=3, fontsize=8)
        axes.set_yticks(positions, [labels.shorten(name, _NAME_CELLS) for name in lettering.legible(names)], fontsize=9)
        axes.set_ylim(len(values) - 0.5, -0.5)  # the first at the top
        axes.set_xlim(0, max(values) * 1.05 or 1)
        axes.set_xlabel(lettering.legible([label])[0])
        axes.tick_params(axis="y", length=0)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=all(float(value).is_integer() for value in values)))
        axes.grid(axis="x", alpha=0.3)
        axes.set_axisbelow(True)
    lettering.tell(note)
