"""Sequences of different lengths, packed into batches by a budget of tokens and padded to arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray


def pack(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Yield indices into ``lengths`` in batches of at most ``budget`` tokens, padding included; the longest come first.

    A sequence longer than the budget is a batch of its own. Equal lengths keep their order.
    """
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    start = 0
    while start < len(order):
        longest = max(1, lengths[order[start]])
        size = max(1, budget // longest)
        yield order[start : start + size]
        start += size


def pad(
    sequences: Sequence[Sequence[int]], pad_id: int, *, left: bool = False
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the ids of B sequences and their mask, 1 for a token and 0 for padding: both (B, T) int64, T the length of the
    longest, at least 1.

    Args:
        left: the padding stands before the tokens, not behind them.
    """
    ids = np.full((len(sequences), max(1, *map(len, sequences)) if sequences else 1), pad_id, np.int64)
    mask = np.zeros_like(ids)
    for row, sequence in enumerate(sequences):
        tokens = slice(ids.shape[1] - len(sequence), None) if left else slice(len(sequence))
        ids[row, tokens] = sequence
        mask[row, tokens] = 1
    return ids, mask
