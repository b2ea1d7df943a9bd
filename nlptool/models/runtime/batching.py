"""Sequences of different lengths, packed into batches by a budget of tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def pack(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Indices into ``lengths`` in batches of at most ``budget`` tokens, padding included; the longest texts come first.

    A text longer than the budget is a batch of its own. Equal lengths keep their order.
    """
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    start = 0
    while start < len(order):
        longest = max(1, lengths[order[start]])
        size = max(1, budget // longest)
        yield order[start : start + size]
        start += size
