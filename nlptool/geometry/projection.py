"""Vectors in the plane: principal components, or t-SNE.

Principal components are computed here, block by block over mapped vectors, and agree with scikit-learn's ``PCA`` but for the
sign, which is chosen so that the largest coefficient of each axis is positive. t-SNE is scikit-learn's.

Sources: K. Pearson: On Lines and Planes of Closest Fit (1901); L. van der Maaten, G. Hinton: Visualizing Data using t-SNE (JMLR
2008), where, as here, the first 50 principal components go in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import RunError

METHODS = ("pca", "tsne")
_BLOCK = 8192  # rows
_KEPT = 50  # principal components that t-SNE looks at


@dataclass(frozen=True, slots=True)
class Places:
    """points[i] is the place of item i, (N, 2) float32; ``said`` is how they were found."""

    points: NDArray[np.float32]
    axes: tuple[str, str]
    said: dict[str, object]


def pca(vectors: NDArray[np.float32], n_components: int = 2) -> tuple[NDArray[np.float32], list[float]]:
    """The first principal components of the rows (N, D): their coordinates (N, n_components), and the share of the variance
    that each holds, in [0, 1]. Where there are fewer, or nothing varies, the coordinates are 0."""
    n, d = vectors.shape
    points, shares = np.zeros((n, n_components), np.float32), [0.0] * n_components
    if not n or not d:
        return points, shares
    mean = np.zeros(d)
    for _, block in _blocks(vectors):
        mean += block.sum(axis=0) / n
    axes, values, total = _axes(vectors, mean, min(n_components, n, d))
    for first, block in _blocks(vectors):
        points[first : first + len(block), : len(values)] = (block - mean) @ axes
    shares[: len(values)] = [value / total if total else 0.0 for value in values]
    return points, shares


def _axes(
    vectors: NDArray[np.float32], mean: NDArray[np.float64], n_axes: int
) -> tuple[NDArray[np.float64], list[float], float]:
    """The directions (D, n_axes) in which the rows (N, D) vary most, zeros where there is none; the sum of squares along each,
    and that of all. From the smaller of the two matrices of products, (D, D) and (N, N)."""
    n, d = vectors.shape
    products = np.zeros((min(n, d), min(n, d)))
    if d <= n:
        for _, block in _blocks(vectors):
            products += (block - mean).T @ (block - mean)
    else:
        for first in range(0, d, _BLOCK):
            some = slice(first, first + _BLOCK)
            columns = np.asarray(vectors[:, some], np.float64) - vectors[0, some] - mean[some]
            products += columns @ columns.T
    values, axes = np.linalg.eigh(products)  # ascending
    values, axes = values[::-1][:n_axes], axes[:, ::-1][:, :n_axes]
    total = float(np.trace(products))
    # What rounding alone has made is no direction.
    values = np.where(values > max(total, np.finfo(np.float64).tiny) * 1e-12, values, 0)
    if d > n:
        across = np.zeros((d, n_axes))
        for first, block in _blocks(vectors):
            across += (block - mean).T @ axes[first : first + len(block)]
        axes = across / np.sqrt(np.where(values, values, 1))
    signs = np.where(axes[np.abs(axes).argmax(axis=0), np.arange(n_axes)] < 0, -1, 1)
    return axes * signs * (values > 0), values.tolist(), total


def _blocks(vectors: NDArray[np.float32]) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Index of the first row, and rows less the very first one: what does not vary is then 0, and not what rounding left."""
    for first in range(0, len(vectors), _BLOCK):
        yield first, np.asarray(vectors[first : first + _BLOCK], np.float64) - vectors[0]


def tsne(
    vectors: NDArray[np.float32], *, perplexity: float | None = None, seed: int = 1, threads: int | None = None
) -> tuple[NDArray[np.float32], float]:
    """Places (N, 2) where near vectors are near, and the perplexity that was used: about how many neighbors count, 30 unless
    given, less for fewer than 91 items.

    Raises:
        RunError: the perplexity is not below the number of items.
    """
    n = len(vectors)
    chosen = perplexity if perplexity is not None else max(1.0, min(30.0, (n - 1) / 3))
    if n <= 1:
        return np.zeros((n, 2), np.float32), chosen
    if chosen >= n:
        raise RunError(
            f"--perplexity {chosen:g} is not below the {n:,} items", hint=f"--perplexity {max(1, (n - 1) // 3)}"
        )
    from sklearn.manifold import TSNE

    near = pca(vectors, _KEPT)[0] if vectors.shape[1] > _KEPT else np.asarray(vectors, np.float32)
    if not np.ptp(near, axis=0).any():
        return np.zeros((n, 2), np.float32), chosen
    start = pca(near)[0]
    start *= 1e-4 / float(start[:, 0].std(dtype=np.float64))  # as scikit-learn scales its own
    made = TSNE(perplexity=chosen, init=start, random_state=seed, n_jobs=threads)
    return np.asarray(made.fit_transform(near), np.float32), chosen


def places(
    vectors: NDArray[np.float32],
    method: str,
    *,
    perplexity: float | None = None,
    seed: int = 1,
    threads: int | None = None,
) -> Places:
    """A place for each row by ``pca`` or ``tsne``."""
    if method == "pca":
        points, (first, second) = pca(vectors)
        axes = f"first component ({first:.0%} of the variance)", f"second component ({second:.0%})"
        return Places(points, axes, {"explained_variance": [round(first, 4), round(second, 4)]})
    points, used = tsne(vectors, perplexity=perplexity, seed=seed, threads=threads)
    return Places(points, ("t-SNE 1", "t-SNE 2"), {"perplexity": used, "seed": seed})
