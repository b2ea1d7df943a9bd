"""Bootstrap intervals of means, against a loop over the same draws."""

from __future__ import annotations

import numpy as np
import pytest

from nlptool.geometry import resampling
from nlptool.geometry.resampling import mean_intervals


def test_intervals_are_percentiles_of_the_means_of_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(1).random((50, 3))
    values[10:, 2] = np.nan
    expected = []
    draws = np.random.default_rng(7).integers(0, 50, (200, 50))
    for column in values.T:
        means = [np.nanmean(column[drawn]) for drawn in draws]
        expected.append(np.quantile(means, [0.025, 0.975]))
    found = mean_intervals(values, resamples=200, seed=7)
    assert found == [pytest.approx(each) for each in expected]
    monkeypatch.setattr(resampling, "_AT_ONCE", 120)  # two resamples at a time
    assert mean_intervals(values, resamples=200, seed=7) == [pytest.approx(each) for each in found]


def test_a_part_that_most_resamples_lack_has_no_interval() -> None:
    values = np.full((40, 2), 1.0)
    values[1:, 1] = np.nan
    whole, part = mean_intervals(values, resamples=100, seed=0)
    assert (whole, part) == ((1.0, 1.0), None)
    assert mean_intervals(values, resamples=0, seed=0) == [None, None]
    assert mean_intervals(np.zeros((0, 1)), resamples=10, seed=0) == [None]
