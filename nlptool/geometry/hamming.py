"""Search among binary codes by their Hamming distance: exact, by the number of different bits of 64-bit words."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BLOCK = 1 << 15  # codes: the arrays of a block stay in the processor's cache


class Codes:
    """Codes to be searched.

    They take 8 bytes for each word of a code.

    Args:
        words: (N, W) uint64, as of ``binary_codes.as_words``.
    """

    def __init__(self, words: NDArray[np.uint64]) -> None:
        self._words = np.ascontiguousarray(words.T)  # (W, N)

    def __len__(self) -> int:
        return int(self._words.shape[1])

    def distances(self, code: NDArray[np.uint64], first: int = 0, stop: int | None = None) -> NDArray[np.uint16]:
        """Return the distances of the codes from ``first`` to ``stop`` to a code (W,): the number of bits that differ, (n,)."""
        words = self._words[:, first:stop]
        found = np.zeros(words.shape[1], np.uint16)
        for word, others in zip(code, words, strict=True):
            found += np.bitwise_count(others ^ word)
        return found

    def within(self, code: NDArray[np.uint64], radius: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the codes whose distance to a code (W,) is at most ``radius``: their numbers, ascending, and their distances,
        (n,) each."""
        numbers, found = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for first in range(0, len(self), _BLOCK):
            distances = self.distances(code, first, first + _BLOCK)
            near = np.flatnonzero(distances <= radius)
            numbers.append(near + first)
            found.append(distances[near].astype(np.int64))
        return np.concatenate(numbers), np.concatenate(found)
