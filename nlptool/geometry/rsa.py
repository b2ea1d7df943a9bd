"""Representational similarity analysis (RSA): whether two embeddings of the same items agree on which items are similar.

Each embedding is represented by the distances between its items; two embeddings are compared by the correlation of their
distances, independent of their dimensions and axes. Methods:

N. Kriegeskorte, M. Mur, P. Bandettini: Representational similarity analysis (Frontiers in Systems Neuroscience, 2008)
H. Nili et al.: A toolbox for representational similarity analysis (PLOS Computational Biology, 2014): the noise ceiling
S. Kornblith et al.: Similarity of neural network representations revisited (ICML 2019): linear centered kernel alignment

Distances are stored as in ``scipy.spatial.distance.pdist``: the upper triangle row by row, P = N(N-1)/2 numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.spatial.distance import squareform

from nlptool.geometry import correlation
from nlptool.geometry.measures import DIRECTIONS

MEASURES = ("cosine", "euclidean", "pearson")
_BLOCK = 256  # items whose products with all others are in memory at once
_DECIMALS = 12  # of a distance: smaller differences are rounding errors, and would break ties
_RANKING = 60  # bytes for each distance while ranking (measured)
_ROUNDING = 1e-12  # the difference of a sum of the same numbers in another order


def memory_needed(n_items: int, n_embeddings: int) -> int:
    """Return the peak memory, in bytes, of the comparison of ``n_embeddings`` of ``n_items`` items."""
    rows = n_embeddings + 2  # two more for the noise ceiling
    return n_items * (n_items - 1) // 2 * (8 * rows + _RANKING)


def has_direction(vectors: NDArray[np.float32], measure: str) -> NDArray[np.bool_]:
    """Return whether the distances of vectors[i] are defined, (N,) bool: not if it is 0 (cosine) or constant (pearson)."""
    if measure not in DIRECTIONS:
        return np.ones(len(vectors), np.bool_)
    varies = vectors.any(axis=1) if measure == "cosine" else (vectors != vectors[:, :1]).any(axis=1)
    return np.asarray(varies, np.bool_)


def distances(vectors: NDArray[np.float32], measure: str) -> NDArray[np.float64]:
    """Return the distances of all pairs of ``vectors`` (N, D), (P,) float64. All must have a direction.

    Args:
        measure: cosine: 1 - cosine, in [0, 2]; pearson: 1 - Pearson's r of the components, in [0, 2]; euclidean: >= 0.
    """
    points = vectors.astype(np.float64)
    scale = 1.0
    if measure == "euclidean":
        points -= points[0]  # equal rows become zeros, exactly
        points -= points.mean(axis=0)
        scale = float(np.sqrt(np.mean(np.sum(points**2, axis=1)))) or 1.0
        points /= scale
    else:
        if measure == "pearson":
            points -= points.mean(axis=1, keepdims=True)
        points /= np.linalg.norm(points, axis=1, keepdims=True)
    halves = np.sum(points**2, axis=1) / 2  # half the squared lengths
    n_items = len(points)
    result = np.empty(n_items * (n_items - 1) // 2)
    end = 0
    for start in range(0, n_items, _BLOCK):
        block = (
            halves[start : start + _BLOCK, None] + halves[start:] - points[start : start + _BLOCK] @ points[start:].T
        )
        for row, values in enumerate(block, 1):
            result[end : end + len(values) - row] = values[row:]
            end += len(values) - row
    # Now half the squared distance; for unit vectors that is 1 - cosine.
    np.maximum(np.round(result, _DECIMALS, out=result), 0, out=result)
    return np.sqrt(2 * result) * scale if measure == "euclidean" else result


def centered_ranks(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mid-ranks of ``distances`` minus their mean, (P,) float64: multiples of 1/2, so that sums are exact. Zeros if
    all distances are equal."""
    ranks = correlation.ranks(distances)
    ranks -= (len(ranks) + 1) / 2
    return ranks


def spearman(first: NDArray[np.float64], second: NDArray[np.float64]) -> float | None:
    """Return Spearman's ρ of two embeddings, given their ``centered_ranks``; None if all distances of one are equal."""
    lengths = np.linalg.norm(first) * np.linalg.norm(second)
    return float(np.clip(first @ second / lengths, -1, 1)) if lengths else None


def kendall(first: NDArray[np.float64], second: NDArray[np.float64]) -> float | None:
    """Return Kendall's τ-b of two embeddings, given their ``centered_ranks``; None if all distances of one are equal."""
    return float(stats.kendalltau(first, second).statistic) if first.any() and second.any() else None


def permutation_correlations(
    reference: NDArray[np.float64],
    others: Sequence[NDArray[np.float64]],
    n_items: int,
    *,
    permutations: int,
    seed: int,
    report: Callable[[int], None] = lambda done: None,
) -> NDArray[np.float64]:
    """Return result[i][j], Spearman's ρ of others[j] and the reference with its items in the i-th random order.

    Distances are not independent of each other, so items are permuted: rows and columns of the distance matrix together.

    Args:
        reference, others: ``centered_ranks`` of the same items.
        report: is called with the number of permutations done.

    Returns:
        (permutations, len(others)) float64; 0 if ρ is undefined.
    """
    random = np.random.default_rng(seed)
    square = squareform(reference, checks=False)  # (N, N)
    shuffled = np.empty_like(reference)
    result = np.empty((permutations, len(others)))
    for done in range(permutations):
        order = random.permutation(n_items)
        end = 0
        for row, item in enumerate(order, 1):
            # Row by row, so that np.take reads from the processor's cache.
            length = n_items - row
            np.take(square[item], order[row:], out=shuffled[end : end + length], mode="clip")
            end += length
        result[done] = [other @ shuffled for other in others]
        report(done + 1)
    lengths = np.linalg.norm(reference) * np.asarray([np.linalg.norm(other) for other in others])
    return result / np.where(lengths == 0, 1, lengths)


def p_value(observed: float | None, permuted: NDArray[np.float64]) -> float | None:
    """Return the one-sided p-value of a permutation test, (1 + #(permuted >= observed)) / (1 + n), in (0, 1].

    None if there is no observed correlation, or no permutation.
    """
    if observed is None or not len(permuted):
        return None
    return float(1 + np.count_nonzero(permuted >= observed - _ROUNDING)) / (1 + len(permuted))


def noise_ceiling(subjects: Sequence[NDArray[np.float64]]) -> tuple[float | None, float | None]:
    """Return the lower and upper bound of the mean Spearman's ρ that the true model would have with the subjects.

    Upper bound: the mean ρ of each subject with the mean ranks of all subjects; no model can exceed it. Lower bound: with the
    mean ranks of the other subjects. None if such mean ranks are constant.

    Args:
        subjects: the ``centered_ranks`` of each subject; subjects whose distances are all equal are ignored.
    """
    subjects = [subject for subject in subjects if subject.any()]
    if len(subjects) < 2:
        return None, None
    total = np.sum(subjects, axis=0)
    return (
        mean([spearman(subject, centered_ranks(total - subject)) for subject in subjects]),
        mean([spearman(subject, centered_ranks(total)) for subject in subjects]),
    )


def mean(scores: Sequence[float | None]) -> float | None:
    """Return the mean of scores; None if one of them is None, or there are none."""
    defined = [score for score in scores if score is not None]
    return sum(defined) / len(defined) if defined and len(defined) == len(scores) else None


def linear_cka(first: NDArray[np.float32], second: NDArray[np.float32]) -> float | None:
    """Return the linear centered kernel alignment of embeddings (N, D1) and (N, D2) of the same items, in [0, 1].

    It is invariant to rotation and scaling; with few items and many dimensions it is high even for unrelated vectors. None if all
    vectors of one embedding are equal.
    """
    centered = []
    for vectors in (first, second):
        points = vectors.astype(np.float64)
        points -= points[0]  # equal rows become zeros, exactly
        points -= points.mean(axis=0)
        length = np.linalg.norm(points)
        if length == 0:
            return None
        centered.append(points / length)
    a, b = centered
    if max(a.shape[1], b.shape[1]) <= len(a):  # D × D matrices are smaller than N × N
        between, within_a, within_b = (np.linalg.norm(x.T @ y) for x, y in ((a, b), (a, a), (b, b)))
        return float(between**2 / (within_a * within_b))
    grams = a @ a.T, b @ b.T  # (N, N)
    return float(np.vdot(*grams) / (np.linalg.norm(grams[0]) * np.linalg.norm(grams[1])))
