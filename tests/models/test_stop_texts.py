"""Texts that end a generation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlptool.models.generation.stop_texts import Stopped, StopTexts

STOPS = st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=3)


@pytest.mark.parametrize(
    ("stops", "text", "expected"),
    [
        (["。"], "雨。風。", Stopped("雨", "。")),
        (["x"], "abc", None),
        (["bc", "b"], "abc", Stopped("a", "b")),  # b is complete first
        (["c", "bc"], "abc", Stopped("a", "bc")),  # both at the same time
        (["abc", "d"], "dabc", Stopped("", "d")),
    ],
)
def test_the_stop_text_that_is_complete_first_ends_a_text(
    stops: list[str], text: str, expected: Stopped | None
) -> None:
    assert StopTexts(stops).find(text) == expected


@given(STOPS, st.text("abc", max_size=20))
def test_what_is_shown_while_a_text_grows_is_a_part_of_what_it_becomes(stops: list[str], text: str) -> None:
    texts = StopTexts(stops)
    shown = ""
    for end in range(len(text) + 1):
        found = texts.find(text[:end])
        if found is not None:
            assert found.text.startswith(shown)
            assert text[:end].endswith(found.stop)  # it ends at the first character at which it can
            assert not any(stop in found.text for stop in stops)
            return
        grown = texts.shown(text[:end])
        assert grown.startswith(shown)
        held = text[len(grown) : end]
        assert not held or any(stop.startswith(held) for stop in stops)
        shown = grown
    assert texts.find(text) is None
