"""Placement of the labels of points without overlaps. All lengths are in points of 1/72 inch."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

Point = tuple[float, float]
Box = tuple[float, float, float, float]  # left, lower, right, upper

_DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1))
_DISTANCES = (2, 12, 24, 40, 60)  # between the edge of a marker and its label


def place_labels(
    anchors: Sequence[Point], sizes: Sequence[tuple[float, float]], radius: float, frame: Sequence[float]
) -> list[Box | None]:
    """Find a box for each label: the nearest one to its point inside the frame that overlaps no marker and no other label.

    Leader lines overlap no label either.

    Args:
        anchors: the points.
        sizes: width and height of each label.
        radius: of the markers.
        frame: left, lower, right, upper.

    Returns:
        A box for each label; None if there is no free one.
    """
    circles = [(x - radius, y - radius, x + radius, y + radius) for x, y in anchors]
    labels: list[Box] = []
    leaders: list[Box] = []
    boxes: list[Box | None] = []
    for (x, y), (width, height) in zip(anchors, sizes, strict=True):
        boxes.append(None)
        for distance, (right, up) in itertools.product(_DISTANCES, _DIRECTIONS):
            off = (distance + radius) * (0.7 if right and up else 1.0)
            left, lower = x + right * (off + width / 2) - width / 2, y + up * (off + height / 2) - height / 2
            box = (left, lower, left + width, lower + height)
            inside = frame[0] < left and frame[1] < lower and box[2] < frame[2] and box[3] < frame[3]
            leader = _leader((x, y), box) if is_far((x, y), box, radius) else []
            if inside and not _overlap([box], circles + leaders) and not _overlap([box, *leader], labels):
                labels.append(box)
                leaders += leader
                boxes[-1] = box
                break
    return boxes


def _overlap(first: Sequence[Box], second: Sequence[Box]) -> bool:
    """Return whether a box of ``first`` overlaps one of ``second``."""
    return any(a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3] for a in first for b in second)


def nearest_point(point: Point, box: Box) -> Point:
    """Return the point of a box that is nearest to ``point``."""
    return min(max(point[0], box[0]), box[2]), min(max(point[1], box[1]), box[3])


def is_far(anchor: Point, box: Box, radius: float) -> bool:
    """Return whether a label is so far from its point that it needs a leader line."""
    return math.dist(anchor, nearest_point(anchor, box)) > radius + 6


def _leader(anchor: Point, box: Box) -> list[Box]:
    """Return the leader line from a point to its label, as small boxes."""
    end = nearest_point(anchor, box)
    along = ((anchor[0] + (end[0] - anchor[0]) * t / 8, anchor[1] + (end[1] - anchor[1]) * t / 8) for t in range(8))
    return [(x - 1, y - 1, x + 1, y + 1) for x, y in along]
