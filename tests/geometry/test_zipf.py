"""Zipf's law fitted to counts that follow it, and to others."""

from __future__ import annotations

import numpy as np
import pytest

from nlptool.geometry import zipf


@pytest.mark.parametrize(("exponent", "shift"), [(1.0, 0.0), (1.2, 2.7), (0.8, 0.0), (1.6, 30.0), (2.5, 5.0)])
def test_the_law_that_made_the_counts_is_found(exponent: float, shift: float) -> None:
    ranks = np.arange(1, 3001)
    shares = (ranks + shift) ** -exponent
    counts = shares / shares.sum() * 1e9
    law = zipf.fit(np.random.default_rng(1).permutation(counts))
    assert law is not None
    assert (law.exponent, law.shift) == pytest.approx((exponent, shift), rel=1e-2, abs=1e-3)
    assert law.frequencies(ranks) == pytest.approx(counts, rel=1e-2)


def test_draws_from_a_law_have_its_parameters_nearly() -> None:
    shares = (np.arange(1, 5001) + 2.7) ** -1.2
    counts = np.random.default_rng(1).multinomial(1_000_000, shares / shares.sum())
    law = zipf.fit(counts[counts > 0])
    assert law is not None
    assert (law.exponent, law.shift) == pytest.approx((1.2, 2.7), rel=0.03)


def test_no_other_parameters_are_more_likely() -> None:
    counts = np.sort(np.random.default_rng(2).geometric(0.05, 60))[::-1]
    law = zipf.fit(counts)
    assert law is not None
    ranks = np.arange(1, 61)

    def likelihood(exponent: float, shift: float) -> float:
        shares = (ranks + shift) ** -exponent
        return float(counts @ np.log(shares / shares.sum()))

    best = likelihood(law.exponent, law.shift)
    for exponent in (0.99, 1.0, 1.01):
        for more in (-0.05, 0.0, 0.05):
            assert likelihood(law.exponent * exponent, max(0.0, law.shift + more)) <= best + 1e-6


def test_few_words_have_no_law_and_equal_ones_are_flat() -> None:
    assert zipf.fit([]) is None
    assert zipf.fit([7]) is None
    assert zipf.fit([4, 3, 2, 1]) is None
    flat = zipf.fit([3] * 50)
    assert flat is not None
    assert flat.exponent == pytest.approx(0, abs=1e-3)
    assert flat.frequencies([1, 50]) == pytest.approx([3, 3], rel=1e-3)
