"""Texts to pieces and back, against the tokenizers of transformers."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import masked_models
import pytest
import transformers

from nlptool.errors import RunError
from nlptool.models.japanese.bert_words import JapaneseWords
from nlptool.models.masked import transformers_model
from nlptool.models.masked.loading import LocatedMaskedModel
from nlptool.models.masked.tokenizer import MaskedLmTokenizer, ModelInput
from nlptool.specs import MaskedModelSpec

KINDS = ("bert", "bert-japanese", "bert-characters", "roberta", "albert")
TEXTS = [
    "", " ", "\u3000", "a", "unbelievable!", "The man's [MASK] <mask> is  [SEP]here[MASK]ing, [UNK] </s>.",
    "吾輩は猫である。名前はまだ無い。", "ＡＢＣ商店で３０円の\u3000パンを、New York で買った。", "犬と月",
    "\x00a\x01b\n\tc", "é e\u0301 ﾊﾟﾝ", "👩\u200d👩\u200d👧 ok", "word " * 300,
]  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """``made(kind)``: the folder of a model, and ``Texts`` as it is prepared for torch."""
    home = tmp_path_factory.mktemp("models")

    @cache
    def make(kind: str) -> tuple[Path, MaskedLmTokenizer]:
        path = masked_models.save(kind, home / kind)
        about = transformers_model.load(path).about
        return path, LocatedMaskedModel(kind, "torch", "cpu", about, MaskedModelSpec(), path).tokenizer()

    return make


@pytest.mark.parametrize("kind", KINDS)
def test_ids_and_types_are_those_of_transformers_and_texts_come_back(kind: str, made: Any) -> None:
    path, texts = made(kind)
    own = transformers.AutoTokenizer.from_pretrained(str(path))
    assert (texts.mask_token, texts.mask_id, texts.unknown_id) == (own.mask_token, own.mask_token_id, own.unk_token_id)
    assert texts.special_ids == set(own.all_special_ids)
    assert texts.size == len(own)
    cuts = texts.tokenize(TEXTS)
    for text, cut in zip(TEXTS, cuts, strict=True):
        if texts.words is not None and "\x00" in text:  # where the MeCab of transformers stops
            continue
        expected = own(text, return_token_type_ids=True, verbose=False)
        row = texts.model_input(cut.ids)
        assert (row.ids, row.types) == (expected["input_ids"], expected["token_type_ids"])
        assert cut.n_unknown == cut.ids.count(own.unk_token_id)
        assert [texts.piece(id) for id in cut.ids] == own.convert_ids_to_tokens(cut.ids)
        if texts.words is None:
            assert texts.text(cut.ids) == own.decode(cut.ids)
        if not text:  # transformers takes an empty second text for none
            continue
        pair = own("is a man", text, return_token_type_ids=True, verbose=False)
        row = texts.model_input(texts.tokenize(["is a man"])[0].ids, cut.ids)
        assert (row.ids, row.types) == (pair["input_ids"], pair["token_type_ids"])
    assert texts.max_pieces() == texts.max_pieces(pair=True) + len(own("a", "a")["input_ids"]) - len(
        own("a")["input_ids"]
    ) - (len(texts.tokenize(["a"])[0].ids))


def words_of(texts: MaskedLmTokenizer, text: str) -> list[str]:
    """The pieces of each word, joined."""
    (cut,) = texts.tokenize([text])
    found = [""] * (max(cut.words) + 1)
    for id, word in zip(cut.ids, cut.words, strict=True):
        found[word] += texts.piece(id).removeprefix("##")
    return found


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("bert", "A man's [MASK]ing [MASK][MASK].", ["a", "man", "'", "s", "[MASK]", "ing", "[MASK]", "[MASK]", "."]),
        ("bert-japanese", "食べる[MASK]が[MASK][MASK]", ["食べる", "[MASK]", "が", "[MASK]", "[MASK]"]),
        ("bert-characters", "食べる[MASK]が[MASK][MASK]", ["食べる", "[MASK]", "が", "[MASK]", "[MASK]"]),
        ("roberta", "A man is <mask> here.", ["A", "Ġman", "Ġis", "<mask>", "Ġhere", "."]),
        ("albert", "A man <mask> here.", ["▁A", "▁man", "▁", "<mask>", "▁here."]),
    ],
)
def test_pieces_know_their_word_and_a_mask_is_one_of_its_own(
    kind: str, text: str, expected: list[str], made: Any
) -> None:
    assert words_of(made(kind)[1], text) == expected


def test_places_count_through_both_texts(made: Any) -> None:
    texts = made("bert")[1]
    first, second = [10, 11, 12], [20, 21]
    assert texts.model_input(first, second, positions=[0, 2, 3, 4]) == ModelInput(
        [2, 10, 11, 12, 3, 20, 21, 3], [0, 0, 0, 0, 0, 1, 1, 1], [1, 3, 5, 6]
    )
    assert texts.model_input(first, positions=[1]) == ModelInput([2, 10, 11, 12, 3], [0] * 5, [2])
    roberta = made("roberta")[1]
    assert roberta.model_input(first, second, positions=[3]).positions == [6]  # <s> A </s> </s> B </s>
    assert (texts.max_pieces(), texts.max_pieces(pair=True)) == (62, 61)
    assert (roberta.max_pieces(), roberta.max_pieces(pair=True)) == (
        61,
        59,
    )  # positions count from behind the padding's id, 0


def test_japanese_words_are_joined_without_blanks(made: Any) -> None:
    texts = made("bert-japanese")[1]
    for text in ("こんな夢を見た。", "腕組をして[MASK]に坐っている。"):
        assert texts.text(texts.tokenize([text])[0].ids) == text
    letters = {texts.piece(id): id for id in range(texts.size)}
    assert texts.text([letters["a"], letters["##b"], letters["a"], letters["が"], letters["a"]]) == "ab aがa"


def test_a_limit_lowers_the_room_and_never_raises_it(made: Any) -> None:
    path, _ = made("bert")
    about = transformers_model.load(path).about

    def texts(max_length: int) -> MaskedLmTokenizer:
        return LocatedMaskedModel("", "torch", "cpu", about, MaskedModelSpec(max_length=max_length), path).tokenizer()

    assert (texts(10).max_pieces(), texts(10).max_pieces(pair=True), texts(1000).max_pieces()) == (8, 7, 62)
    with pytest.raises(RunError, match="leaves no room"):
        texts(2)


def test_each_word_has_a_part_of_speech() -> None:
    for characters in (False, True):
        cut = JapaneseWords("unidic_lite", special=["[MASK]"], characters=characters)
        text = "吾輩は\u3000[MASK]を 食べる。"
        parts, numbers = cut.numbered(text)
        assert parts == cut(text)
        words = [""] * (numbers[-1] + 1)
        for part, number in zip(parts, numbers, strict=True):
            words[number] += part
        found = dict(zip(words, cut.parts_of_speech(text), strict=True))
        assert found.pop("\u3000" if "\u3000" in found else " ", "空白") == "空白"
        assert found == {"吾輩": "代名詞", "は": "助詞", "[MASK]": "", "を": "助詞", "食べる": "動詞", "。": "補助記号"}
