"""Plots of attention weights, as in D. Bahdanau, K. Cho, Y. Bengio: Neural Machine Translation by Jointly Learning to Align and
Translate (ICLR 2015), figure 3: the source along the top, the output down the side, a pixel for each weight, black for 0 and
white for 1, so that plots can be compared. The mean of many heads would be nearly black: white can then be a smaller weight, as
the colour bar says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from nlptool.plots import figure as plot_figure
from nlptool.plots import labels, vertical
from nlptool.plots.fonts import Lettering

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

_MOST_TOKENS = 1000  # of a side; more cells would be smaller than a pixel
_LARGE, _SMALL = 0.25, 0.16  # inches of a cell whose token is written in large or small letters
_LARGEST = 60 * _SMALL  # inches of a side
_WIDEST = 24  # terminal cells of a token
_PAGE = 12.0  # inches, about, of the longer side of a grid
_SHORTEST, _LONGEST = 1.0, 3.0  # inches of the colour bar
_GAP = 0.12  # inches between the matrices of a grid
_BLANK = "\N{OPEN BOX}"  # for a token that is nothing but blanks


def alignment(
    source: Sequence[str],
    target: Sequence[str],
    weights: NDArray[np.floating[Any]],
    path: str,
    *,
    title: str = "",
    white: float = 1.0,
    note: Callable[[str], None] = lambda _: None,
) -> None:
    """Draw how much each output token attends to each source token.

    Up to 60 tokens of a side are all labelled, of more every second, third, ...; of more than 1,000 the first 1,000 are drawn.

    Args:
        source: S tokens, along the top; a blank one is written ␣.
        target: T tokens, down the side.
        weights: (T, S), from 0 (black) to 1; T and S > 0.
        path: one of ``FORMATS``.
        white: the weight, > 0, from which on cells are white.
        note: is called with a message on what the plot omits.

    Raises:
        RunError: the file cannot be written.
        ValueError: the numbers of tokens and weights differ.
    """
    _check(weights.shape, source, target)
    source, target, weights = _truncate(source, target, weights, note)
    longer = max(weights.shape)
    edge = _LARGE if longer * _LARGE <= _LARGEST else min(_SMALL, _LARGEST / longer)
    lettering = Lettering([*source, *target, title], vertical.FORMS)
    height, width = (n_tokens * edge for n_tokens in weights.shape)
    with plot_figure.figure(path, (width, height), lettering.families) as figure:
        axes = figure.add_axes((0, 0, 1, 1))  # the file grows around it to hold the tokens
        _draw(axes, weights, white)
        _name(axes.xaxis, _tokens(source, lettering), edge, lettering)
        _name(axes.yaxis, _tokens(target, lettering), edge, lettering)
        _bar(figure, axes, (width, height), left=0.2)
        if title:
            axes.xaxis.set_label_position("bottom")
            axes.set_xlabel(lettering.legible([title])[0])
    if (step := _step(edge)) > 1:
        note(f"{longer:,} tokens: one of {step} is named in the picture")
    lettering.tell(note)


def grid(
    source: Sequence[str],
    target: Sequence[str],
    weights: NDArray[np.floating[Any]],
    path: str,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    title: str = "",
    note: Callable[[str], None] = lambda _: None,
) -> None:
    """Draw a grid of matrices of the same tokens, each as ``alignment`` does: of all heads of all layers.

    The tokens are labelled on the left and at the top if there is room.

    Args:
        source: S tokens.
        target: T tokens.
        weights: (N, M, T, S), from 0 (black) to 1 (white); no dimension is 0.
        path: one of ``FORMATS``.
        rows: N names, such as "layer 1".
        columns: M names, such as "head 1".
        note: is called with a message on what the plot omits.

    Raises:
        RunError: the file cannot be written.
        ValueError: the numbers of names, tokens and weights differ.
    """
    _check(weights.shape[2:], source, target)
    if weights.shape[:2] != (len(rows), len(columns)) or not weights.size:
        raise ValueError(f"{weights.shape} weights for {len(rows)} rows and {len(columns)} columns")
    source, target, weights = _truncate(source, target, weights, note)
    n_rows, n_columns, n_target, n_source = weights.shape
    # Inches of a cell: as in ``alignment``, but all matrices share a page.
    edge = min(_LARGE, max(0.9 / max(n_target, n_source), _PAGE / max(n_rows * n_target, n_columns * n_source)))
    named = edge >= _SMALL
    height, width = n_target * edge, n_source * edge
    lettering = Lettering(
        [*(source if named else ()), *(target if named else ()), *rows, *columns, title], vertical.FORMS
    )
    size = (n_columns * (width + _GAP) - _GAP, n_rows * (height + _GAP) - _GAP)
    with plot_figure.figure(path, size, lettering.families) as figure:
        figure.subplots_adjust(0, 0, 1, 1, wspace=_GAP / width, hspace=_GAP / height)
        panels = figure.subplots(n_rows, n_columns, squeeze=False)
        names = [_tokens(tokens, lettering) if named else [] for tokens in (source, target)]
        row_names, column_names = lettering.legible(rows), lettering.legible(columns)
        for row in range(n_rows):
            for column in range(n_columns):
                axes = panels[row, column]
                _draw(axes, weights[row, column], 1.0)
                _name(axes.xaxis, names[0] if row == 0 else [], edge, lettering)
                _name(axes.yaxis, names[1] if column == 0 else [], edge, lettering)
                if row == n_rows - 1:
                    axes.xaxis.set_label_position("bottom")
                    axes.set_xlabel(column_names[column], fontsize=8)
                if column == n_columns - 1:
                    axes.yaxis.set_label_position("right")
                    axes.set_ylabel(row_names[row], fontsize=8, rotation=270, va="bottom")
        _bar(figure, panels[0, 0], size, left=0.4)
        if title:
            figure.text(0.5, -0.35 / size[1], lettering.legible([title])[0], ha="center", va="top")
    if not named:
        note("the tokens are not named in the picture of so many weights: choose a layer and a head")
    lettering.tell(note)


def _check(shape: Sequence[int], source: Sequence[str], target: Sequence[str]) -> None:
    """Check that there is a weight for each pair of tokens."""
    if tuple(shape) != (len(target), len(source)) or not (source and target):
        raise ValueError(f"{tuple(shape)} weights for {len(target)} output and {len(source)} source tokens")


def _truncate(
    source: Sequence[str], target: Sequence[str], weights: NDArray[Any], note: Callable[[str], None]
) -> tuple[Sequence[str], Sequence[str], NDArray[Any]]:
    """Return at most ``_MOST_TOKENS`` tokens of each side, and their weights."""
    longer = max(len(source), len(target))
    if longer > _MOST_TOKENS:
        note(f"{longer:,} tokens: the picture shows the first {_MOST_TOKENS:,}")
    return source[:_MOST_TOKENS], target[:_MOST_TOKENS], weights[..., :_MOST_TOKENS, :_MOST_TOKENS]


def _draw(axes: Axes, weights: NDArray[Any], white: float) -> None:
    """Draw a matrix. ``interpolation="none"`` makes each cell one pixel in SVG and PDF, too."""
    axes.imshow(weights, cmap="gray", vmin=0, vmax=white, interpolation="none", aspect="equal")
    axes.spines[:].set(visible=True, color="0.5", linewidth=0.5)  # the border of white cells


def _tokens(tokens: Sequence[str], lettering: Lettering) -> list[str]:
    """Return the labels of tokens."""
    shown = [_BLANK if token and not token.strip() else token for token in tokens]
    return [labels.shorten(token, _WIDEST) for token in lettering.legible(shown)]


def _step(edge: float) -> int:
    """Return n, where every n-th cell of ``edge`` inches is labelled."""
    return -int(-_SMALL // edge) if edge < _SMALL else 1


def _name(axis: Any, names: Sequence[str], edge: float, lettering: Lettering) -> None:
    """Label an axis, x at the top."""
    step = _step(edge)
    places, size = range(0, len(names), step), 9 if edge > _SMALL else 7
    if axis.axis_name == "x":
        axis.tick_top()
        axis.set_label_position("top")
        vertical.name_columns(axis, places, [[name] for name in names[::step]], lettering.forms, fontsize=size)
    else:
        axis.set_ticks(places, names[::step], fontsize=size)
    axis.set_tick_params(length=0)


def _bar(figure: Figure, axes: Axes, size: tuple[float, float], *, left: float) -> None:
    """Draw the colour bar of a matrix to the right of a figure of ``size`` inches, ``left`` inches away from it."""
    from matplotlib.ticker import MaxNLocator

    width, height = size
    length = min(max(height, _SHORTEST), _LONGEST)
    bar = figure.add_axes((1 + left / width, 1 - length / height, 0.15 / width, length / height))
    ticks = MaxNLocator(5 if length > _SHORTEST else 2, steps=[1, 2, 5, 10])
    figure.colorbar(axes.images[0], cax=bar, ticks=ticks)
    bar.set_ylabel("attention weight", fontsize=8)
    bar.tick_params(labelsize=7, length=2)
    bar.spines[:].set(linewidth=0.5, color="0.5")
