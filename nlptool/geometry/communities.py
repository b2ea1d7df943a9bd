"""Communities: groups of items whose cosine to a central item reaches a threshold.

It is the method of sentence-transformers' ``community_detection``, and finds the same: the communities of all items, the
largest first, each without those that are in one before it. Neither all similarities nor all pairs above the threshold are kept:
the first pass counts the neighbours of each item, block by block, and they are found again when the item has its turn.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from nlptool.geometry.measures import tolerance

_ROWS = 1024  # items whose similarities are computed together
_COLUMNS = 2048
_TURNS = 64  # items whose neighbours are found together: some of them are taken before they have their turn


def communities(
    vectors: NDArray[np.float32],
    threshold: float,
    min_size: int,
    *,
    report: Callable[[int], None] = lambda done: None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find communities.

    Args:
        vectors: of unit length, (N, D), mapped into memory or not.
        threshold: the least cosine to the central item.
        min_size: fewest members.
        report: is told how many items have been counted.

    Returns:
        The community of each item, (N,), -1 of an item in none; and the central item of each community, (K,).
    """
    least = np.float32(threshold - tolerance("cosine"))
    counts = _neighbours(vectors, least, report)
    found = np.full(len(vectors), -1, np.int64)
    centres: list[int] = []
    turns = np.lexsort((np.arange(len(counts)), -counts))
    turns = turns[counts[turns] >= min_size]
    start = 0
    while start < len(turns):
        ahead = turns[start : start + 16 * _TURNS]
        free = np.flatnonzero(found[ahead] < 0)[:_TURNS]
        if not len(free):
            start += len(ahead)
            continue
        centrals = ahead[free]
        for central, is_near in zip(centrals.tolist(), _near(vectors, centrals, least), strict=True):
            if found[central] < 0:
                members = np.flatnonzero(is_near & (found < 0))
                if len(members) >= min_size:
                    found[members] = len(centres)
                    centres.append(central)
        start += int(free[-1]) + 1
    return found, np.array(centres, np.int64)


def _neighbours(vectors: NDArray[np.float32], least: np.float32, report: Callable[[int], None]) -> NDArray[np.int64]:
    """Return how many items have at least that cosine to each, itself included, (N,)."""
    n = len(vectors)
    counts = np.ones(n, np.int64)
    for first in range(0, n, _ROWS):
        rows = np.asarray(vectors[first : first + _ROWS])
        for column in range(first, n, _COLUMNS):
            block = rows @ np.asarray(vectors[column : column + _COLUMNS]).T
            is_near = block >= least
            if column < first + len(rows):  # each pair counts once, for both of its items
                is_near &= np.arange(column, column + block.shape[1]) > np.arange(first, first + len(rows))[:, None]
            counts[first : first + len(rows)] += np.count_nonzero(is_near, axis=1)
            counts[column : column + block.shape[1]] += np.count_nonzero(is_near, axis=0)
        report(first + len(rows))
    return counts


def _near(vectors: NDArray[np.float32], items: NDArray[np.int64], least: np.float32) -> NDArray[np.bool_]:
    """Return which items have at least that cosine to some items, themselves included, (n, N)."""
    rows = np.asarray(vectors[items])
    is_near = np.empty((len(items), len(vectors)), np.bool_)
    for column in range(0, len(vectors), _COLUMNS):
        is_near[:, column : column + _COLUMNS] = rows @ np.asarray(vectors[column : column + _COLUMNS]).T >= least
    is_near[np.arange(len(items)), items] = True
    return is_near
