"""Placement of the labels of points without overlaps. All lengths are in points of 1/72 inch.

Greedy: all labels are tried close to their points, those of the loneliest points first, and those that found no place farther and
farther away. What is taken is marked in a grid of squares of one point, so that looking for a place takes the same time however
many labels there are.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Point = tuple[float, float]
Box = tuple[float, float, float, float]  # left, lower, right, upper

NEAR = (2.0, 8.0)
FAR = (2.0, 8.0, 16.0, 26.0, 38.0, 52.0, 68.0)
"""Distances between the edge of a marker and its label, the best first; from the farther ones a leader line is drawn."""

_DIRECTIONS = (
    (1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1), (0.5, 1), (0.5, -1), (-0.5, 1), (-0.5, -1)
)  # fmt: skip
"""To the right and up from a point: the middle of a label is so many times its half width and height from its point, and more."""

_AROUND = (60, 15)  # how far to each side, and up and down, the neighbours of a point are counted


def loneliest_first(anchors: Sequence[Point], frame: Sequence[float]) -> list[int]:
    """Return the numbers of the points, those with the fewest other points around them first.

    Args:
        frame: left, lower, right, upper.
    """
    import numpy as np

    if not anchors:
        return []
    width, height = (math.ceil(frame[end] - frame[end - 2]) for end in (2, 3))
    columns, rows = (np.array(anchors) - frame[:2]).astype(np.int64).clip(0, (width - 1, height - 1)).T
    sums = np.zeros((height + 1, width + 1), np.int64)  # sums[i][j]: the points in rows before i and columns before j
    np.add.at(sums, (rows + 1, columns + 1), 1)
    sums = sums.cumsum(axis=0).cumsum(axis=1)
    (left, right), (lower, upper) = (
        ((places - around).clip(0), (places + around + 1).clip(max=size))
        for places, around, size in zip((columns, rows), _AROUND, (width, height), strict=True)
    )
    around = sums[upper, right] - sums[upper, left] - sums[lower, right] + sums[lower, left]
    return [int(number) for number in np.argsort(around, kind="stable")]


class Placement:
    """Finds places for labels inside a frame that overlap no marker, no other label and no leader line.

    Args:
        anchors: the points.
        radius: of the markers.
        frame: left, lower, right, upper.
        taken: boxes that are taken by something else.
    """

    def __init__(
        self, anchors: Sequence[Point], radius: float, frame: Sequence[float], taken: Sequence[Box] = ()
    ) -> None:
        self._anchors = anchors
        self._radius = radius
        self._frame = frame
        self._taken = _Grid(frame)
        for x, y in anchors:
            self._taken.mark((x - radius, y - radius, x + radius, y + radius))
        for box in taken:
            self._taken.mark(box)

    def place(self, sizes: Mapping[int, tuple[float, float]], distances: Sequence[float] = FAR) -> dict[int, Box]:
        """Return the boxes of the labels that find a place: number of a point -> box.

        Args:
            sizes: number of a point -> width and height of its label; those that come first have the choice.
            distances: ``NEAR`` or ``FAR``.
        """
        boxes: dict[int, Box] = {}
        for distance, number in itertools.product(distances, sizes):
            if number not in boxes:
                for box in self._around(self._anchors[number], sizes[number], distance):
                    anchor, radius = self._anchors[number], self._radius
                    parts = [box, *(_leader(anchor, box, radius) if is_far(anchor, box, radius) else ())]
                    if not any(map(self._taken.overlaps, parts)):
                        boxes[number] = box
                        for part in parts:
                            self._taken.mark(part)
                        break
        return boxes

    def _around(self, anchor: Point, size: tuple[float, float], distance: float) -> Iterator[Box]:
        """Yield the boxes inside the frame that are at a distance from a marker."""
        (x, y), (width, height) = anchor, size
        for right, up in _DIRECTIONS:
            off = (distance + self._radius) * (0.7 if abs(right * up) == 1 else 1.0)
            left, lower = x + right * (off + width / 2) - width / 2, y + up * (off + height / 2) - height / 2
            box = (left, lower, left + width, lower + height)
            if (
                self._frame[0] < box[0]
                and self._frame[1] < box[1]
                and box[2] < self._frame[2]
                and box[3] < self._frame[3]
            ):
                yield box


class _Grid:
    """The squares of a frame, of which some are marked. A box has every square that it touches."""

    def __init__(self, frame: Sequence[float]) -> None:
        import numpy as np

        self._left, self._lower = frame[:2]
        size = math.ceil(frame[3] - frame[1]), math.ceil(frame[2] - frame[0])
        self._marked: NDArray[np.bool_] = np.zeros(size, np.bool_)

    def _squares(self, box: Box) -> Any:
        left, right = max(0, math.floor(box[0] - self._left)), max(0, math.ceil(box[2] - self._left))
        lower, upper = max(0, math.floor(box[1] - self._lower)), max(0, math.ceil(box[3] - self._lower))
        return slice(lower, upper), slice(left, right)

    def mark(self, box: Box) -> None:
        self._marked[self._squares(box)] = True

    def overlaps(self, box: Box) -> bool:
        return bool(self._marked[self._squares(box)].any())


def nearest_point(point: Point, box: Box) -> Point:
    """Return the point of a box that is nearest to ``point``."""
    return min(max(point[0], box[0]), box[2]), min(max(point[1], box[1]), box[3])


def is_far(anchor: Point, box: Box, radius: float) -> bool:
    """Return whether a label is so far from its point that it needs a leader line."""
    return math.dist(anchor, nearest_point(anchor, box)) > radius + 6


def _leader(anchor: Point, box: Box, radius: float) -> list[Box]:
    """Return the leader line from the edge of a marker to its label, as small boxes."""
    end = nearest_point(anchor, box)
    length = math.dist(anchor, end)
    way = ((end[0] - anchor[0]) / length, (end[1] - anchor[1]) / length)
    along = (radius + 2 + step for step in range(0, math.ceil(length - radius - 3), 2))
    return [
        (x - 0.5, y - 0.5, x + 0.5, y + 0.5)
        for x, y in ((anchor[0] + at * way[0], anchor[1] + at * way[1]) for at in along)
    ]
