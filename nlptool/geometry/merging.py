"""Agglomerative clustering: the two nearest clusters are merged again and again, until one is left.

The tree of mergers is scipy's ``linkage``, as in scikit-learn's ``AgglomerativeClustering``; its distances come from a matrix
product, which takes seconds where scipy's own take minutes. The distances of all pairs are in memory, twice, in float64.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nlptool.geometry.measures import tolerance

LINKAGES = ("average", "complete", "single", "ward")
"""How far two clusters are apart: the mean, the largest, the smallest distance of their members; or how much the sum of the
squared distances to the centres grows."""

WARD = "ward"

_ROWS = 1024
_BYTES_OF_PAIR = 18  # its distance in float64, twice, and what is checked of it; measured


def memory_needed(n_items: int) -> int:
    """Return the bytes that the tree of so many items takes while it is made."""
    return _BYTES_OF_PAIR * n_items * max(0, n_items - 1) // 2


def most_items(memory: int) -> int:
    """Return how many items can be merged in so many bytes."""
    return int((2 * memory / _BYTES_OF_PAIR) ** 0.5)


class Tree:
    """The mergers of N items.

    Args:
        vectors: of unit length, (N, D), mapped into memory or not.
        linkage: one of ``LINKAGES``; the distance is 1 - cosine, and of ward the Euclidean one.
    """

    def __init__(self, vectors: NDArray[np.float32], linkage: str) -> None:
        from scipy.cluster import hierarchy

        self._n = len(vectors)
        self._mergers = np.empty((0, 4))  # first, second, distance, size; cluster N + i is made by row i
        if self._n > 1:
            self._mergers = hierarchy.linkage(_distances(vectors, euclidean=linkage == WARD), linkage)

    def into(self, k: int) -> NDArray[np.int64]:
        """Return the cluster of each item when ``k`` are left, (N,)."""
        return self._after(max(0, self._n - k))

    def within(self, threshold: float) -> NDArray[np.int64]:
        """Return the cluster of each item when none are left whose similarity, 1 - distance, reaches a threshold, (N,)."""
        return self._after(int(np.count_nonzero(self._mergers[:, 2] <= 1 - threshold + tolerance("cosine"))))

    def _after(self, n_mergers: int) -> NDArray[np.int64]:
        """Return the cluster of each item after the first mergers."""
        top = np.arange(self._n + n_mergers)
        for row in reversed(range(n_mergers)):  # a cluster is made after what it is made of
            first, second = self._mergers[row, :2].astype(np.int64)
            top[first] = top[second] = top[self._n + row]
        return top[: self._n]


def _distances(vectors: NDArray[np.float32], *, euclidean: bool) -> NDArray[np.float64]:
    """Return the distances of all pairs, (N (N - 1) / 2,): of the first with those after it, of the second, and so on."""
    n = len(vectors)
    distances = np.empty(n * (n - 1) // 2)
    end = 0
    for first in range(0, n, _ROWS):
        rows = np.asarray(vectors[first : first + _ROWS])
        block = 1 - rows @ np.asarray(vectors[first:]).T
        for row in range(len(rows)):
            start, end = end, end + n - 1 - first - row
            distances[start:end] = block[row, row + 1 :]
    np.maximum(distances, 0, out=distances)  # rounding
    if euclidean:  # |a - b|² = 2 - 2 cos
        distances *= 2
        np.sqrt(distances, out=distances)
    return distances
