"""Where the labels of points go, so that each can be read and seen to be its point's. All lengths in points of 1/72 inch."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

Point = tuple[float, float]
Box = tuple[float, float, float, float]  # left, lower, right, upper

_DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1))
_DISTANCES = (2, 12, 24, 40, 60)  # between the rim of a point and its text


def places(
    anchors: Sequence[Point], sizes: Sequence[tuple[float, float]], radius: float, frame: Sequence[float]
) -> list[Box | None]:
    """For each label a box beside its point, the nearest that lies in the frame and touches neither point nor label.

    A line that leads to a box touches no label either.

    Args:
        anchors: the points.
        sizes: width and height of each label.
        radius: of the points.
        frame: left, lower, right, upper.

    Returns:
        None for a label that has no such place.
    """
    circles = [(x - radius, y - radius, x + radius, y + radius) for x, y in anchors]
    labels: list[Box] = []
    leaders: list[Box] = []
    found: list[Box | None] = []
    for (x, y), (width, height) in zip(anchors, sizes, strict=True):
        found.append(None)
        for distance, (right, up) in itertools.product(_DISTANCES, _DIRECTIONS):
            off = (distance + radius) * (0.7 if right and up else 1.0)
            left, lower = x + right * (off + width / 2) - width / 2, y + up * (off + height / 2) - height / 2
            box = (left, lower, left + width, lower + height)
            inside = frame[0] < left and frame[1] < lower and box[2] < frame[2] and box[3] < frame[3]
            leader = _leader((x, y), box) if is_far((x, y), box, radius) else []
            if inside and not _overlap([box], circles + leaders) and not _overlap([box, *leader], labels):
                labels.append(box)
                leaders += leader
                found[-1] = box
                break
    return found


def _overlap(some: Sequence[Box], others: Sequence[Box]) -> bool:
    return any(a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3] for a in some for b in others)


def nearest(point: Point, box: Box) -> Point:
    """Of the points of a box."""
    return min(max(point[0], box[0]), box[2]), min(max(point[1], box[1]), box[3])


def is_far(anchor: Point, box: Box, radius: float) -> bool:
    """Whether only a line can say what a text belongs to."""
    return math.dist(anchor, nearest(anchor, box)) > radius + 6


def _leader(anchor: Point, box: Box) -> list[Box]:
    """The line from a point to its text, in pieces."""
    end = nearest(anchor, box)
    along = ((anchor[0] + (end[0] - anchor[0]) * t / 8, anchor[1] + (end[1] - anchor[1]) * t / 8) for t in range(8))
    return [(x - 1, y - 1, x + 1, y + 1) for x, y in along]
