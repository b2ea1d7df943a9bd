"""Words of content and words of grammar, with and without parts of speech."""

from __future__ import annotations

import pytest

from nlptool.models.words.token_maker import TokenMaker
from nlptool.text.content_words import ENGLISH, Kind, kind_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("彼女は東京で三つの大きな仕事を続けていたが、静かに辞めてしまった。", ["東京", "仕事", "静か", "辞め"]),
        ("そのことはもう言わないつもりだった。", ["言わ"]),
        ("美しい猫の絵を描くことができる。", ["美しい", "猫", "絵", "描く"]),
        ("あら、まあ、１２３！？", []),
        ("Pythonで the 正規表現 を書いた", ["Python", "正規", "表現", "書い"]),
    ],
)
def test_words_of_content_in_japanese(text: str, words: list[str]) -> None:
    (tokens,) = TokenMaker("unidic")([text])
    kinds = {token["surface"]: kind_of(token["surface"], token["lemma"], token["pos"]) for token in tokens}
    assert [word for word, kind in kinds.items() if kind in (Kind.CONTENT, Kind.COMPOUNDED)] == words


def test_affixes_are_parts_of_compounds() -> None:
    (tokens,) = TokenMaker("unidic")(["新幹線の超特急に乗る大学者たちとお茶"])
    kinds = {token["surface"]: kind_of(token["surface"], token["lemma"], token["pos"]) for token in tokens}
    assert kinds["超"] is kinds["お"] is Kind.PREFIX
    assert kinds["たち"] is Kind.SUFFIX
    assert kinds["乗る"] is Kind.CONTENT
    assert kinds["茶"] is Kind.COMPOUNDED


@pytest.mark.parametrize(
    ("word", "is_content"),
    [
        ("the", False), ("The", False), ("isn't", False), ("cat", True), ("C", False), ("猫", True), ("する", False),
        ("ラーメン", True), ("あ", False), ("12", False), ("3D", True), ("。", False), ("кот", True), ("я", False),
        ("고양이", True), ("Ａ", False),
    ],
)  # fmt: skip
def test_without_a_part_of_speech_letters_and_lists_decide(word: str, is_content: bool) -> None:
    assert (kind_of(word, None, None) is not Kind.GRAMMAR) is is_content


def test_other_tag_sets() -> None:
    assert kind_of("食べる", "食べる", "動詞-自立") is Kind.CONTENT
    assert kind_of("てる", "てる", "動詞-非自立") is Kind.GRAMMAR
    assert kind_of("者", "者", "名詞-接尾-一般") is Kind.SUFFIX
    assert kind_of("それ", "それ", "名詞-代名詞-一般") is Kind.GRAMMAR
    assert kind_of("chat", "chat", "NOUN") is Kind.COMPOUNDED
    assert kind_of("mange", "manger", "VERB") is Kind.CONTENT
    assert kind_of("avec", "avec", "ADP") is Kind.GRAMMAR


def test_what_is_wanted_stands_in_place_of_the_usual() -> None:
    kind = kind_of("東京", "トウキョウ", "名詞-固有名詞-地名-一般", wanted=["名詞-固有名詞"])
    assert kind is Kind.COMPOUNDED
    assert kind_of("猫", "猫", "名詞-普通名詞-一般", wanted=["名詞-固有名詞"]) is Kind.GRAMMAR
    assert kind_of("とても", "とても", "副詞", wanted=["副詞"]) is Kind.CONTENT
    assert kind_of("cat", None, None, wanted=["名詞"]) is Kind.GRAMMAR
    assert kind_of("Chat", None, None, stop_words={"chat"}) is Kind.GRAMMAR
    assert kind_of("走っ", "走る", "動詞-一般", stop_words={"走る"}) is Kind.GRAMMAR


def test_the_english_words_are_written_in_small_letters() -> None:
    assert all(word == word.lower().strip() for word in ENGLISH)
    assert {"the", "of", "they're"} <= ENGLISH
