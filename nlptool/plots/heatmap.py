"""A matrix of similarities or distances as a heat map."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nlptool.plots import cells as plot_cells
from nlptool.plots import figure as plot_figure
from nlptool.plots import vertical
from nlptool.plots.fonts import Lettering

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap, Normalize
    from numpy.typing import NDArray

_COLOURS = "viridis"  # perceptually uniform, also for the colour-blind and in grey
_NO_VALUE = "0.8"  # grey
_MOST_NAMED = 80  # rows or columns: they are labelled with their texts
_MOST_CELLS = 1000  # rows or columns of cells; more would be smaller than a pixel
_SHORTEST, _ARROW = 1.5, 0.12  # inches of a colour bar and of its pointed end
_SIDE = 7.0  # inches of a side without texts


def heatmap(
    values: NDArray[np.floating[Any]],
    path: str,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    label: str = "",
    note: Callable[[str], None] = lambda _: None,
) -> None:
    """Draw a matrix as coloured cells.

    Up to 80 rows or columns are labelled with their texts, more with their indices; up to 15 × 15 cells hold their values, too. A
    matrix of more than 1,000 rows or columns is drawn as the means of blocks, without copying it. The colours span the values; if
    rows and columns are the same texts, those off the diagonal, and the colour bar ends in an arrow if the diagonal lies beyond.
    The label of the colour bar says the least and the greatest. NaN and infinity are grey.

    Args:
        values: (N, M), N and M > 0; may be memory-mapped.
        path: one of ``FORMATS``.
        rows: N texts.
        columns: M texts.
        label: of the colour bar.
        note: is called with a message on what the plot omits.

    Raises:
        RunError: the file cannot be written.
        ValueError: the numbers of texts and values differ.
    """
    import numpy as np

    if values.shape != (len(rows), len(columns)) or not values.size:
        raise ValueError(f"{values.shape} values for {len(rows)} rows and {len(columns)} columns")
    named = [len(texts) <= _MOST_NAMED for texts in (rows, columns)]
    shown = [texts if fits else () for texts, fits in zip((rows, columns), named, strict=True)]
    lettering = Lettering([text for texts in shown for text in texts] + [label], vertical.FORMS)
    cells = np.ma.masked_invalid(_means(values, -(-max(values.shape) // _MOST_CELLS), note))
    n_rows, n_columns = cells.shape
    edge = plot_cells.edge(max(map(len, shown)))
    height = n_rows * edge if named[0] else max(1.0, _SIDE * min(1.0, n_rows / n_columns))
    width = n_columns * edge if named[1] else max(1.0, _SIDE * min(1.0, n_columns / n_rows))
    with plot_figure.figure(path, (width, height), lettering.families) as figure:
        from matplotlib.ticker import MaxNLocator

        axes = figure.add_axes((0, 0, 1, 1))  # the file grows around it to hold the labels
        scale = _scale(cells, same=list(rows) == list(columns))
        mesh = axes.pcolormesh(
            *(np.linspace(0, n, of + 1) for n, of in ((values.shape[1], n_columns), (values.shape[0], n_rows))),
            cells, cmap=_COLOURS, norm=scale.norm, rasterized=cells.size > _MOST_NAMED**2,
            edgecolors="white" if all(named) else "none", linewidth=0.5 if all(named) else 0,
        )  # fmt: skip
        axes.invert_yaxis()
        axes.set_facecolor(_NO_VALUE)
        axes.spines[:].set_visible(False)
        texts = [lettering.legible(side) for side in shown]
        for axis, names in ((axes.yaxis, texts[0]), (axes.xaxis, texts[1])):
            if names:
                plot_cells.name(axis, names, edge, lettering)
            else:
                axis.set_label_text("index")
        if all(named) and max(cells.shape) <= plot_cells.MOST_NUMBERED:
            _number(axes, cells, mesh.cmap, scale.norm)
        length = max(height, _SHORTEST)
        bar = figure.add_axes((1 + 0.25 / width, 1 - length / height, 0.18 / width, length / height))  # to the right
        ticks = MaxNLocator(min(6, int(4 * length)), steps=[1, 2, 5, 10])
        figure.colorbar(mesh, cax=bar, extend=scale.beyond, extendfrac=_ARROW / length, ticks=ticks)
        bar.set_ylabel(f"{lettering.legible([label])[0]}{scale.range}", fontsize=9)
        bar.tick_params(labelsize=8)
        bar.spines[:].set_visible(False)
    lettering.tell(note)


def _number(axes: Axes, cells: np.ma.MaskedArray[Any, Any], colours: Colormap, norm: Normalize) -> None:
    """Write each value into its cell."""
    import numpy as np

    for (row, column), value in np.ndenumerate(cells.filled(np.nan)):
        if np.isfinite(value):
            plot_cells.write(axes, row, column, _spelled(value), plot_cells.colour_of(value, colours, norm))


@dataclass(frozen=True, slots=True)
class _Scale:
    """What the colours mean."""

    norm: Normalize
    beyond: str  # the ends at which values lie beyond the colours: neither, min, max or both
    range: str  # for the label of the colour bar


def _scale(cells: np.ma.MaskedArray[Any, Any], *, same: bool) -> _Scale:
    """Return the colours' scale: from the least to the greatest value; in a matrix of the ``same`` texts, off its diagonal."""
    import numpy as np
    from matplotlib.colors import Normalize

    spanned = cells
    off_diagonal = same and cells.shape[0] == cells.shape[1] > 1
    if off_diagonal:
        spanned = np.ma.masked_where(np.eye(cells.shape[0], dtype=bool), cells)
    if not spanned.count():
        spanned, off_diagonal = cells, False
    if not spanned.count():
        return _Scale(Normalize(0, 1), "neither", "")
    low, high = float(spanned.min()), float(spanned.max())
    places = " off the diagonal" if off_diagonal else ""
    if low == high:  # a single value: from zero to it
        said = f", {_spelled(low)}{places}"
        low, high = min(low, 0.0), max(high, 0.0) or 1.0
    else:
        said = f", {_spelled(low)} to {_spelled(high)}{places}"
    below, above = bool(cells.min() < low), bool(cells.max() > high)
    return _Scale(
        Normalize(low, high), {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[below, above], said
    )


def _spelled(value: float) -> str:
    """Write a number with a minus sign, and without one if it is 0 when rounded."""
    return f"{value:z{'.2f' if abs(value) < 10 else '.3g'}}".replace("-", "\N{MINUS SIGN}")


def _means(values: NDArray[Any], step: int, note: Callable[[str], None]) -> NDArray[np.float64]:
    """Return the means of the finite values in blocks of ``step × step``; blocks at the right and lower edge may be smaller."""
    import numpy as np

    if step == 1:
        return np.asarray(values, dtype=np.float64)
    n_rows, n_columns = values.shape
    note(f"{n_rows:,} × {n_columns:,} values: each cell of the picture is the mean of {step} × {step} of them")
    means = np.empty((-(-n_rows // step), -(-n_columns // step)))
    starts = np.arange(0, n_columns, step)
    for index, row in enumerate(range(0, n_rows, step)):
        block = np.asarray(values[row : row + step], dtype=np.float64)
        finite = np.isfinite(block)
        sums = np.add.reduceat(np.where(finite, block, 0).sum(axis=0), starts)
        counts = np.add.reduceat(finite.sum(axis=0), starts)
        means[index] = np.divide(sums, counts, out=np.full(len(starts), np.nan), where=counts > 0)
    return means
