"""What belongs to pieces, shared out to characters and words."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlptool.text import shares
from nlptool.text.spans import Place


def test_a_piece_in_one_word_is_that_words() -> None:
    assert shares.of_words("old cat", [(0, 3), (4, 7)], [(0, 3), (3, 7)], [1.0, 2.5]) == [1.0, 2.5]


def test_a_piece_that_reaches_into_two_words_is_divided_between_their_characters() -> None:
    words = [(0, 1), (1, 4)]
    assert shares.of_words("は猫で。", words, [(0, 2), (2, 3), (3, 4)], [3.0, 1.0, 0.5]) == [1.5, 3.0]


def test_white_space_belongs_to_the_next_word() -> None:
    words = [(0, 1), (2, 3)]
    assert shares.of_words("a b ", words, [(0, 1), (1, 2), (2, 3), (3, 4)], [1.0, 2.0, 4.0, 8.0]) == [1.0, 14.0]


def test_the_bytes_of_a_character_are_added_up() -> None:
    assert shares.of_characters("a😀", [(0, 1), (1, 2), (1, 2)], [1.0, 2.0, 3.0]) == [1.0, 5.0]


def test_a_piece_without_a_place_belongs_to_the_character_behind_it() -> None:
    assert shares.of_characters("ab", [(0, 0), (0, 1), (1, 2), (2, 2)], [0.5, 1.0, 2.0, 0.25]) == [1.5, 2.25]


def test_what_is_no_number_is_none_of_its_characters_and_words_either() -> None:
    found = shares.of_words("ab c", [(0, 2), (3, 4)], [(0, 2), (2, 4)], [math.nan, 1.0])
    assert math.isnan(found[0])
    assert found[1] == 1.0


def test_without_a_word_nothing_is_shared_out() -> None:
    assert shares.of_words("  ", [], [(0, 2)], [1.0]) == []
    assert shares.of_characters("", [(0, 0)], [1.0]) == []


@st.composite
def divided(draw: st.DrawFn) -> tuple[str, list[Place], list[Place]]:
    """A text, its words, and pieces that cover it."""
    text = draw(st.text("ab 猫。\n", min_size=1, max_size=20))
    words = [(place, place + 1) for place, letter in enumerate(text) if not letter.isspace()]
    cuts = sorted(draw(st.sets(st.integers(0, len(text)))) | {0, len(text)})
    return text, words, list(itertools.pairwise(cuts))


@given(divided())
def test_the_sum_is_kept(example: tuple[str, list[Place], list[Place]]) -> None:
    text, words, pieces = example
    values = [float(number + 1) for number in range(len(pieces))]
    assert sum(shares.of_characters(text, pieces, values)) == pytest.approx(sum(values))
    if words:
        assert sum(shares.of_words(text, words, pieces, values)) == pytest.approx(sum(values))
