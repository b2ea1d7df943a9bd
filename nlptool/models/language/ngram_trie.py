"""The n-grams of a language model as a trie in arrays: one level for each order, without an object for each n-gram.

An n-gram is its first n - 1 words, which are an n-gram of the level above, and its last word. Those with the same first words
stand side by side, sorted by the last word, so that an n-gram is found by bisection among them. Beside its probability an
n-gram takes 12 bytes, or 4 at the highest order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """The L n-grams of one order n; P is the number of those of order n - 1. At order 1, L is the size of the vocabulary and P
    is 1.

    Attributes:
        words: the last word of each n-gram, (L,) uint32.
        first: (P + 1,) uint32; the n-grams that begin with n-gram i of the level above are first[i] to first[i + 1] - 1, and
            their last words ascend.
        probabilities: of the last word after the others, 0 to 1, (L,) float32.
        backoffs: what the probability of a word after a shorter context is multiplied by if the n-gram is the context and the
            word was not seen after it, at least 0, (L,) float32; (0,) at the highest order, where no n-gram is a context.
    """

    words: NDArray[np.uint32]
    first: NDArray[np.uint32]
    probabilities: NDArray[np.float32]
    backoffs: NDArray[np.float32]

    def __len__(self) -> int:
        """Return the number of n-grams, L."""
        return len(self.words)

    def children(self, parent: int) -> slice:
        """Return where the n-grams stand whose first words are n-gram ``parent`` of the level above."""
        return slice(int(self.first[parent]), int(self.first[parent + 1]))

    def index(self, parent: int, word: int) -> int:
        """Return the index of one n-gram, -1 if it is not there; faster than ``find`` for one."""
        place = self.children(parent)
        index = place.start + int(
            np.searchsorted(self.words[place], np.uint32(word))
        )  # an int would make a copy of all words
        return index if index < place.stop and self.words[index] == word else -1

    def find(self, parents: Ids, words: Ids) -> Ids:
        """Return the indices of many n-grams, -1 for one that is not there.

        All are bisected together, each step with the ones whose place is still open: T n-grams cost T log2(n) reads, n being
        the number of n-grams with the same first words.

        Args:
            parents: indices of their first n - 1 words in the level above, (T,).
            words: their last words, (T,).
        """
        low = self.first[parents].astype(np.int64)
        ends = self.first[parents + 1].astype(np.int64)
        high = ends.copy()
        open_ones = np.flatnonzero(low < high)
        while len(open_ones):
            lows, highs = low[open_ones], high[open_ones]
            middles = (lows + highs) >> 1
            is_smaller = self.words[middles] < words[open_ones]
            low[open_ones] = lows = np.where(is_smaller, middles + 1, lows)
            high[open_ones] = highs = np.where(is_smaller, highs, middles)
            open_ones = open_ones[lows < highs]
        inside = np.flatnonzero(low < ends)
        found = np.full(len(parents), -1, np.int64)
        hits = inside[self.words[low[inside]] == words[inside]]
        found[hits] = low[hits]
        return found


def parents(first: NDArray[np.uint32]) -> Ids:
    """Return the indices of the first n - 1 words of all n-grams of a level in the level above, (L,).

    Args:
        first: of the level, (P + 1,).
    """
    counts = first[1:].astype(np.int64) - first[:-1]
    return np.repeat(np.arange(len(counts)), counts)


def fault(levels: list[Level]) -> str:
    """Return what is wrong with the levels of a trie, for a message; "" if nothing is. Reads all of them once."""
    n_above = 1
    for order, level in enumerate(levels, 1):
        first = level.first.astype(np.int64)
        if len(first) != n_above + 1 or len(level.probabilities) != len(level):
            return f"its arrays of order {order} have different lengths"
        if len(level.backoffs) != (len(level) if order < len(levels) else 0):
            return f"its arrays of order {order} have different lengths"
        if first[0] != 0 or first[-1] != len(level) or (np.diff(first) < 0).any():
            return f"its {order}-grams do not follow their first words"
        if (level.words >= len(levels[0])).any():
            return f"its {order}-grams have words that the vocabulary lacks"
        descends = level.words[1:] <= level.words[:-1]
        descends[first[(first > 0) & (first < len(level))] - 1] = False  # between two parents
        if descends.any():
            return f"its {order}-grams are not sorted"
        if not _within(level.probabilities, 1.0) or not _within(level.backoffs, np.inf):
            return f"a probability of its {order}-grams is none"
        n_above = len(level)
    return ""


def _within(values: NDArray[Any], most: float) -> bool:
    """Return whether all values are finite numbers from 0 to ``most``."""
    return bool((np.isfinite(values) & (values >= 0) & (values <= most)).all())
