"""The markers of a map: a colour for each group, an outline for each shape; the same in pictures and in HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

UNGROUPED = "#8c8c8c"
OKABE_ITO = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#f0e442")
"""A palette for the colour-blind: M. Okabe, K. Ito, Color Universal Design, 2008, https://jfly.uni-koeln.de/color/."""

_TAB20 = (
    "#1f77b4", "#aec7e8", "#ff7f0e", "#ffbb78", "#2ca02c", "#98df8a", "#d62728", "#ff9896", "#9467bd", "#c5b0d5",
    "#8c564b", "#c49c94", "#e377c2", "#f7b6d2", "#7f7f7f", "#c7c7c7", "#bcbd22", "#dbdb8d", "#17becf", "#9edae5",
)  # fmt: skip

OUTLINES = ((0, 0, 1.0), (3, 0, 1.5), (4, 45, 1.25), (4, 0, 1.25), (3, 180, 1.5), (6, 0, 1.1))
"""Number of corners (0: a circle), rotation in degrees, and a relative radius that gives all outlines about the same area."""


@dataclass(frozen=True, slots=True)
class Points:
    """N texts as points of a map.

    Raises:
        ValueError: the numbers of points and texts differ.
    """

    places: NDArray[np.floating[Any]]  # (N, 2), finite
    texts: Sequence[str]
    groups: Sequence[str | None] | None = None  # N keys that decide the colours; "" or None: grey
    shapes: Sequence[str | None] | None = None  # N keys that decide the outlines; "" or None: a circle
    links: Sequence[str | None] | None = (
        None  # N keys; points with the same key are joined by a line; "" or None: no line
    )
    captions: Sequence[tuple[float, float, str]] = ()  # x, y, and what is there; the most important first
    axes: tuple[str, str] = ("x", "y")  # names of x and y
    title: str = ""

    def __post_init__(self) -> None:
        if self.places.shape != (len(self.texts), 2):
            raise ValueError(f"points of shape {self.places.shape} for {len(self.texts)} texts")


def colours(n_groups: int) -> list[str]:
    """Return ``n_groups`` colours as ``#rrggbb``; they repeat after 20."""
    palette = OKABE_ITO if n_groups <= len(OKABE_ITO) else _TAB20
    return [palette[index % len(palette)] for index in range(n_groups)]


def outlines(n_shapes: int) -> list[tuple[int, int, float]]:
    """Return ``n_shapes`` outlines; they repeat after 6."""
    return [OUTLINES[index % len(OUTLINES)] for index in range(n_shapes)]


def encode(keys: Sequence[str | None] | None, n_points: int) -> tuple[list[str], list[int]]:
    """Return the different keys in order of appearance, and for each point the index of its key: -1 for "" or None.

    Raises:
        ValueError: there are not ``n_points`` keys.
    """
    if keys is None:
        return [], [-1] * n_points
    if len(keys) != n_points:
        raise ValueError(f"{len(keys)} keys for {n_points} points")
    names = list(dict.fromkeys(key for key in keys if key))
    codes = {name: code for code, name in enumerate(names)}
    return names, [codes[key] if key else -1 for key in keys]


def polylines(links: Sequence[str | None] | None, n_points: int) -> list[list[int]]:
    """Return, for each key that several points share, their indices in order: the corners of a line.

    Raises:
        ValueError: there are not ``n_points`` keys.
    """
    names, codes = encode(links, n_points)
    lines: list[list[int]] = [[] for _ in names]
    for point, code in enumerate(codes):
        if code >= 0:
            lines[code].append(point)
    return [line for line in lines if len(line) > 1]
