"""Bootstrap intervals (B. Efron, R. Tibshirani: An Introduction to the Bootstrap, 1993, chapter 13)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from nlptool.geometry.correlation import LEVEL, Interval

_AT_ONCE = 4_000_000  # examples that are drawn together: 32 MB


def mean_intervals(values: NDArray[np.float64], *, resamples: int, seed: int) -> list[Interval | None]:
    """Return the 95 % percentile bootstrap interval of the mean of each column, all on the same resamples of the rows.

    Args:
        values: (N, K); rows that do not count in a column are NaN there.
        resamples: how often N rows are drawn; 0: all intervals are None.

    Returns:
        K intervals; None where more than 5 % of the resamples have no row that counts.
    """
    n, n_columns = values.shape
    if not resamples or not n:
        return [None] * n_columns
    counted = ~np.isnan(values)
    summands = np.where(counted, values, 0.0)
    random = np.random.default_rng(seed)
    means = np.empty((resamples, n_columns))
    step = max(1, _AT_ONCE // n)
    for first in range(0, resamples, step):
        rows = min(step, resamples - first)
        drawn = random.integers(0, n, (rows, n)) + n * np.arange(rows)[:, None]
        times = (
            np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n).astype(np.float64)
        )  # how often each is drawn
        with np.errstate(invalid="ignore"):
            means[first : first + rows] = (times @ summands) / (times @ counted)
    known = [column[~np.isnan(column)] for column in means.T]
    return [_interval(column) if len(column) >= LEVEL * resamples else None for column in known]


def bootstrap(
    measured: Callable[[NDArray[np.int64]], Mapping[str, float]], n: int, *, resamples: int, seed: int
) -> dict[str, Interval]:
    """Return the 95 % bootstrap intervals of some measures; {} for 0 resamples.

    Args:
        measured: returns the measures by their names, of how often each of the n examples is drawn, (n,).
    """
    if not resamples:
        return {}
    random = np.random.default_rng(seed)
    drawn = [measured(np.bincount(random.integers(0, n, n), minlength=n)) for _ in range(resamples)]
    return {name: _interval([each[name] for each in drawn]) for name in drawn[0]}


def _interval(values: Sequence[float] | NDArray[np.float64]) -> Interval:
    low, high = np.quantile(values, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return float(low), float(high)
