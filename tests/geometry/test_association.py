"""Measures of association against NLTK, scipy and worked examples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from nltk.metrics.association import BigramAssocMeasures
from scipy import stats

from nlptool.geometry import association

RANDOM = np.random.default_rng(1)
N = RANDOM.integers(1000, 100_000, 200)
R1, C1 = (RANDOM.integers(1, N // 3) for _ in range(2))
O11 = np.array([RANDOM.integers(1, min(r, c) + 1) for r, c in zip(R1, C1, strict=True)])


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("pmi", BigramAssocMeasures.pmi),
        ("log-likelihood", BigramAssocMeasures.likelihood_ratio),
        ("chi2", BigramAssocMeasures.chi_sq),
        ("t-score", BigramAssocMeasures.student_t),
        ("dice", BigramAssocMeasures.dice),
    ],
)
def test_measures_are_those_of_nltk(name: str, theirs: object) -> None:
    found = association.MEASURES[name](O11, R1, C1, N)
    expected = [theirs(int(o), (int(r), int(c)), int(n)) for o, r, c, n in zip(O11, R1, C1, N, strict=True)]  # type: ignore[operator]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_the_log_likelihood_ratio_and_chi_squared_are_those_of_scipy() -> None:
    for o, r, c, n in list(zip(O11, R1, C1, N, strict=True))[:50]:
        table = [[o, r - o], [c - o, n - r - c + o]]
        g2 = stats.chi2_contingency(table, correction=False, lambda_="log-likelihood").statistic
        x2 = stats.chi2_contingency(table, correction=False).statistic
        assert association.log_likelihood(o, r, c, n) == pytest.approx(g2, rel=1e-9, abs=1e-9)
        assert association.chi_squared(o, r, c, n) == pytest.approx(x2, rel=1e-9)


def test_dunning_s_example() -> None:
    # "the swiss" in table 1 of Dunning (1993): 110 together, 2442 and 111 apart, 29114 neither
    assert association.log_likelihood(110, 110 + 2442, 110 + 111, 110 + 2442 + 111 + 29114) == pytest.approx(
        270.72, abs=0.01
    )


def test_events_that_occur_together_alone_have_the_largest_values() -> None:
    assert association.npmi(5, 5, 5, 100) == pytest.approx(1)
    assert association.npmi(100, 100, 100, 100) == 1
    assert association.dice(5, 5, 5) == 1
    assert association.log_dice(5, 5, 5) == 14
    assert association.npmi(0, 5, 5, 100) == -1
    assert association.pmi(0, 5, 5, 100) == -math.inf
    assert association.t_score(0, 5, 5, 100) == -math.inf


def test_independent_events_have_none() -> None:
    arguments = (10, 100, 100, 1000)
    for name in ("pmi", "npmi", "log-likelihood", "chi2", "t-score"):
        assert association.MEASURES[name](*arguments) == pytest.approx(0, abs=1e-9)


def test_effect_sizes_of_keyness() -> None:
    assert association.percent_difference(20, 1000, 10, 1000) == pytest.approx(100)
    assert association.percent_difference(0, 1000, 10, 1000) == pytest.approx(-100)
    assert association.percent_difference(5, 1000, 0, 1000) == math.inf
    assert association.log_ratio(20, 1000, 10, 2000) == pytest.approx(2)
    assert association.log_ratio(0, 1000, 4, 1000) == pytest.approx(-3)


def test_the_dispersion_of_gries() -> None:
    # Lijffijt and Gries (2012): parts of equal sizes; all occurrences in one of five
    sizes = np.full(5, 10)
    counts = np.array([[2, 2, 2, 2, 2], [10, 0, 0, 0, 0], [0, 0, 0, 0, 0], [1, 2, 3, 4, 5]])
    found = association.dispersion(counts, sizes)
    assert found[0] == pytest.approx(0)
    assert found[1] == pytest.approx(1)
    assert math.isnan(found[2])
    assert found[3] == pytest.approx(0.2 / (1 - 0.2))
