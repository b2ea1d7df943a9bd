"""Plots of trees over the words of a sentence, as in J. Hewitt, C. Manning (NAACL 2019), figure 2: an arc for each edge, those of
the gold tree above the words, those of the found tree below."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from nlptool.plots import figure as plot_figure
from nlptool.plots import labels
from nlptool.plots.fonts import Lettering

_MOST = 80  # words; more would be wider than a page is of use
_CELL = 0.11  # inches of a terminal cell
_GAP = 0.16  # inches between two words
_WORD_CELLS = 20  # of a word
_STEP = 0.22  # inches by which a longer arc is higher, at first
_HALF = 0.16  # inches, half of the height of the row of words
_MARGIN = 0.03  # inches, for the width of a line
_GOLD, _FOUND, _WRONG = "#444444", "#3b6ea8", "#c8503c"

Edge = tuple[int, int]


def arcs(
    words: Sequence[str],
    found: Iterable[Edge],
    path: str,
    *,
    gold: Iterable[Edge] | None = None,
    root: int | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> None:
    """Draw a tree over its words. With the gold tree above, found edges that are not in it are red.

    Args:
        words: of the sentence, at least one; the first 80 are drawn.
        found: edges, pairs of numbers of words from 0; above the words if there is no gold tree.
        gold: edges of the gold tree.
        root: the word at which the found tree hangs, which is drawn in bold.
        note: is called with a message on what the plot omits.

    Raises:
        RunError: the file cannot be written.
        ValueError: there are no words.
    """
    if not words:
        raise ValueError("there are no words to draw")
    if len(words) > _MOST:
        note(f"the picture shows the first {_MOST} of {len(words):,} words")
    shown = [labels.shorten(labels.clean(word), _WORD_CELLS) for word in words[:_MOST]]
    lettering = Lettering(shown)
    centres, right = [], 0.0
    for word in shown:
        width = max(1, labels.width(word)) * _CELL
        centres.append(right + width / 2)
        right += width + _GAP
    above = sorted(_within(found if gold is None else gold, len(shown)))
    below = [] if gold is None else sorted(_within(found, len(shown)))
    tops = [_height(edges) for edges in (above, below)]
    with plot_figure.figure(path, (max(right, 1.0), sum(tops) + 2 * _HALF), lettering.families) as figure:
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_xlim(-_GAP, max(right, 1.0))
        axes.set_ylim(-tops[1] - _HALF, tops[0] + _HALF)
        axes.set_axis_off()
        for number, (centre, word) in enumerate(zip(centres, lettering.legible(shown), strict=True)):
            weight = "bold" if number == root else "normal"
            axes.text(centre, 0, word, ha="center", va="center", fontsize=9, fontweight=weight)
        good = set(above)
        for edges, sign in ((above, 1), (below, -1)):
            for edge in edges:
                is_gold = gold is not None and sign > 0
                colour = _GOLD if is_gold else _FOUND if gold is None or edge in good else _WRONG
                x, y = _points(centres[edge[0]], centres[edge[1]], _rise(edge))
                axes.plot(x, [sign * (_HALF + value) for value in y], color=colour, linewidth=1.1)
    lettering.tell(note)


def _within(edges: Iterable[Edge], n_words: int) -> set[Edge]:
    return {(min(edge), max(edge)) for edge in edges if max(edge) < n_words}


def _rise(edge: Edge) -> float:
    """Return the height of an arc in inches: it grows with the square root of the number of words that it spans."""
    return float(_STEP * (edge[1] - edge[0]) ** 0.5 * 1.6)


def _height(edges: Sequence[Edge]) -> float:
    return max(map(_rise, edges), default=0.0) + _MARGIN


def _points(first: float, second: float, rise: float) -> tuple[list[float], list[float]]:
    """Return the points of half an ellipse."""
    import numpy as np

    angles = np.linspace(0, np.pi, 60)
    middle, half = (first + second) / 2, (second - first) / 2
    return (middle - half * np.cos(angles)).tolist(), (rise * np.sin(angles)).tolist()
