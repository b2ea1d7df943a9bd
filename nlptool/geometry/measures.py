"""Similarity measures of vectors: cosine, dot product, negative Euclidean and Manhattan distance, Pearson's r.

Cosine and Pearson's r are dot products of vectors that are prepared once (to unit length; for Pearson minus their mean first), so
every measure but the distances costs one matrix product. Distances are computed in float64: |a|² + |b|² - 2ab of close vectors
has few correct digits in float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import RunError

MEASURES = ("cosine", "dot", "euclidean", "manhattan", "pearson")
USUAL = "cosine"
DIRECTIONS = ("cosine", "pearson")
"""Measures of the directions of vectors alone; what is prepared for them has lost its length."""
_LONGEST = 1e19  # a vector's length, for the other measures: the square of a longer one exceeds float32


def prepare(vectors: NDArray[Any], measure: str) -> NDArray[np.float32]:
    """Return vectors (N, D) float32 whose dot products are the measure.

    cosine: unit vectors (a vector of zeros stays); pearson: unit vectors of the centered vectors; others: the vectors
    themselves. Lengths are summed in float64, so that neither large nor small numbers overflow.

    Raises:
        RunError: a vector is so long that its product with another could exceed float32.
    """
    if not vectors.size:
        return np.zeros(vectors.shape, np.float32)
    if measure == "pearson":
        exact = np.asarray(vectors, np.float64)
        vectors = exact - exact.mean(axis=1, keepdims=True)
    if measure in DIRECTIONS:
        lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))
        if measure == "pearson":  # equal components: what centering leaves of them is rounding error, not a direction
            lengths[lengths < 1e-7 * np.sqrt(np.einsum("ij,ij->i", exact, exact))] = 0
            vectors = np.where(lengths[:, None] == 0, 0, vectors)
        vectors = vectors / np.where(lengths == 0, 1, lengths)[:, None]
    elif np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64).max(initial=0) > _LONGEST**2:
        raise RunError(
            f"a vector is longer than {_LONGEST:g}: its {measure} similarities would be beyond float32",
            hint="--measure cosine and pearson are the same at every length",
        )
    return np.ascontiguousarray(vectors, np.float32)


def scores(
    a: NDArray[np.float32], b: NDArray[np.float32], measure: str, out: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Return scores[i][j] = measure(a[i], b[j]) of prepared vectors, (N, M) float32. Larger is more similar.

    cosine and pearson are in [-1, 1] apart from rounding; dot is unbounded; euclidean and manhattan are minus the distance, at
    most 0.
    """
    if measure not in ("euclidean", "manhattan"):
        product: NDArray[np.float32] = np.matmul(a, b.T, out=out)
        return product
    x, y = np.asarray(a, np.float64), np.asarray(b, np.float64)
    distances: NDArray[np.float64]
    if measure == "manhattan":
        from scipy.spatial.distance import cdist

        distances = 0 - cdist(x, y, "cityblock")
    else:
        squares = np.einsum("ij,ij->i", x, x)[:, None] + np.einsum("ij,ij->i", y, y) - 2 * (x @ y.T)
        distances = 0 - np.sqrt(np.maximum(squares, 0))  # never -0.0
    if out is None:
        return distances.astype(np.float32)
    out[:] = distances
    return out


def pairwise(a: NDArray[Any], b: NDArray[Any], measure: str) -> NDArray[np.float32]:
    """Return result[i] = measure(a[i], b[i]) of vectors (N, D) that are not prepared, (N,) float32."""
    x, y = prepare(a, measure), prepare(b, measure)
    if measure in ("euclidean", "manhattan"):
        order = 1 if measure == "manhattan" else 2
        distances: NDArray[np.float64] = np.linalg.norm(x.astype(np.float64) - y, order, axis=1)
        return (0 - distances).astype(np.float32)
    return clip(np.einsum("ij,ij->i", x, y), measure)


def clip(scores: NDArray[np.float32], measure: str) -> NDArray[np.float32]:
    """Clip the scores of a bounded measure to [-1, 1], in place, which rounding can exceed."""
    if measure in DIRECTIONS:
        np.clip(scores, -1, 1, out=scores)
    return scores


def tolerance(measure: str) -> float:
    """Return by how much a score may miss a threshold: rounding would else keep equal vectors from a cosine of 1."""
    return 1e-6 if measure in DIRECTIONS else 0.0
