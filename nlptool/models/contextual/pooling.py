"""The vectors of words from those of their pieces."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nlptool.text.spans import Place

MEAN = "mean"
FIRST = "first"
WAYS = (MEAN, FIRST)
"""How the vectors of a word's pieces become one: their mean, or that of the first."""


def pool(
    vectors: NDArray[np.float32], pieces: Sequence[Place], words: Sequence[Place], way: str
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the vectors (W, ...) of words, and whether each has one, (W,): a word without a piece has NaN.

    A piece that reaches over the border of two words counts for both.

    Args:
        vectors: of the pieces, (T, ...).
        pieces: where they stand in the text; an empty place belongs to no word.
        words: where the words stand, in order.
        way: one of ``WAYS``.
    """
    bounds = np.array(pieces, np.int64).reshape(-1, 2)
    numbers = np.flatnonzero(bounds[:, 0] < bounds[:, 1])  # of the pieces that have a place
    starts, ends = bounds[numbers, 0], np.maximum.accumulate(bounds[numbers, 1])
    found = np.full((len(words), *vectors.shape[1:]), np.nan, np.float32)
    first = np.searchsorted(ends, [start for start, _ in words], side="right")
    last = np.searchsorted(starts, [end for _, end in words], side="left")
    has_piece = first < last
    is_single = has_piece & (last - first == 1)
    if way == FIRST:
        found[has_piece] = vectors[numbers[first[has_piece]]]
        return found, has_piece
    found[is_single] = vectors[numbers[first[is_single]]]
    for word in np.flatnonzero(has_piece & ~is_single):
        found[word] = vectors[numbers[first[word] : last[word]]].mean(axis=0)
    return found, has_piece
