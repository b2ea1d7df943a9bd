"""Tokens with their fields and offsets: those of `nlptool tokenize`, and words between blanks."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from nlptool.models.japanese.tagger import Tagger
from nlptool.models.words.token_maker import TokenMaker
from nlptool.tasks.token_formats import Analyser
from nlptool.tasks.tokens import Wanted

MAKER = TokenMaker(fields=("reading", "conjugation_form", "surface", "upos"))
ANALYSER = Analyser(Tagger(), Wanted(("surface", "lemma", "pos", "pos_detail", "reading", "start", "end")))


def tokenized(text: str) -> list[dict[str, Any]]:
    """The tokens that `nlptool tokenize` writes, with the detail of a part of speech behind it."""
    (found,) = ANALYSER([text])
    assert isinstance(found, tuple)
    tokens: list[dict[str, Any]] = orjson.loads(found[0]["tokens"])
    for token in tokens:
        token["pos"] = "-".join(filter(None, (token["pos"], token.pop("pos_detail"))))
    return tokens


@given(
    st.text(st.sampled_from("吾輩は猫である。 \t\0\u3000ab食べたホテル1"), max_size=30).map(lambda text: f"{text}の")
)
def test_japanese_is_split_as_by_tokenize(text: str) -> None:
    (tokens,) = MAKER([text])
    assert [token["surface"] for token in tokens] == [text[token["start"] : token["end"]] for token in tokens]
    for token in tokens:
        del token["conjugation_form"]
    assert tokens == tokenized(text)


def test_fields_of_the_dictionary() -> None:
    (tokens,) = MAKER(["猫を食べた"])
    assert [token["conjugation_form"] for token in tokens] == [None, None, "連用形-一般", "終止形-一般"]
    assert tokens[2]["lemma"] == "食べる" and tokens[2]["pos"] == "動詞-一般" and "upos" not in tokens[2]


def test_each_text_is_split_as_its_letters_ask_for() -> None:
    maker = TokenMaker()
    latin, japanese, empty = maker(["The cat's hat.", "猫が", ""])
    assert [(token["surface"], token["start"], token["lemma"]) for token in latin] == [
        ("The", 0, None),
        ("cat's", 4, None),
        ("hat", 10, None),
        (".", 13, None),
    ]
    assert [token["surface"] for token in japanese] == ["猫", "が"] and empty == []
    words, of_mecab = map(maker.name, maker.begin(["The cat", "猫"]))
    assert words == "words" and of_mecab.startswith("unidic-lite")


def test_text_that_is_tokenized_already() -> None:
    maker = TokenMaker("whitespace")
    assert [token["surface"] for token in maker(["吾輩は　猫 で"])[0]] == ["吾輩は", "猫", "で"]
    assert [maker.name(begun) for begun in maker.begin(["猫"])] == ["whitespace"]
    assert [token["pos"] for token in TokenMaker("unidic")(["cat"])[0]] == ["名詞-普通名詞-一般"]
