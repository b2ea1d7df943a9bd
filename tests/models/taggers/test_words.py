"""Where the words of a text stand, for texts whose words are not given."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlptool.models.taggers.words import words_of


def words(text: str) -> list[str]:
    return [text[start:end] for start, end in words_of(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The U.N. don't.", ["The", "U", ".", "N", ".", "don", "'", "t", "."]),
        ("東京へ行く。", ["東京", "へ", "行く", "。"]),
        ("東京\u3000へ", ["東京", "へ"]),
        ("cafe\u0301s ", ["cafe\u0301s"]),
        ("\u0301a", ["\u0301", "a"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("می\u200cخواهم", ["می\u200cخواهم"]),
        ("☎\ufe0fcall 👩\u200d👧", ["☎\ufe0f", "call", "👩\u200d", "👧"]),
        ("", []), ("\u3000 \n", []),
    ],
)  # fmt: skip
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_all_but_white_space_is_in_words_in_order(text: str) -> None:
    places = words_of(text)
    ends = [0, *(end for place in places for end in place)]
    assert ends == sorted(ends)
    assert all(text[start:end].strip() == text[start:end] != "" for start, end in places)
    left = "".join(text[end:start] for end, start in zip(ends[::2], [*ends[1::2], len(text)], strict=True))
    assert all(sign.isspace() or unicodedata.category(sign)[0] == "C" for sign in left)
