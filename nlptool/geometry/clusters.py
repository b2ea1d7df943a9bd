"""Clusters of unit vectors: their numbers, their centres, and how far from these each member is.

Whatever found the clusters, they are described alike: numbered from 0 by falling size, with a centre of unit length, and the
cosine distance of each member to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlptool.geometry.top_k import normalize

NONE = -1
"""The number of the cluster of an item that is in none."""

_BLOCK = 8192  # rows
_ROUNDING = 1e-6  # by which a cosine may miss 1


@dataclass(frozen=True, slots=True, eq=False)
class Clusters:
    """K clusters of N items.

    Attributes:
        numbers: of the cluster of each item, (N,) int64, from 0 by falling size; NONE: it is in none.
        distances: 1 - cosine to the centre of the cluster, (N,) float32, in [0, 2]; NaN of an item in none.
        centres: (K, D) float32, of unit length; zeros where the members cancel each other out.
    """

    numbers: NDArray[np.int64]
    distances: NDArray[np.float32]
    centres: NDArray[np.float32]

    @classmethod
    def none(cls, n_items: int) -> Clusters:
        """Return that no item is in a cluster."""
        nowhere = np.full(n_items, np.nan, np.float32)
        return cls(np.full(n_items, NONE, np.int64), nowhere, np.zeros((0, 0), np.float32))

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Members of each cluster, (K,)."""
        return np.bincount(self.numbers[self.numbers >= 0], minlength=len(self.centres))

    def most_central(self, n: int) -> list[list[int]]:
        """Return the ``n`` items of each cluster that are nearest to its centre, the nearest first."""
        order = np.lexsort((self.distances, self.numbers))
        starts = np.searchsorted(self.numbers[order], np.arange(len(self.centres)))
        return [
            order[start : start + min(n, size)].tolist()
            for start, size in zip(starts, self.sizes.tolist(), strict=True)
        ]


def described(
    vectors: NDArray[np.float32], found: NDArray[np.int64], centres: NDArray[np.float32] | None = None
) -> Clusters:
    """Describe clusters.

    Args:
        vectors: of unit length, (N, D), mapped into memory or not.
        found: the cluster of each item, (N,), in any numbering; negative: none.
        centres: of unit length; row c is the centre of cluster c of ``found``. None: the mean of the members, scaled to unit
            length.
    """
    numbers, names = numbered(found)
    if centres is None:
        centres = normalize(sums(vectors, numbers, len(names)).astype(np.float32))
        names = np.arange(len(names))
    centres = centres[names]
    distances = np.full(len(vectors), np.nan, np.float32)
    for rows, block in blocks(vectors):
        inside = np.flatnonzero(numbers[rows] >= 0)
        cosines = np.einsum("ij,ij->i", block[inside], centres[numbers[rows][inside]])
        distances[rows][inside] = np.where(cosines > 1 - _ROUNDING, 0, 1 - cosines)
    return Clusters(numbers, distances, centres)


def numbered(found: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number clusters from 0 by falling size; of several of one size the one whose first item comes first.

    Args:
        found: the cluster of each item, (N,), in any numbering; negative: none.

    Returns:
        The new number of the cluster of each item, (N,), NONE of one in none; and the old number of each cluster, (K,).
    """
    numbers = np.full(len(found), NONE, np.int64)
    inside = np.flatnonzero(found >= 0)
    names, first, places, counts = np.unique(found[inside], return_index=True, return_inverse=True, return_counts=True)
    order = np.lexsort((first, -counts))
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(len(order))
    numbers[inside] = ranks[places]
    return numbers, names[order]


def sums(vectors: NDArray[np.float32], numbers: NDArray[np.int64], n_clusters: int) -> NDArray[np.float64]:
    """Return the sum of the members of each cluster, (n_clusters, D) float64.

    Args:
        vectors: (N, D).
        numbers: the cluster of each, (N,); NONE: of none.
    """
    total = np.zeros((n_clusters, vectors.shape[1]))
    for rows, block in blocks(vectors):
        order = np.argsort(numbers[rows], kind="stable")
        order = order[np.searchsorted(numbers[rows], 0, sorter=order) :]  # those of a cluster
        found, starts = np.unique(numbers[rows][order], return_index=True)
        members = block[order]
        sizes = np.diff(starts, append=len(order))
        for cluster, start, size in zip(found.tolist(), starts.tolist(), sizes.tolist(), strict=True):
            total[cluster] += members[start : start + size].sum(axis=0)
    return total


def blocks(vectors: NDArray[np.float32], n_rows: int = _BLOCK) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Yield the vectors in blocks of rows, each with its place."""
    for first in range(0, len(vectors), n_rows):
        rows = slice(first, first + n_rows)
        yield rows, np.asarray(vectors[rows], np.float32)
