"""Measures of association over tables of counts: which words keep company, and which are special of a corpus.

Of two events, such as two words of a pair, or a word and a corpus, each table has the observed counts

                 second     not second     sum
    first         o11          o12          r1
    not first     o21          o22
    sum           c1                        n

and the count that is expected if both are independent, e11 = r1 c1 / n. All functions take arrays of o11, r1, c1 and n, which are
broadcast, and return float64 of their shape. S. Evert: The Statistics of Word Cooccurrences (2005) compares the measures.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Numbers = NDArray[np.float64]


def pmi(o11: ArrayLike, r1: ArrayLike, c1: ArrayLike, n: ArrayLike) -> Numbers:
    """Return the pointwise mutual information log2(o11 / e11), in bits: 0 of independent events, minus infinity if o11 is 0.
    Pairs of rare words have the highest (K. Church, P. Hanks: Word Association Norms, CL 16, 1990)."""
    observed, first, second, total = _counts(o11, r1, c1, n)
    with np.errstate(divide="ignore"):
        return np.log2(observed) + np.log2(total) - np.log2(first) - np.log2(second)


def npmi(o11: ArrayLike, r1: ArrayLike, c1: ArrayLike, n: ArrayLike) -> Numbers:
    """Return the pointwise mutual information divided by -log2(o11 / n), from -1 to 1: 1 of events that occur together alone
    (G. Bouma: Normalized (Pointwise) Mutual Information in Collocation Extraction, GSCL 2009)."""
    observed, _, _, total = _counts(o11, r1, c1, n)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = pmi(o11, r1, c1, n) / (np.log2(total) - np.log2(observed))
    return np.where(observed == 0, -1.0, np.where(observed == total, 1.0, found))


def log_likelihood(o11: ArrayLike, r1: ArrayLike, c1: ArrayLike, n: ArrayLike) -> Numbers:
    """Return the log-likelihood ratio G2 = 2 sum o ln(o / e) over the four cells, at least 0; 3.84 is significant at 5 %, 10.83
    at 0.1 %, of one table (T. Dunning: Accurate Methods for the Statistics of Surprise and Coincidence, CL 19, 1993)."""
    total = np.zeros(())
    for observed, expected in _cells(o11, r1, c1, n):
        with np.errstate(divide="ignore", invalid="ignore"):
            total = total + np.where(observed > 0, observed * np.log(observed / expected), 0.0)
    return np.maximum(2 * total, 0.0)


def chi_squared(o11: ArrayLike, r1: ArrayLike, c1: ArrayLike, n: ArrayLike) -> Numbers:
    """Return Pearson's X2 = sum (o - e)^2 / e over the four cells, at least 0; too large where an expected count is small."""
    total = np.zeros(())
    for observed, expected in _cells(o11, r1, c1, n):
        with np.errstate(divide="ignore", invalid="ignore"):
            total = total + np.where(expected > 0, (observed - expected) ** 2 / expected, 0.0)
    return total


def t_score(o11: ArrayLike, r1: ArrayLike, c1: ArrayLike, n: ArrayLike) -> Numbers:
    """Return (o11 - e11) / sqrt(o11), minus infinity if o11 is 0: pairs of frequent words have the highest (K. Church et al.:
    Using Statistics in Lexical Analysis, 1991)."""
    observed, first, second, total = _counts(o11, r1, c1, n)
    with np.errstate(divide="ignore"):
        return (observed - first * second / total) / np.sqrt(observed)


def dice(o11: ArrayLike, r1: ArrayLike, c1: ArrayLike, n: ArrayLike = 1) -> Numbers:
    """Return 2 o11 / (r1 + c1), from 0 to 1: the size of the corpus does not count (L. Dice: Measures of the Amount of Ecologic
    Association Between Species, 1945)."""
    observed, first, second, _ = _counts(o11, r1, c1, n)
    return 2 * observed / (first + second)


def log_dice(o11: ArrayLike, r1: ArrayLike, c1: ArrayLike, n: ArrayLike = 1) -> Numbers:
    """Return 14 + log2(dice), at most 14; one point more is an association that is twice as strong (P. Rychlý: A
    Lexicographer-Friendly Association Score, RASLAN 2008)."""
    with np.errstate(divide="ignore"):
        return 14 + np.log2(dice(o11, r1, c1, n))


MEASURES: dict[str, Callable[[ArrayLike, ArrayLike, ArrayLike, ArrayLike], Numbers]] = {
    "pmi": pmi, "npmi": npmi, "log-likelihood": log_likelihood, "chi2": chi_squared, "t-score": t_score, "dice": dice,
    "log-dice": log_dice,
}  # fmt: skip
"""Name of a measure -> its function."""


def percent_difference(
    target: ArrayLike, target_size: ArrayLike, reference: ArrayLike, reference_size: ArrayLike
) -> Numbers:
    """Return how much more frequent words are in a target corpus than in a reference, in percent: 100 is twice as frequent, -100
    not there; infinite if the reference lacks the word (C. Gabrielatos, A. Marchi: Keyness, CADS 2012).

    Args:
        target, reference: counts of the words.
        target_size, reference_size: of the corpora.
    """
    here, of_target, there, of_reference = _counts(target, target_size, reference, reference_size)
    with np.errstate(divide="ignore", invalid="ignore"):
        return 100 * (here / of_target / (there / of_reference) - 1)


def log_ratio(target: ArrayLike, target_size: ArrayLike, reference: ArrayLike, reference_size: ArrayLike) -> Numbers:
    """Return the binary logarithm of the ratio of the relative frequencies: 1 is twice as frequent in the target, -1 half. A
    count of 0 is taken as 0.5 (A. Hardie: Log Ratio, an informal introduction, 2014). The arguments are those of
    ``percent_difference``."""
    here, of_target, there, of_reference = _counts(target, target_size, reference, reference_size)
    here, there = (np.where(count == 0, 0.5, count) for count in (here, there))
    found: Numbers = np.log2(here / of_target) - np.log2(there / of_reference)
    return found


def dispersion(counts: NDArray[np.integer], sizes: NDArray[np.integer]) -> Numbers:
    """Return how unevenly words are spread over the parts of a corpus, the normalised deviation of proportions DPnorm, (W,): 0 if
    each part has as many as its size says, 1 if the smallest part has all; NaN of a word without counts, or of one part (S.
    Gries: Dispersions and adjusted frequencies in corpora, IJCL 13, 2008; J. Lijffijt, S. Gries: Correction, IJCL 17, 2012).

    Args:
        counts: (W, P), of W words in P parts.
        sizes: (P,), words in each part.
    """
    expected = sizes / sizes.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = counts / counts.sum(1, keepdims=True)
        found: Numbers = np.abs(shares - expected).sum(1) / 2 / (1 - expected.min())
    return found


def _counts(*values: ArrayLike) -> tuple[Numbers, ...]:
    return tuple(np.asarray(value, np.float64) for value in values)


def _cells(o11: ArrayLike, r1: ArrayLike, c1: ArrayLike, n: ArrayLike) -> list[tuple[Numbers, Numbers]]:
    """Return the observed and the expected counts of the four cells."""
    observed, first, second, total = _counts(o11, r1, c1, n)
    not_first, not_second = total - first, total - second
    return [
        (observed, first * second / total),
        (first - observed, first * not_second / total),
        (second - observed, not_first * second / total),
        (total - first - second + observed, not_first * not_second / total),
    ]
