"""Japanese BERT models with MeCab inside, against transformers' own slow class, on weights made here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sentence_encoders

from nlptool.errors import ModelError
from nlptool.models.encoders import loading as encoder_loading
from nlptool.models.japanese import bert_words
from nlptool.specs import EncoderSpec

DATA = Path(__file__).parent.parent / "data"
LINES = (DATA / "yume_juya.txt").read_text(encoding="utf-8").split("\n")
TEXTS = [
    *LINES[:60],
    "", "猫", "ﾃﾞｰﾀ①　㍿～", "Apples and ＡＢＣ and abc", "[MASK]は猫である。[SEP]", "A\tB\u3000C", "𠮷野家🍣", "か\u3099",
    "x" * 150, "雪" * 300,
]  # fmt: skip


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NLPTOOL_CACHE", str(tmp_path / "cache"))


def vocabulary() -> list[str]:
    """Words, pieces and characters of the sample, so that words are found whole, in pieces, and not at all."""
    import fugashi
    import unidic_lite

    tagger = fugashi.GenericTagger(f"-r /dev/null -d {unidic_lite.DICDIR} -Owakati")
    words = sorted({word for line in LINES[:30] for word in tagger.parse(line).split()})
    characters = sorted({character for word in words for character in word})
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = [f"##{character}" for character in characters] + ["##x", "x", "abc", "Apple", "##s"]
    return list(dict.fromkeys([*special, *words[::2], *characters, *pieces]))


def japanese_model(folder: Path, **options: Any) -> Path:
    import torch
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertJapaneseTokenizer, BertModel

    torch.manual_seed(0)
    plain = folder.with_name(folder.name + "-plain")
    plain.mkdir()
    (plain / "vocab.txt").write_text("".join(f"{token}\n" for token in vocabulary()), encoding="utf-8")
    arguments = {"word_tokenizer_type": "mecab", "mecab_kwargs": {"mecab_dic": "unidic_lite"}} | options
    BertJapaneseTokenizer(str(plain / "vocab.txt"), **arguments).save_pretrained(plain)
    config = BertConfig(
        vocab_size=len(vocabulary()), hidden_size=32, num_hidden_layers=1, num_attention_heads=4, intermediate_size=64,
        initializer_range=0.5,
    )  # fmt: skip
    BertModel(config).save_pretrained(plain)
    parts = [Transformer(str(plain), max_seq_length=128), Pooling(32, "mean")]
    sentence_encoders.save(folder, parts)
    return folder


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"subword_tokenizer_type": "character"},
        {"do_lower_case": True},
        {"mecab_kwargs": {"mecab_dic": "unidic_lite", "normalize_text": False}},
        {"mecab_kwargs": {"mecab_dic": "ipadic"}},
    ],
    ids=["wordpiece", "character", "lower case", "not normalised", "ipadic"],
)
def test_the_ids_and_the_vectors_are_those_of_transformers(tmp_path: Path, options: dict[str, Any]) -> None:
    from sentence_transformers import SentenceTransformer

    folder = japanese_model(tmp_path / "model", **options)
    notes: list[str] = []
    ours = encoder_loading.load(EncoderSpec(str(folder), engine="onnx"), note=notes.append)
    assert notes == [f"converting {folder} for onnxruntime, once"]
    theirs = SentenceTransformer(str(folder), device="cpu")
    expected = theirs.encode(TEXTS)
    found = ours.encode(TEXTS)
    lengths = [len(theirs.tokenizer.encode(text, truncation=False)) for text in TEXTS]
    assert found.n_tokens == [min(length, 128) for length in lengths]
    assert found.truncated == [length > 128 for length in lengths]
    assert np.allclose(found.vectors, expected, atol=1e-4)
    torch = encoder_loading.load(EncoderSpec(str(folder), engine="torch")).encode(TEXTS)
    assert torch.n_tokens == found.n_tokens
    assert np.allclose(torch.vectors, expected, atol=1e-4)


def test_a_text_far_beyond_what_mecab_takes_is_cut_into_all_its_chunks(tmp_path: Path) -> None:
    ours = encoder_loading.load(EncoderSpec(str(japanese_model(tmp_path / "model")), chunk=True))
    found = ours.encode(["猫が好き。" * 20_000])
    assert found.n_tokens[0] >= 60_000
    assert found.n_chunks[0] == -(-found.n_tokens[0] // 128)
    assert not found.truncated[0]


@pytest.mark.parametrize(
    ("written_by", "kwargs", "expected"),
    [
        ("4.7.0", None, "ipadic"),  # the default of its time
        ("4.44.2", {}, "ipadic"),
        ("4.47.0", None, "unidic_lite"),
        ("5.23.0", {}, "unidic_lite"),
        ("4.7.0", {"mecab_dic": "unidic_lite"}, "unidic_lite"),
        ("5.23.0", {"mecab_dic": "ipadic"}, "ipadic"),
        ("4.7.0", {"mecab_dic": None, "mecab_option": "-r /x -d /some/dictionary"}, "/some/dictionary"),
        (None, None, "ipadic"),
    ],
)
def test_the_dictionary_is_the_one_that_the_model_was_made_with(
    tmp_path: Path, written_by: str | None, kwargs: dict[str, Any] | None, expected: str
) -> None:
    about = {"tokenizer_class": "BertJapaneseTokenizer", "word_tokenizer_type": "mecab", "mecab_kwargs": kwargs}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(about))
    (tmp_path / "config.json").write_text(json.dumps({"transformers_version": written_by} if written_by else {}))
    found = bert_words.settings(tmp_path)
    assert found is not None
    assert found["dictionary"] == expected


def test_another_tokenizer_is_left_to_transformers(tmp_path: Path) -> None:
    assert bert_words.settings(tmp_path) is None
    for about in (
        {"tokenizer_class": "BertTokenizer"},
        {"tokenizer_class": "BertJapaneseTokenizer", "word_tokenizer_type": "sudachi"},
        {"tokenizer_class": "BertJapaneseTokenizer", "word_tokenizer_type": "mecab", "subword_tokenizer_type": "sentencepiece"},
    ):  # fmt: skip
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(about))
        assert bert_words.settings(tmp_path) is None


def test_a_dictionary_that_is_not_installed_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ModelError, match="MeCab dictionary ipadic is not installed") as caught:
        bert_words.JapaneseWords("ipadic")
    assert caught.value.hint == "pip install ipadic"
