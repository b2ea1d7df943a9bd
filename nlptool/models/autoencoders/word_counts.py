"""Texts as counts of words, the input of an autoencoder.

The counts of each text are scaled to one sum, the mean number of known words of a text of the corpus: so a long text drives the
units of the first layer no harder than a short one. The visible units of Salakhutdinov and Hinton (2009) are given the length of
each text; there all texts have about the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Counts = Mapping[int, int]
"""Number of a word in the vocabulary -> how often it is in a text."""


class WordCounts:
    """Counts the words of a vocabulary.

    Args:
        words: the vocabulary.
        length: the sum to which the counts of a text are scaled.
    """

    def __init__(self, words: Sequence[str], length: float) -> None:
        self.words = list(words)
        self.length = length
        self._ids = {word: number for number, word in enumerate(words)}

    def known(self, words: Iterable[tuple[str, int]]) -> dict[int, int]:
        """Return the counts of those words of a text that are known."""
        return {number: count for word, count in words if (number := self._ids.get(word)) is not None}

    def inputs(self, texts: Sequence[Counts]) -> NDArray[np.float64]:
        """Return the input (N, V) of texts, none of which is without a known word."""
        counts = np.zeros((len(texts), len(self.words)))
        for row, known in enumerate(texts):
            counts[row, list(known)] = list(known.values())
        return scaled(counts, self.length)


def scaled(counts: NDArray[np.float64], length: float) -> NDArray[np.float64]:
    """Return counts (N, V), none of which are all zero, with ``length`` as the sum of each row."""
    found: NDArray[np.float64] = counts * (length / counts.sum(axis=1, keepdims=True))
    return found
