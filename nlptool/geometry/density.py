"""Clusters as dense regions: HDBSCAN, by scikit-learn.

Source: R. Campello, D. Moulavi, J. Sander: Density-Based Clustering Based on Hierarchical Density Estimates (PAKDD 2013).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BYTES_OF_PAIR = 17  # two matrices of distances in float64; measured


def memory_needed(n_items: int) -> int:
    """Return the bytes that so many items take."""
    return _BYTES_OF_PAIR * n_items * n_items


def most_items(memory: int) -> int:
    """Return how many items can be clustered in so many bytes."""
    return int((memory / _BYTES_OF_PAIR) ** 0.5)


def hdbscan(vectors: NDArray[np.float32], min_size: int) -> NDArray[np.int64]:
    """Return the cluster of each item, (N,); -1: it is in no dense region.

    The distance is the Euclidean one, which orders unit vectors as the cosine does.

    Args:
        vectors: of unit length, (N, D), mapped into memory or not.
        min_size: fewest members, at least 2.
    """
    from sklearn.cluster import HDBSCAN

    if len(vectors) < min_size:
        return np.full(len(vectors), -1, np.int64)
    model = HDBSCAN(min_cluster_size=min_size, metric="euclidean", algorithm="brute", copy=False)
    return np.asarray(model.fit(vectors).labels_, np.int64)
