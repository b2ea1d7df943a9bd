"""Projection of vectors to the plane: principal components (PCA), or t-SNE.

Principal components are computed block by block over memory-mapped vectors, and agree with scikit-learn's ``PCA`` except for the
sign, which is chosen so that the largest coefficient of each axis is positive. t-SNE is scikit-learn's.

Sources: K. Pearson: On Lines and Planes of Closest Fit (1901); L. van der Maaten, G. Hinton: Visualizing Data using t-SNE (JMLR
2008); as there, its input is the first 50 principal components.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import RunError

_BLOCK = 8192  # rows
_SMALLEST = 1e-15  # of a component, for t-SNE
_TSNE_COMPONENTS = 50  # principal components that t-SNE gets


@dataclass(frozen=True, slots=True)
class Projection:
    """Points in the plane."""

    points: NDArray[np.float32]  # points[i] = (x, y) of item i, (N, 2)
    axes: tuple[str, str]  # the names of x and y
    info: dict[str, object]  # what a record says of the method


def pca(vectors: NDArray[np.float32], n_components: int = 2) -> tuple[NDArray[np.float32], list[float]]:
    """Project vectors (N, D) onto their first principal components.

    Returns:
        points[i][j], the coordinate of item i on component j, (N, n_components) float32, 0 if there are fewer components; and the
        share of the variance of each component, in [0, 1].

    Raises:
        RunError: a coordinate is beyond float32.
    """
    n, d = vectors.shape
    points, shares = np.zeros((n, n_components), np.float32), [0.0] * n_components
    if not n or not d:
        return points, shares
    mean = np.zeros(d)
    for _, block in _blocks(vectors):
        mean += block.sum(axis=0) / n
    axes, values, total = _axes(vectors, mean, min(n_components, n, d))
    for first, block in _blocks(vectors):
        coordinates = (block - mean) @ axes
        if np.abs(coordinates).max(initial=0) > np.finfo(np.float32).max:
            raise RunError(
                "the vectors are so far apart that their coordinates are beyond float32",
                hint="divide all vectors by the same number",
            )
        points[first : first + len(block), : len(values)] = coordinates
    shares[: len(values)] = [value / total if total else 0.0 for value in values]
    return points, shares


def _axes(
    vectors: NDArray[np.float32], mean: NDArray[np.float64], n_axes: int
) -> tuple[NDArray[np.float64], list[float], float]:
    """Compute the principal axes of vectors (N, D), from the smaller of the two matrices (D, D) and (N, N).

    Returns:
        The axes (D, n_axes), zeros for an axis without variance; the sum of squares along each; the total sum of squares.
    """
    n, d = vectors.shape
    products = np.zeros((min(n, d), min(n, d)))
    if d <= n:
        for _, block in _blocks(vectors):
            products += (block - mean).T @ (block - mean)
    else:
        for first in range(0, d, _BLOCK):
            part = slice(first, first + _BLOCK)
            columns = np.asarray(vectors[:, part], np.float64) - vectors[0, part] - mean[part]
            products += columns @ columns.T
    values, axes = np.linalg.eigh(products)  # ascending
    values, axes = values[::-1][:n_axes], axes[:, ::-1][:, :n_axes]
    total = float(np.trace(products))
    # Axes that are mere rounding errors get 0.
    values = np.where(values > max(total, np.finfo(np.float64).tiny) * 1e-12, values, 0)
    if d > n:
        dual = np.zeros((d, n_axes))
        for first, block in _blocks(vectors):
            dual += (block - mean).T @ axes[first : first + len(block)]
        axes = dual / np.sqrt(np.where(values, values, 1))
    signs = np.where(axes[np.abs(axes).argmax(axis=0), np.arange(n_axes)] < 0, -1, 1)
    return axes * signs * (values > 0), values.tolist(), total


def _blocks(vectors: NDArray[np.float32]) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Yield the index of a block's first row, and the rows minus row 0 of all: a constant component is then exactly 0."""
    for first in range(0, len(vectors), _BLOCK):
        yield first, np.asarray(vectors[first : first + _BLOCK], np.float64) - vectors[0]


def tsne(
    vectors: NDArray[np.float32], *, perplexity: float | None = None, seed: int = 1, threads: int | None = None
) -> tuple[NDArray[np.float32], float]:
    """Project vectors (N, D) with t-SNE.

    Args:
        perplexity: about the number of neighbours that count; None: 30, less for fewer than 91 items.

    Returns:
        points[i] = (x, y), (N, 2) float32, and the perplexity.

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

    few = vectors.shape[1] <= _TSNE_COMPONENTS
    inputs = np.asarray(vectors, np.float32) if few else pca(vectors, _TSNE_COMPONENTS)[0]
    if (inputs == inputs[0]).all():
        return np.zeros((n, 2), np.float32), chosen
    largest = float(np.abs(inputs).max())
    if not _SMALLEST < largest < 1 / _SMALLEST:  # the squares of distances would be beyond float32
        inputs = (inputs / np.float64(largest)).astype(np.float32)
    start = pca(inputs)[0]
    start *= 1e-4 / float(start[:, 0].std(dtype=np.float64))  # the scale of scikit-learn's own PCA initialization
    model = TSNE(perplexity=chosen, init=start, random_state=seed, n_jobs=threads)
    return np.asarray(model.fit_transform(inputs), np.float32), chosen


def project(
    vectors: NDArray[np.float32],
    method: str,
    *,
    perplexity: float | None = None,
    seed: int = 1,
    threads: int | None = None,
) -> Projection:
    """Project vectors (N, D) to the plane with ``pca`` or ``tsne``."""
    if method == "pca":
        points, (first, second) = pca(vectors)
        axes = f"first component ({first:.0%} of the variance)", f"second component ({second:.0%})"
        return Projection(points, axes, {"explained_variance": [round(first, 4), round(second, 4)]})
    points, used = tsne(vectors, perplexity=perplexity, seed=seed, threads=threads)
    return Projection(points, ("t-SNE 1", "t-SNE 2"), {"perplexity": used, "seed": seed})
