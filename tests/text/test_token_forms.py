"""Surfaces and lemmas of tokens, and what is none."""

from __future__ import annotations

from typing import Any

import pytest

from nlptool.models.words import tokenizers
from nlptool.text.token_forms import forms_of

TOKENS = [
    {"surface": "猫", "lemma": "ネコ"},
    {"surface": "foo", "lemma": None},
    {"surface": "を"},
    "犬",
    {"surface": "", "lemma": ""},
]


def test_a_token_without_a_lemma_has_its_surface() -> None:
    assert forms_of(TOKENS) == ["猫", "foo", "を", "犬", ""]
    assert forms_of(TOKENS, "lemma") == ["ネコ", "foo", "を", "犬", ""]
    assert forms_of([{"lemma": "ネコ"}], "lemma") == ["ネコ"]
    assert forms_of([]) == []


@pytest.mark.parametrize("tokens", [None, "猫", 3, {"surface": "猫"}, [3], [None], [{}], [{"surface": 3}], [["猫"]]])
def test_what_is_no_list_of_tokens_is_refused(tokens: Any) -> None:
    for by in ("surface", "lemma"):
        with pytest.raises(ValueError, match="token"):
            forms_of(tokens, by)


def test_word_vectors_take_the_surface_for_a_lemma_that_is_missing() -> None:
    assert tokenizers.of_tokens(TOKENS, "lemma") == ["ネコ", "foo", "を", "犬"]
    assert tokenizers.of_tokens(["A  B", " ", "C"], "whitespace", lowercase=True) == ["a b", "c"]
    with pytest.raises(ValueError, match="half a character"):
        tokenizers.of_tokens(["\ud800"], "words")
