"""A confusion matrix: which classes are taken for which."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from nlptool.plots import cells, vertical
from nlptool.plots import figure as plot_figure
from nlptool.plots.fonts import Lettering

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_CLASSES = 40
"""Rows and columns that have room for counts."""

_COLOURS = "Blues"  # white is nothing, dark is all, also for the colour-blind and in grey
_NO_EXAMPLES = "0.9"  # grey: of a class without examples there are no shares
_SHORTEST = 1.5  # inches of the colour bar
_MOST_DIGITS = {8: 7, 6: 5}  # font size -> characters of a count that fit into a cell of that size


def confusion(
    counts: NDArray[Any],
    path: str,
    *,
    labels: Sequence[str],
    title: str = "",
    note: Callable[[str], None] = lambda _: None,
) -> None:
    """Draw a confusion matrix: gold classes in the rows, predicted ones in the columns.

    Cells hold the counts. Their colours are the shares of the row, 0 to 1, so that the diagonal shows the recall of each class; a
    row without examples is grey.

    Args:
        counts: counts[i, j] is the number of examples of class i that are predicted as class j, (K, K) integers, K up to
            ``MOST_CLASSES``.
        path: one of ``FORMATS``.
        labels: names of the K classes.
        title: above the matrix.
        note: is called with a message on what the plot omits.

    Raises:
        RunError: the file cannot be written.
        ValueError: the numbers of labels and counts differ, or there are too many.
    """
    import numpy as np

    n_classes = len(labels)
    if counts.shape != (n_classes, n_classes) or not 0 < n_classes <= MOST_CLASSES:
        raise ValueError(f"{counts.shape} counts for {n_classes} classes, {MOST_CLASSES} at most")
    lettering = Lettering([*labels, title], vertical.FORMS)
    side = cells.edge(n_classes)
    size = max(n_classes * side, 1.0)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.full(counts.shape, np.nan), where=totals > 0)
    with plot_figure.figure(path, (size, size), lettering.families) as figure:
        from matplotlib.colors import Normalize

        axes = figure.add_axes((0, 0, 1, 1))  # the file grows around it to hold the labels
        norm = Normalize(0, 1)
        mesh = axes.pcolormesh(np.ma.masked_invalid(shares), cmap=_COLOURS, norm=norm, edgecolors="0.8", linewidth=0.5)
        axes.invert_yaxis()
        axes.set_facecolor(_NO_EXAMPLES)
        axes.spines[:].set_visible(False)
        names = lettering.legible(labels)
        for axis, meaning in ((axes.yaxis, "gold"), (axes.xaxis, "predicted")):
            cells.name(axis, names, side, lettering)
            axis.set_label_text(meaning, fontsize=9, fontweight="bold")
        if title:
            axes.set_title(lettering.legible([title])[0], fontsize=9)
        fontsize = 8 if n_classes <= cells.MOST_NUMBERED else 6
        for (row, column), count in np.ndenumerate(counts):
            if count:
                colour = cells.colour_of(shares[row, column], mesh.cmap, norm)
                cells.write(axes, row, column, _spelled(int(count), _MOST_DIGITS[fontsize]), colour, fontsize=fontsize)
        length = max(size, _SHORTEST)
        bar = figure.add_axes((1 + 0.25 / size, 1 - length / size, 0.18 / size, length / size))  # to the right
        figure.colorbar(mesh, cax=bar, ticks=[0, 0.25, 0.5, 0.75, 1])
        bar.set_ylabel("share of the gold class", fontsize=9)
        bar.tick_params(labelsize=8)
        bar.spines[:].set_visible(False)
    lettering.tell(note)


def _spelled(count: int, digits: int) -> str:
    """Write a count, of more digits than have room in thousands or millions."""
    text = f"{count:,}"
    if len(text) <= digits:
        return text
    return f"{count / 1000:,.0f}k" if count < 999_500 else f"{count / 1e6:,.1f}M"
