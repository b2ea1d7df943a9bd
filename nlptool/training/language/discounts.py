"""The discounts of modified Kneser-Ney smoothing.

Source: S. Chen, J. Goodman: An Empirical Study of Smoothing Techniques for Language Modeling (Harvard TR-10-98, 1998), equation
26: with t(k) n-grams of count k and Y = t(1) / (t(1) + 2 t(2)),

    D(k) = k - (k + 1) Y t(k + 1) / t(k)   for k = 1, 2, 3; D(3) is taken from all counts from 3 on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FALLBACK = (0.5, 1.0, 1.5)
"""Discounts of the counts 1, 2, and 3 and more where they cannot be estimated: those of KenLM's ``--discount_fallback``."""


def estimate(counts: NDArray[np.uint32]) -> tuple[float, float, float]:
    """Return the discounts of n-grams of one order with these adjusted counts, each above 0 and at most the count.

    One that cannot be estimated is that of ``FALLBACK``: if no n-gram has the count 1, k or k + 1, as in a small corpus, or if
    the estimate is 0 or less. A discount of 0 would leave no probability to words that were not seen.

    Args:
        counts: (L,); those of 0 do not count.
    """
    n_with = np.bincount(np.minimum(counts, 5), minlength=6).tolist()
    once, twice = n_with[1], n_with[2]
    found = []
    for k, fallback in enumerate(FALLBACK, 1):
        discount = 0.0
        if once and n_with[k] and n_with[k + 1]:
            discount = k - (k + 1) * once / (once + 2 * twice) * n_with[k + 1] / n_with[k]
        found.append(discount if 0 < discount <= k else fallback)
    return found[0], found[1], found[2]


def of_counts(counts: NDArray[np.uint32], discounts: Sequence[float]) -> NDArray[np.float64]:
    """Return what is taken from each count, (L,); 0 from 0.

    Args:
        counts: (L,).
        discounts: of the counts 1, 2, and 3 and more.
    """
    return np.array([0.0, *discounts])[np.minimum(counts, 3)]
