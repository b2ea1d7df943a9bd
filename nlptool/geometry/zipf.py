"""Zipf's law: how the frequency of words falls with their rank."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

FEWEST = 5
"""Different words that a law can be fitted to."""

_STEEPEST = 20.0
_MOST_SHIFTED = 1e6


class ZipfLaw(NamedTuple):
    """Frequency = scale / (rank + shift) ** exponent, of ranks from 1.

    Attributes:
        exponent: 1 in Zipf's own law.
        shift: of Mandelbrot, 0 in Zipf's law: the most frequent words are less frequent than that law says.
    """

    exponent: float
    shift: float
    scale: float

    def frequencies(self, ranks: ArrayLike) -> NDArray[np.float64]:
        """Return the frequencies that the law says of ranks, of their shape."""
        found: NDArray[np.float64] = self.scale / (np.asarray(ranks, np.float64) + self.shift) ** self.exponent
        return found


def fit(counts: ArrayLike) -> ZipfLaw | None:
    """Fit the law of Zipf and Mandelbrot to the counts of words; None of fewer than ``FEWEST`` words.

    The exponent and the shift, which is at least 0, are those of maximum likelihood: each occurrence of a word is a draw of its
    rank, among the V ranks that there are, with the probability that the law says (B. Mandelbrot: An informational theory of
    the statistical structure of language, 1953; J. Izsák: Some practical aspects of fitting and testing the Zipf-Mandelbrot
    model, Scientometrics 67, 2006).

    Args:
        counts: of V words, positive, in any order.
    """
    from scipy.optimize import minimize

    frequencies = -np.sort(-np.asarray(counts, np.float64))
    if len(frequencies) < FEWEST:
        return None
    total = frequencies.sum()
    weights = frequencies / total
    ranks = np.arange(1, len(frequencies) + 1, dtype=np.float64)

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Return the mean of minus the log-likelihood, and its gradient by the exponent and log(1 + shift)."""
        exponent, shift = parameters[0], np.expm1(parameters[1])
        logs = np.log(ranks + shift)
        powers = np.exp(-exponent * logs)
        norm = powers.sum()
        inverse = 1 / (ranks + shift)
        by_exponent = weights @ logs - (powers @ logs) / norm
        by_shift = exponent * (weights @ inverse - (powers @ inverse) / norm)
        return float(exponent * (weights @ logs) + np.log(norm)), np.array([by_exponent, by_shift * (1 + shift)])

    found = minimize(
        loss, [1.0, np.log1p(1.0)], jac=True, method="L-BFGS-B", bounds=[(0, _STEEPEST), (0, np.log1p(_MOST_SHIFTED))]
    )
    exponent, shift = float(found.x[0]), float(np.expm1(found.x[1]))
    return ZipfLaw(exponent, shift, float(total / ((ranks + shift) ** -exponent).sum()))
