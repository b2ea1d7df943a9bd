"""Batches hold each sequence once, within the budget, and little padding."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from nlptool.models.runtime.batching import pack, pad

LENGTHS = st.lists(st.integers(0, 200), max_size=60)


def n_padded(lengths: list[int], batch: list[int]) -> int:
    return len(batch) * max(1, *(lengths[index] for index in batch))


@given(LENGTHS, st.integers(1, 600), st.none() | st.integers(0, 600))
def test_each_sequence_is_in_one_batch_within_the_budget(lengths: list[int], budget: int, padding: int | None) -> None:
    batches = list(pack(lengths, budget, padding=padding))
    order = [index for batch in batches for index in batch]
    assert order == sorted(range(len(lengths)), key=lambda index: -lengths[index])
    most = budget // 32 if padding is None else padding
    for batch in batches:
        if len(batch) > 1:
            longest = max(1, lengths[batch[0]])
            assert n_padded(lengths, batch) <= budget
            assert sum(longest - lengths[index] for index in batch[1:]) <= most
        assert pad([[7] * lengths[index] for index in batch], 0)[1].sum() == sum(lengths[index] for index in batch)


@given(LENGTHS, st.integers(1, 600))
def test_a_batch_is_closed_only_when_the_next_sequence_does_not_go_into_it(lengths: list[int], budget: int) -> None:
    batches = list(pack(lengths, budget))
    for batch, after in itertools.pairwise(batches):
        longest = max(1, lengths[batch[0]])
        padding = sum(longest - lengths[index] for index in (*batch[1:], after[0]))
        assert (len(batch) + 1) * longest > budget or padding > budget // 32


def test_a_few_texts_of_different_lengths_are_not_filled_up() -> None:
    assert list(pack([5, 60, 6, 61, 100], 512)) == [[4], [3, 1], [2, 0]]
    assert list(pack([5, 60, 6, 61, 100], 512, padding=512)) == [[4, 3, 1, 2, 0]]
