"""Numbers as bars, each with its name."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nlptool.plots import figure as plot_figure
from nlptool.plots import labels
from nlptool.plots.fonts import Lettering

_MOST = 100  # bars; more would be a picture that nobody can take in
_COLOUR = "#3b6ea8"
_HEIGHT = 0.24  # inches of a bar with the gap to the next
_WIDTH = 6.0  # inches of the longest bar
_NAMED = 40  # cells of a name


def bars(
    values: Sequence[float],
    path: str,
    *,
    names: Sequence[str],
    label: str = "",
    note: Callable[[str], None] = lambda _: None,
) -> None:
    """Draw values as horizontal bars from 0, the first at the top, with their names to the left and their values at their ends.

    Args:
        values: 0 or more each, at least one; the first 100 are drawn.
        path: one of ``FORMATS``.
        names: one for each value.
        label: what the values are.
        note: is told what the picture does not show.

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

        axes = figure.add_axes((0, 0, 1, 1))  # the picture grows around it to hold the names
        places = range(len(values))
        drawn = axes.barh(places, values, height=0.75, color=_COLOUR)
        axes.bar_label(drawn, [f"{value:,.6g}" for value in values], padding=3, fontsize=8)
        axes.set_yticks(places, [labels.shorten(name, _NAMED) for name in lettering.legible(names)], fontsize=9)
        axes.set_ylim(len(values) - 0.5, -0.5)  # the first at the top
        axes.set_xlim(0, max(values) * 1.05 or 1)
        axes.set_xlabel(lettering.legible([label])[0])
        axes.tick_params(axis="y", length=0)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=all(float(value).is_integer() for value in values)))
        axes.grid(axis="x", alpha=0.3)
        axes.set_axisbelow(True)
    lettering.tell(note)
