"""Masked language models of real architectures with random weights, small enough to be made in a test."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

SAMPLE = Path(__file__).parent.parent / "data" / "yume_juya.txt"
ENGLISH = """the man went to store bought a gallon of milk penguins are flight less bird s cat sat on mat it rain ed all
day"""
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SENTENCES = [
    "the quick brown fox jumps over the lazy dog",
    "The man went to the store. He bought a gallon of milk.",
    "penguins are flightless birds",
    "unbelievable!",
    "a",
]
JAPANESE = [
    "猫が魚を食べる。",
    "吾輩は猫である。名前はまだ無い。",
    "ＡＢＣ商店で３０円のパンを買った。",
    "国際電気通信基礎技術研究所",
]


def _wordpiece(folder: Path) -> Any:
    from transformers import BertTokenizerFast

    letters = "abcdefghijklmnopqrstuvwxyz"
    pieces = [*SPECIAL, *letters, *(f"##{letter}" for letter in letters), ".", "!"]
    pieces += ["the", "##er", "##ing", "man", "store", "over", "milk", "un", "##able", "bird", "went"]
    folder.mkdir(parents=True)
    (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece in pieces), encoding="utf-8")
    return BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=40)


def bert(folder: Path) -> tuple[Any, Any]:
    from transformers import BertConfig, BertForMaskedLM

    tokenizer = _wordpiece(folder)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=40, initializer_range=0.5,
    )  # fmt: skip
    return BertForMaskedLM(config), tokenizer


def roberta(folder: Path) -> tuple[Any, Any]:
    from tokenizers import AddedToken, ByteLevelBPETokenizer
    from transformers import RobertaConfig, RobertaForMaskedLM, RobertaTokenizer

    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(
        SENTENCES * 3, vocab_size=320, special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"], show_progress=False
    )
    model = json.loads(trained.to_str())["model"]
    merges = [tuple(pair) for pair in model["merges"]]
    folder.mkdir(parents=True)
    mask = AddedToken("<mask>", lstrip=True, special=True)  # as that of roberta-base, which takes the blank before it
    tokenizer = RobertaTokenizer(vocab=model["vocab"], merges=merges, model_max_length=38, mask_token=mask)
    config = RobertaConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=40, type_vocab_size=1, initializer_range=0.5, pad_token_id=1, bos_token_id=0, eos_token_id=2,
    )  # fmt: skip
    return RobertaForMaskedLM(config), tokenizer


def bert_japanese(folder: Path) -> tuple[Any, Any]:
    from transformers import BertConfig, BertForMaskedLM, BertJapaneseTokenizer

    from nlptool.training import wordpiece
    from nlptool.training.bert import tokenizer as bert_tokenizers

    cut = bert_tokenizers.words("unidic").splitter()
    letters = sorted({letter for text in JAPANESE for word in cut(text) for letter in word})
    pieces = [*wordpiece.SPECIAL, *letters, *(f"##{letter}" for letter in letters), "食べる", "名前", "電気"]
    folder.mkdir(parents=True)
    (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece in pieces), encoding="utf-8")
    tokenizer = BertJapaneseTokenizer(
        str(folder / "vocab.txt"),
        word_tokenizer_type="mecab",
        mecab_kwargs={"mecab_dic": "unidic_lite"},
        model_max_length=40,
    )
    config = BertConfig(
        vocab_size=len(pieces), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=40, initializer_range=0.5,
    )  # fmt: skip
    return BertForMaskedLM(config), tokenizer


KINDS = {"bert": bert, "roberta": roberta, "bert-japanese": bert_japanese}


def saved(kind: str, folder: Path) -> tuple[Any, Any]:
    """A model and its tokenizer, saved in ``folder``; the same weights every time."""
    torch.manual_seed(1)
    model, tokenizer = KINDS[kind](folder)
    model.eval().save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
    return model, tokenizer


def vocabulary(kind: str) -> list[str]:
    """Words, pieces and letters, so that words are found whole, in pieces, and not at all."""
    if kind == "wordpiece":
        words = [*ENGLISH.split(), *"abcdefghijklmnopqrstuvwxyz.,!?'"]
        return [*SPECIAL, *dict.fromkeys([*words, *(f"##{word}" for word in words if word.isalpha())])]
    from nlptool.models.japanese.bert_words import JapaneseWords

    cut = JapaneseWords("unidic_lite")
    lines = SAMPLE.read_text(encoding="utf-8").split("\n")[:30]
    words = sorted({word for line in lines for word in cut(line)})
    letters = sorted({letter for word in words for letter in word})
    return [*SPECIAL, *dict.fromkeys([*words[::2], *letters, *(f"##{letter}" for letter in letters)])]


def random_bert(
    folder: Path, kind: str, *, max_length: int = 64, layers: int = 2, change: Callable[[Any], None] = lambda _: None
) -> Path:
    """A BertForPreTraining with both heads, whose weights are large enough for probabilities to differ, and its tokenizer.

    Args:
        kind: wordpiece | unidic.
        change: is given the network, to change its weights.
    """
    from transformers import BertConfig, BertForPreTraining

    from nlptool.training.bert import tokenizer as bert_tokenizers

    torch.manual_seed(0)
    pieces = vocabulary(kind)
    config = BertConfig(
        vocab_size=len(pieces), hidden_size=32, num_hidden_layers=layers, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=max_length, initializer_range=0.5, pad_token_id=0,
    )  # fmt: skip
    network = BertForPreTraining(config).eval()
    change(network)
    folder.mkdir(parents=True)
    network.save_pretrained(str(folder))
    words = bert_tokenizers.words(kind, lowercase=kind == "wordpiece")
    bert_tokenizers.BertTokenizer(words, pieces).save(folder, max_length)
    return folder
