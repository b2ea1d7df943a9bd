"""Which prompts CTranslate2 continues together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlptool.models.generation import ct2_backend
from nlptool.models.generation.decoding import Decoding


@pytest.mark.parametrize(
    ("lengths", "spread", "enough", "expected"),
    [
        ([5, 3, 5, 4], 2, 8, [[1, 3, 0, 2]]),
        ([5, 3, 5, 4], 1, 8, [[1, 3], [0, 2]]),
        ([5, 3, 5, 4], 0, 8, [[1], [3], [0, 2]]),
        ([2, 1, 1, 3], 9, 8, [[1, 2], [0, 3]]),  # beside a single token the library goes wrong
        ([2, 2, 2, 3, 3, 4], 9, 2, [[0, 1, 2], [3, 4], [5]]),  # equal ones in any number
        ([2, 3, 3, 4], 9, 2, [[0, 1, 2], [3]]),
        ([], 3, 8, []),
    ],
)
def test_prompts_of_similar_lengths_are_continued_together(
    lengths: list[int], spread: int, enough: int, expected: list[list[int]]
) -> None:
    assert ct2_backend._groups(lengths, spread, enough) == expected


@given(st.lists(st.integers(1, 60), max_size=40), st.integers(0, 20), st.integers(1, 10))
def test_every_prompt_is_in_one_group_and_none_is_too_long(lengths: list[int], spread: int, enough: int) -> None:
    groups = ct2_backend._groups(lengths, spread, enough)
    assert sorted(index for group in groups for index in group) == list(range(len(lengths)))
    for group in groups:
        found = [lengths[index] for index in group]
        assert max(found) - min(found) <= (spread if min(found) > 1 else 0)


def test_only_greedy_search_takes_prompts_of_unequal_lengths() -> None:
    assert ct2_backend._spread(Decoding(max_new_tokens=12)) == 12
    for decoding in (
        Decoding(beams=2, max_new_tokens=12),
        Decoding(repetition_penalty=1.5, max_new_tokens=12),
        Decoding(no_repeat_ngram=2, max_new_tokens=12),
    ):
        assert ct2_backend._spread(decoding) == 0
