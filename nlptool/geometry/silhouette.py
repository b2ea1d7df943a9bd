"""How well clusters are set apart: the silhouette coefficient.

Source: P. Rousseeuw: Silhouettes: a graphical aid to the interpretation and validation of cluster analysis (Journal of
Computational and Applied Mathematics 20, 1987).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nlptool.geometry import clusters

_LEAST = 1e-7  # a mean distance that is less is rounding error


def silhouette(vectors: NDArray[np.float32], numbers: NDArray[np.int64]) -> float:
    """Return the mean silhouette coefficient of items by the cosine distance, from -1 to 1: higher is better set apart.

    That of an item is (b - a) / max(a, b): a is its mean distance to the other members of its cluster, b to those of the nearest
    other cluster; 0 of the only member of a cluster. The mean cosine distance to the members of a cluster is 1 less the cosine to
    their mean, so that no matrix of all distances is needed; the result is that of scikit-learn's ``silhouette_score``.

    Args:
        vectors: of unit length, (N, D).
        numbers: of the clusters, (N,), from 0 without a gap, at least two; NONE: an item in none, which does not count.
    """
    n_clusters = int(numbers.max(initial=-1)) + 1
    sizes = np.bincount(numbers[numbers >= 0], minlength=n_clusters).astype(np.float64)
    sums = clusters.sums(vectors, numbers, n_clusters)
    total = 0.0
    for rows, block in clusters.blocks(vectors):
        inside = np.flatnonzero(numbers[rows] >= 0)
        own = numbers[rows][inside]
        products = block[inside].astype(np.float64) @ sums.T  # (n, K)
        each = np.arange(len(own))
        # The distance to itself is 0, and counts in the sum alone.
        within = (sizes[own] - products[each, own]) / np.maximum(sizes[own] - 1, 1)
        others = 1 - products / sizes
        others[each, own] = np.inf
        nearest = others.min(axis=1)
        larger = np.maximum(within, nearest)
        values = np.where(larger > _LEAST, (nearest - within) / np.maximum(larger, _LEAST), 0)
        total += float(values[sizes[own] > 1].sum())
    return float(total / max(1.0, sizes.sum()))
