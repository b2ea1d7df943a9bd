"""Frequencies of words against their ranks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from nlptool.plots import figure as plot_figure
from nlptool.plots import labels
from nlptool.plots.fonts import Lettering
from nlptool.plots.markers import OKABE_ITO

_MOST_POINTS = 400  # of a curve: more lie on one another
_NAME_CELLS = 40


class ZipfCurve(NamedTuple):
    """The counts of words, and a law of them.

    Attributes:
        counts: positive, descending, at least one.
        law: name of the law, "" if there is none.
        frequencies: of ranks, by the law.
    """

    name: str
    counts: Sequence[int]
    law: str = ""
    frequencies: Callable[[Sequence[int]], Any] = lambda ranks: []


def zipf(
    curves: Sequence[ZipfCurve], path: str, *, label: str = "", note: Callable[[str], None] = lambda _: None
) -> None:
    """Draw how often each word comes against its rank, the most frequent having the rank 1, on axes with logarithmic scales.

    Args:
        curves: at least one; the first ``len(OKABE_ITO)`` are drawn.
        path: one of ``FORMATS``.
        label: of the axis of the frequencies.
        note: is called with a message on what the plot omits.

    Raises:
        RunError: the file cannot be written.
        ValueError: there is nothing to draw.
    """
    if not curves:
        raise ValueError("no curve to draw")
    if len(curves) > len(OKABE_ITO):
        note(f"the picture shows the first {len(OKABE_ITO)} of {len(curves):,} groups")
    lettering = Lettering([*(curve.name for curve in curves), label])
    with plot_figure.figure(path, (6.0, 4.5), lettering.families) as figure:
        from matplotlib.ticker import FuncFormatter, NullFormatter

        axes = figure.add_subplot()
        for curve, colour in zip(curves, OKABE_ITO, strict=False):
            ranks = _ranks(len(curve.counts))
            (name,) = lettering.legible([labels.shorten(curve.name, _NAME_CELLS)])
            frequencies = [curve.counts[rank - 1] for rank in ranks]
            axes.plot(ranks, frequencies, linestyle="", marker="o", markersize=3, color=colour, label=name)
            if curve.law:
                axes.plot(ranks, curve.frequencies(ranks), linewidth=1, color=colour, alpha=0.8, label=curve.law)
        axes.set_xscale("log")
        axes.set_yscale("log")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
            axis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("rank")
        axes.set_ylabel(lettering.legible([label])[0])
        axes.set_ylim(bottom=0.7)  # a law can go on below what comes once
        axes.grid(alpha=0.3)
        axes.set_axisbelow(True)
        axes.legend(frameon=False, fontsize=8)
    lettering.tell(note)


def _ranks(n: int) -> list[int]:
    """Return ranks from 1 to ``n``, all of few, and of many some that are evenly spread over the logarithmic scale."""
    if n <= _MOST_POINTS:
        return list(range(1, n + 1))
    return sorted({round(n ** (number / (_MOST_POINTS - 1))) for number in range(_MOST_POINTS)})
