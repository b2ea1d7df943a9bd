"""Representational similarity analysis: whether two embeddings of the same items find the same ones alike.

Each embedding is turned into the distances between its items, and two embeddings are compared by the correlation of their
distances, whatever their dimensions and axes are. Methods:

N. Kriegeskorte, M. Mur, P. Bandettini: Representational similarity analysis (Frontiers in Systems Neuroscience, 2008)
H. Nili et al.: A toolbox for representational similarity analysis (PLOS Computational Biology, 2014): the noise ceiling
S. Kornblith et al.: Similarity of neural network representations revisited (ICML 2019): linear centred kernel alignment

Distances stand as in ``scipy.spatial.distance.pdist``: the upper triangle row by row, P = N(N-1)/2 numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.spatial.distance import squareform

from nlptool.geometry import correlation

MEASURES = ("cosine", "euclidean", "pearson")

_BLOCK = 256  # items whose products with all others are held at once
_DECIMALS = 12  # of a distance: what differs by less differs by rounding alone, and would break ties
_RANKING = 60  # bytes for each distance while distances are ranked (measured)
_ROUNDING = 1e-12  # by which a sum of the same numbers in another order can differ


def memory_needed(n_items: int, n_embeddings: int) -> int:
    """Bytes that the comparison of ``n_embeddings`` of ``n_items`` takes at its height."""
    rows = n_embeddings + 2  # and the sums of the noise ceiling
    return n_items * (n_items - 1) // 2 * (8 * rows + _RANKING)


def has_direction(vectors: NDArray[np.float32], measure: str) -> NDArray[np.bool_]:
    """Which rows have distances to others, (N,): for cosine not a vector of zeros, for pearson none of equal components."""
    if measure == "euclidean":
        return np.ones(len(vectors), np.bool_)
    return np.asarray(vectors.any(axis=1) if measure == "cosine" else np.ptp(vectors, axis=1) > 0, np.bool_)


def distances(vectors: NDArray[np.float32], measure: str) -> NDArray[np.float64]:
    """The distances of the rows of ``vectors`` (N, D), each of which has a direction: (P,).

    Args:
        measure: cosine: 1 - cosine, 0 to 2; pearson: 1 - Pearson's r of the components, 0 to 2; euclidean.
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
    halves = np.sum(points**2, axis=1) / 2  # of the squared lengths
    n_items = len(points)
    found = np.empty(n_items * (n_items - 1) // 2)
    at = 0
    for start in range(0, n_items, _BLOCK):
        block = (
            halves[start : start + _BLOCK, None] + halves[start:] - points[start : start + _BLOCK] @ points[start:].T
        )
        for row, values in enumerate(block, 1):
            found[at : at + len(values) - row] = values[row:]
            at += len(values) - row
    # Half the squared distance; between unit vectors that is 1 - cosine.
    np.maximum(np.round(found, _DECIMALS, out=found), 0, out=found)
    return np.sqrt(2 * found) * scale if measure == "euclidean" else found


def ranked(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mid-ranks of ``distances``, less their mean: (P,), multiples of a half, so that sums of them are exact. Zeros if all
    distances are the same."""
    ranks = correlation.ranks(distances)
    ranks -= (len(ranks) + 1) / 2
    return ranks


def spearman(first: NDArray[np.float64], second: NDArray[np.float64]) -> float | None:
    """Spearman's ρ of two rows of distances, given by their ``ranked``; None if all distances of one are the same."""
    lengths = np.linalg.norm(first) * np.linalg.norm(second)
    return float(np.clip(first @ second / lengths, -1, 1)) if lengths else None


def kendall(first: NDArray[np.float64], second: NDArray[np.float64]) -> float | None:
    """Kendall's τ-b of two rows of distances, given by their ``ranked``; None if all distances of one are the same."""
    return float(stats.kendalltau(first, second).statistic) if first.any() and second.any() else None


def permuted(
    reference: NDArray[np.float64],
    others: Sequence[NDArray[np.float64]],
    n_items: int,
    *,
    permutations: int,
    seed: int,
    report: Callable[[int], None] = lambda done: None,
) -> NDArray[np.float64]:
    """found[i][j] is Spearman's ρ of others[j] and the reference whose *items* were put into the i-th random order.

    Distances are not independent of each other, so what is permuted are items: rows and columns of the matrix together.

    Args:
        reference, others: ``ranked`` distances of the same items.
        report: is told how many permutations have been tried.

    Returns:
        (permutations, len(others)); 0 where there is no ρ.
    """
    random = np.random.default_rng(seed)
    square = squareform(reference, checks=False)  # (N, N)
    shuffled = np.empty_like(reference)
    found = np.empty((permutations, len(others)))
    for done in range(permutations):
        order = random.permutation(n_items)
        at = 0
        for place, item in enumerate(order, 1):
            # One row after the other, so that what is picked from stands in the processor's cache.
            width = n_items - place
            np.take(square[item], order[place:], out=shuffled[at : at + width], mode="clip")
            at += width
        found[done] = [other @ shuffled for other in others]
        report(done + 1)
    lengths = np.linalg.norm(reference) * np.asarray([np.linalg.norm(other) for other in others])
    return found / np.where(lengths == 0, 1, lengths)


def p_value(found: float | None, permuted: NDArray[np.float64]) -> float | None:
    """One-sided: how often a random order of the items gives a correlation that is at least ``found``, which counts as one
    of them: (1 + #) / (1 + n). None if nothing was found or there was no permutation."""
    if found is None or not len(permuted):
        return None
    return float(1 + np.count_nonzero(permuted >= found - _ROUNDING)) / (1 + len(permuted))


def noise_ceiling(subjects: Sequence[NDArray[np.float64]]) -> tuple[float | None, float | None]:
    """The range in which the mean Spearman's ρ of the true model with the subjects is to be expected, lower end first.

    Upper: the mean ρ of each subject with the mean of the ranks of all; no model can have a higher one. Lower: with the mean of
    the ranks of the others, as a model has that knows these alone. None where such a mean is the same for all distances.

    Args:
        subjects: the ``ranked`` distances of each; those whose distances are all the same say nothing and are left out.
    """
    subjects = [subject for subject in subjects if subject.any()]
    if len(subjects) < 2:
        return None, None
    total = np.sum(subjects, axis=0)
    return (
        mean([spearman(subject, ranked(total - subject)) for subject in subjects]),
        mean([spearman(subject, ranked(total)) for subject in subjects]),
    )


def mean(found: Sequence[float | None]) -> float | None:
    """The mean of scores; None if one of them is."""
    known = [value for value in found if value is not None]
    return sum(known) / len(known) if known and len(known) == len(found) else None


def linear_cka(first: NDArray[np.float32], second: NDArray[np.float32]) -> float | None:
    """Linear centred kernel alignment of two embeddings (N, D1) and (N, D2) of the same items, 0 to 1.

    It is the same after a rotation or scaling of either; with few items and many dimensions it is high for vectors that have
    nothing to do with each other. None if all vectors of one are the same.
    """
    centred = []
    for vectors in (first, second):
        points = vectors.astype(np.float64)
        points -= points[0]  # equal rows become zeros, exactly
        points -= points.mean(axis=0)
        length = np.linalg.norm(points)
        if length == 0:
            return None
        centred.append(points / length)
    a, b = centred
    if max(a.shape[1], b.shape[1]) <= len(a):  # D × D matrices are the smaller ones
        between, own, other = (np.linalg.norm(x.T @ y) for x, y in ((a, b), (a, a), (b, b)))
        return float(between**2 / (own * other))
    grams = a @ a.T, b @ b.T  # (N, N)
    return float(np.vdot(*grams) / (np.linalg.norm(grams[0]) * np.linalg.norm(grams[1])))
