"""Correlation coefficients, and confidence intervals of correlations and of proportions.

Spearman's ρ is Pearson's r of the mid-ranks: equal numbers share the mean of their ranks. Intervals of correlations are those of
the percentile bootstrap (B. Efron, R. Tibshirani: An Introduction to the Bootstrap, 1993, chapter 13), of proportions those of
E. B. Wilson: Probable Inference, the Law of Succession, and Statistical Inference (1927).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import stats

LEVEL = 0.95  # of the intervals
_QUANTILE = 1.959964  # of the normal distribution, for that level

Interval = tuple[float, float]


def ranks(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return ranks[i], the mid-rank of values[i], counted from 1, (n,) float64; equal values share the mean of their ranks."""
    result: NDArray[np.float64] = stats.rankdata(values)
    return result


def pearson(first: NDArray[np.floating], second: NDArray[np.floating]) -> float | None:
    """Return Pearson's r of two arrays (n,), in [-1, 1]; None if one of them is constant, or n < 2."""
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    first, second = first - np.mean(first, dtype=np.float64), second - np.mean(second, dtype=np.float64)
    lengths = np.linalg.norm(first) * np.linalg.norm(second)
    return float(np.clip(first @ second / lengths, -1, 1)) if lengths else None


def spearman(first: NDArray[np.floating], second: NDArray[np.floating]) -> float | None:
    """Return Spearman's ρ of two arrays (n,), in [-1, 1]; None if one of them is constant, or n < 2."""
    return pearson(ranks(first), ranks(second))


def round_score(value: float | None) -> float | None:
    """Round a score to the four decimals that records hold, more than a sample can determine."""
    return None if value is None else round(value, 4)


def bootstrap(
    first: NDArray[np.floating],
    second: NDArray[np.floating],
    *,
    resamples: int,
    seed: int,
) -> tuple[Interval | None, Interval | None]:
    """Return the 95 % bootstrap intervals of Spearman's ρ and of Pearson's r of two arrays (n,).

    A resample in which one side is constant has no correlation and is ignored. If there are more than 5 % of these, as with two
    or three pairs, the interval is None.
    """
    random = np.random.default_rng(seed)
    rank_first, rank_second = _resampled_ranks(first), _resampled_ranks(second)
    rank_correlations: list[float | None] = []
    correlations: list[float | None] = []
    for _ in range(resamples):
        drawn = random.integers(0, len(first), len(first))
        rank_correlations.append(pearson(rank_first(drawn), rank_second(drawn)))
        correlations.append(pearson(first[drawn], second[drawn]))
    return _interval(rank_correlations), _interval(correlations)


def _resampled_ranks(values: NDArray[np.floating]) -> Callable[[NDArray[np.int64]], NDArray[np.float64]]:
    """Return a function that computes the mid-ranks of values[drawn] by counting: the order of the values is known already."""
    distinct, positions = np.unique(values, return_inverse=True)

    def ranks_of(drawn: NDArray[np.int64]) -> NDArray[np.float64]:
        resampled = positions[drawn]
        counts = np.bincount(resampled, minlength=len(distinct))
        result: NDArray[np.float64] = (np.cumsum(counts) - (counts - 1) / 2)[resampled]
        return result

    return ranks_of


def _interval(values: list[float | None]) -> Interval | None:
    defined = [value for value in values if value is not None]
    if not values or len(defined) < LEVEL * len(values):
        return None
    low, high = np.quantile(defined, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return float(low), float(high)


def wilson(n_right: int, n: int) -> tuple[float, float]:
    """Return the 95 % Wilson interval of the proportion n_right / n, n > 0."""
    squared = _QUANTILE**2
    middle = (n_right + squared / 2) / (n + squared)
    half_width = _QUANTILE / (n + squared) * math.sqrt(n_right * (n - n_right) / n + squared / 4)
    return max(0.0, middle - half_width), min(1.0, middle + half_width)
