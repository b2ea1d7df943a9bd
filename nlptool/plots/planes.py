"""Texts in several planes side by side, coloured by their class."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nlptool.plots import figure as plot_figure
from nlptool.plots import labels, markers
from nlptool.plots.fonts import Lettering

_SIDE = 5.5  # inches of a plane
_MOST_IN_LEGEND = 20  # classes
_SHOWN = 0.995  # of the points are within a plane, on each axis


def planes(
    points: Mapping[str, Any], groups: Sequence[str], path: str, *, note: Callable[[str], None] = lambda _: None
) -> None:
    """Draw the places of the same texts in several planes, with one legend.

    The axes of a plane have the scale that most points need; what lies beyond is left out and counted.

    Args:
        points: title -> (N, 2).
        groups: the class of each text, "" for none.
        path: one of ``FORMATS``.
        note: is called with a message on what the plot omits.

    Raises:
        RunError: the file cannot be written.
    """
    import numpy as np

    names, codes = markers.encode(groups, len(groups))
    lettering = Lettering([*names, *points])
    palette = [*markers.colours(len(names)), markers.UNGROUPED]
    colours = [palette[code] for code in codes]
    size = 14.0 if len(groups) < 500 else 7.0 if len(groups) < 5000 else 2.5
    n_beyond = 0
    with plot_figure.figure(path, (_SIDE * len(points), _SIDE), lettering.families) as figure:
        figure.set_layout_engine("constrained")
        for panel, (title, places) in zip(
            figure.subplots(1, len(points), squeeze=False)[0], points.items(), strict=True
        ):
            low, high = np.quantile(places, [(1 - _SHOWN) / 2, (1 + _SHOWN) / 2], axis=0)
            margin = np.maximum(0.05 * (high - low), 1e-6)
            low, high = low - margin, high + margin
            n_beyond += int(((places < low) | (places > high)).any(axis=1).sum())
            panel.scatter(
                places[:, 0], places[:, 1], s=size, c=colours, linewidths=0, alpha=0.75, rasterized=len(groups) > 5000
            )
            panel.set(title=lettering.legible([title])[0], xlim=(low[0], high[0]), ylim=(low[1], high[1]))
            panel.tick_params(labelsize=8, color="0.6", labelcolor="0.3")
            panel.grid(alpha=0.25, linewidth=0.5)
            panel.set_axisbelow(True)
        if 0 < len(names) <= _MOST_IN_LEGEND:
            _legend(figure, lettering.legible(names, "group "), palette)
    if len(names) > _MOST_IN_LEGEND:
        note(f"{len(names):,} classes share {_MOST_IN_LEGEND} colours, and are in no legend")
    if n_beyond:
        note(f"points that lie far outside, beyond the edges of the picture: {n_beyond:,}")
    lettering.tell(note)


def _legend(figure: Any, names: Sequence[str], palette: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], linestyle="", marker="o", markersize=6, color=colour)
        for colour, _ in zip(palette, names, strict=False)
    ]
    legend = figure.legend(handles, [""] * len(handles), loc="outside right upper", frameon=False, fontsize=8)
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set_text(labels.shorten(name, 30))  # afterwards: the legend ignores labels that begin with "_"
