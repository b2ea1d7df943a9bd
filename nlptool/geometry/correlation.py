"""Correlations of two rows of numbers, and how far another sample could move them, or a share.

Spearman's ρ is Pearson's r of the mid-ranks: equal numbers share the mean of their places. Intervals are those of the
percentile bootstrap (B. Efron, R. Tibshirani: An Introduction to the Bootstrap, 1993, chapter 13), of shares those of E. B.
Wilson: Probable Inference, the Law of Succession, and Statistical Inference (1927).
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
    """ranks[i] is the place of values[i] among all, counted from 1: (n,); equal values share the mean of theirs."""
    found: NDArray[np.float64] = stats.rankdata(values)
    return found


def pearson(first: NDArray[np.floating], second: NDArray[np.floating]) -> float | None:
    """Pearson's r of two (n,), between -1 and 1; None where one of them is all the same, or n is less than two."""
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    first, second = first - np.mean(first, dtype=np.float64), second - np.mean(second, dtype=np.float64)
    lengths = np.linalg.norm(first) * np.linalg.norm(second)
    return float(np.clip(first @ second / lengths, -1, 1)) if lengths else None


def spearman(first: NDArray[np.floating], second: NDArray[np.floating]) -> float | None:
    """Spearman's ρ of two (n,), between -1 and 1; None where one of them is all the same, or n is less than two."""
    return pearson(ranks(first), ranks(second))


def rounded(value: float | None) -> float | None:
    """As records hold a correlation: four decimals are more than a sample can tell."""
    return None if value is None else round(value, 4)


def bootstrap(
    first: NDArray[np.floating],
    second: NDArray[np.floating],
    *,
    resamples: int,
    seed: int,
    report: Callable[[int], None] = lambda done: None,
) -> tuple[Interval | None, Interval | None]:
    """The 95 % intervals of Spearman's ρ and of Pearson's r, by drawing the n pairs of numbers anew, with replacement.

    A resample in which one side is all the same has no correlation and is left out. Where more of them do than the interval
    leaves out at its ends, as with two or three pairs, there is no interval.

    Args:
        report: is told how many resamples have been drawn.
    """
    random = np.random.default_rng(seed)
    rank_first, rank_second = _resampled_ranks(first), _resampled_ranks(second)
    rank_correlations: list[float | None] = []
    correlations: list[float | None] = []
    for done in range(1, resamples + 1):
        drawn = random.integers(0, len(first), len(first))
        rank_correlations.append(pearson(rank_first(drawn), rank_second(drawn)))
        correlations.append(pearson(first[drawn], second[drawn]))
        report(done)
    return _interval(rank_correlations), _interval(correlations)


def _resampled_ranks(values: NDArray[np.floating]) -> Callable[[NDArray[np.int64]], NDArray[np.float64]]:
    """What gives the mid-ranks of values[drawn]. It counts instead of sorting, since the order of the values is known."""
    distinct, places = np.unique(values, return_inverse=True)

    def ranked(drawn: NDArray[np.int64]) -> NDArray[np.float64]:
        there = places[drawn]
        counts = np.bincount(there, minlength=len(distinct))
        found: NDArray[np.float64] = (np.cumsum(counts) - (counts - 1) / 2)[there]
        return found

    return ranked


def _interval(found: list[float | None]) -> Interval | None:
    defined = [value for value in found if value is not None]
    if not found or len(defined) < LEVEL * len(found):
        return None
    low, high = np.quantile(defined, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return float(low), float(high)


def wilson(n_right: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share, ``n_right`` of ``n`` > 0."""
    squared = _QUANTILE**2
    middle = (n_right + squared / 2) / (n + squared)
    reach = _QUANTILE / (n + squared) * math.sqrt(n_right * (n - n_right) / n + squared / 4)
    return max(0.0, middle - reach), min(1.0, middle + reach)
