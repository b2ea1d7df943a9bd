"""In how many texts each word is, of a corpus of any size: words are told apart by hashes of 64 bits, which are kept sorted."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

_WAITING = 1 << 20
"""Words that wait to be counted, at least."""


class DocumentFrequencies:
    """Counts the texts that each word is in. A distinct word takes 12 bytes.

    The hashes are Python's, so that they are of use within this process alone. That two of ten million words have the same hash
    has a probability below 1e-5.

    Attributes:
        n_texts: texts that were added.
    """

    def __init__(self) -> None:
        self.n_texts = 0
        self._waiting = array("q")
        self._hashes = np.zeros(0, np.int64)  # ascending
        self._counts = np.zeros(0, np.uint32)

    def add(self, words: Iterable[str]) -> None:
        """Add a text.

        Args:
            words: that are in it, each once.
        """
        self.n_texts += 1
        self._waiting.extend(map(hash, words))
        if len(self._waiting) > max(_WAITING, len(self._hashes)):
            self._count()

    def of(self, words: Sequence[str]) -> NDArray[np.int64]:
        """Return the number of texts that each of some words is in, (W,)."""
        if self._waiting:
            self._count()
        hashes = np.fromiter(map(hash, words), np.int64, len(words))
        if not len(self._hashes):
            return np.zeros(len(words), np.int64)
        places = np.minimum(np.searchsorted(self._hashes, hashes), len(self._hashes) - 1)
        return np.where(self._hashes[places] == hashes, self._counts[places], 0).astype(np.int64)

    def _count(self) -> None:
        """Count the words that wait."""
        hashes, counts = np.unique(np.frombuffer(self._waiting, np.int64), return_counts=True)
        self._waiting = array("q")
        hashes = np.concatenate([self._hashes, hashes])
        counts = np.concatenate([self._counts, counts.astype(np.uint32)])
        order = np.argsort(hashes, kind="stable")
        hashes, counts = hashes[order], counts[order]
        firsts = np.flatnonzero(np.concatenate([[True], hashes[1:] != hashes[:-1]]))
        self._hashes, self._counts = hashes[firsts], np.add.reduceat(counts, firsts)
