"""The tokens that records bring along: their fields, their offsets, and what is said of wrong ones."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlptool.errors import RecordError
from nlptool.records.record import Record
from nlptool.records.tokenized import given_forms, given_tokens, has_tokens

WORDS = st.text(st.characters(exclude_categories=("Cs", "Zs", "Zl", "Zp", "Cc", "Cf")), min_size=1, max_size=5)


def record(*, ascii: bool = False, **values: Any) -> Record:
    return Record(values.get("text", ""), "a.jsonl", 1, json.dumps(values, ensure_ascii=ascii).encode())


def test_tokens_of_tokenize_keep_their_fields() -> None:
    cat = {"surface": "猫", "lemma": "猫", "pos": "名詞", "reading": "ネコ", "pos_detail": "普通名詞-一般"}
    tokens = [cat | {"start": 0, "end": 1}, {"surface": "ガ", "lemma": None, "pos": "助詞", "start": 2, "end": 3}]
    given = given_tokens(record(text="猫 ガ", tokens=tokens))
    assert given is not None and given.text == "猫 ガ"
    assert given.tokens == [
        cat | {"pos": "名詞-普通名詞-一般", "start": 0, "end": 1},
        {"surface": "ガ", "lemma": None, "pos": "助詞", "start": 2, "end": 3},
    ]
    assert given_forms(record(text="猫 ガ", tokens=tokens), "lemma") == ["猫", "ガ"]


def test_tokens_without_offsets_are_found_in_the_text() -> None:
    given = given_tokens(record(text="the  cat.", tokens=["the", {"form": "cat", "lemma": ""}, "."]))
    assert given is not None
    assert [(each["surface"], each["lemma"], each["start"], each["end"]) for each in given.tokens] == [
        ("the", None, 0, 3),
        ("cat", None, 5, 8),
        (".", None, 8, 9),
    ]


def test_tokens_without_a_text_make_one() -> None:
    given = given_tokens(record(tokens=["the", "cat"]))
    assert given is not None and given.text == "the cat"
    assert given_forms(record(tokens=["the", {"form": "cat"}])) == ["the", "cat"]


def test_tokens_in_the_cell_of_a_table() -> None:
    given = given_tokens(record(text="白い猫", tokens='["白い", "猫"]'))
    assert given is not None and [token["start"] for token in given.tokens] == [0, 2]
    assert given_forms(record(tokens='["白い", "猫"]')) == ["白い", "猫"]


def test_a_record_without_tokens() -> None:
    assert given_tokens(Record("猫", "a.txt", 1)) is None
    assert given_tokens(record(text="猫")) is None
    assert given_tokens(record(text="猫", tokens=None)) is None
    assert given_forms(record(text="tokens")) is None
    assert not has_tokens(record(text="the tokens"))
    assert has_tokens(Record("猫", "a.jsonl", 1, b'{"text":"a","\\u0074okens":["a"]}'))
    assert given_forms(Record("a", "a.jsonl", 1, b'{"text":"a","\\u0074okens":["a"]}')) == ["a"]


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"text": "猫", "tokens": 3}, "NotWords", "a number"),
        ({"text": "猫", "tokens": ["猫", 3]}, "NotWords", "number 2 is a number"),
        ({"text": "猫", "tokens": [{"surface": ""}]}, "NotWords", "an empty string"),
        ({"text": "猫", "tokens": ["犬"]}, "OtherWords", "not where it should be"),
        ({"text": "猫が", "tokens": ["猫"]}, "OtherWords", "goes on behind"),
        ({"text": "猫", "tokens": [{"surface": "猫", "start": 3, "end": 4}]}, "OtherWords", "where its words stand"),
        ({"text": "猫", "tokens": ["\ud800"]}, "LoneSurrogate", "half a character"),
    ],
)
def test_what_is_said_of_wrong_tokens(values: dict[str, Any], error: str, message: str) -> None:
    with pytest.raises(RecordError, match=message) as raised:
        given_tokens(record(ascii=True, **values))
    assert raised.value.type == error
    if error != "OtherWords":  # forms are read without the text
        with pytest.raises(RecordError, match=message):
            given_forms(record(ascii=True, **values))


@given(st.lists(st.tuples(WORDS, st.sampled_from(("", " ", "\u3000"))), min_size=1, max_size=8), st.booleans())
def test_the_text_at_the_offsets_is_the_token(words: list[tuple[str, str]], ascii: bool) -> None:
    text = "".join(word + blank for word, blank in words)
    given = given_tokens(record(ascii=ascii, text=text, tokens=[word for word, _ in words]))
    assert given is not None
    assert [text[token["start"] : token["end"]] for token in given.tokens] == [word for word, _ in words]
    assert given_forms(record(ascii=ascii, text=text, tokens=[word for word, _ in words])) == [w for w, _ in words]
