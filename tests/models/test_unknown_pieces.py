"""Pieces that stand for what a vocabulary lacks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

from nlptool.models.encoders.encoder import NO_KNOWN_PIECE
from nlptool.models.encoders.static import StaticEncoder
from nlptool.models.encoders.tokenizer import EncoderTokenizer
from nlptool.models.encoders.unknown import PieceCounter, unknown_id
from nlptool.specs import EncoderSpec

LETTERS = "abc"
BYTES = [f"<0x{value:02X}>" for value in range(256)]


def wordpiece() -> Tokenizer:
    made = Tokenizer(models.WordPiece({"[UNK]": 0, "a": 1, "b": 2, "##a": 3, "##b": 4}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return made


def unigram(*more: str, byte_fallback: bool = False) -> Tokenizer:
    """One piece a letter."""
    vocabulary = [(piece, -1.0) for piece in ("<s>", "<unk>", "▁", *LETTERS, *more)]
    made = Tokenizer(models.Unigram(vocabulary, unk_id=1, byte_fallback=byte_fallback))
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    return made


def byte_level() -> Tokenizer:
    alphabet = {letter: number for number, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    made = Tokenizer(models.BPE(alphabet, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    return made


def ids(tokenizer: Tokenizer, *texts: str) -> list[list[int]]:
    return [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]


def counts(tokenizer: Tokenizer, *texts: str) -> list[tuple[int, int, int]]:
    """The unknown pieces of each text, its characters in bytes, and the known pieces."""
    found = PieceCounter(tokenizer).count(ids(tokenizer, *texts))
    return list(zip(found.unknown.tolist(), found.in_bytes.tolist(), found.known.tolist(), strict=True))


def test_the_unknown_piece_is_found_in_every_kind_of_tokenizer() -> None:
    assert unknown_id(wordpiece()) == 0
    assert unknown_id(unigram()) == 1
    assert unknown_id(unigram(*BYTES, byte_fallback=True)) is None
    assert unknown_id(byte_level()) is None
    assert unknown_id(Tokenizer(models.WordLevel({"a": 0, "?": 1}, unk_token="?"))) == 1
    assert unknown_id(Tokenizer(models.Unigram([("a", -1.0)]))) is None  # fails at what it does not know
    stripped = unigram()
    stripped.normalizer = normalizers.Replace("\U0010fffd", "")
    assert unknown_id(stripped) is None  # of what it does not say and does not show nothing is known


def test_words_that_wordpiece_lacks_are_counted() -> None:
    assert counts(wordpiece(), "ab 🎉 猫", "", "a", "🎉") == [(2, 0, 1 + 1), (0, 0, 0), (0, 0, 1), (1, 0, 0)]


def test_a_blank_alone_is_no_known_piece() -> None:
    assert counts(unigram(), "🎉", "a", "a 🎉") == [(1, 0, 0), (0, 0, 1), (1, 0, 1)]


def test_a_character_in_bytes_counts_once() -> None:
    assert counts(unigram(*BYTES, byte_fallback=True), "🎉猫é", "abc", "%", "a\nb\tc\r\n") == [
        (0, 3, 4 + 3 + 2),
        (0, 0, 3),
        (0, 1, 1),
        (0, 0, 7),
    ]


def test_a_byte_level_vocabulary_lacks_nothing() -> None:
    assert counts(byte_level(), "🎉", "") == [(0, 0, 4), (0, 0, 0)]


@given(st.lists(st.lists(st.integers(0, 400), max_size=6)), st.data())
def test_runs_are_counted_as_lists_are(texts: list[list[int]], data: st.DataObject) -> None:
    counter = PieceCounter(unigram(*BYTES, byte_fallback=True))
    used = [data.draw(st.integers(0, len(text))) for text in texts]
    starts = np.cumsum([0, *map(len, texts)])[:-1]
    flat = np.asarray([piece for text in texts for piece in text], np.intp)
    runs = counter.count_runs(flat, starts, np.asarray(used, np.intp))
    alone = [counter.count([text[:n]]) for text, n in zip(texts, used, strict=True)]
    assert runs.unknown.tolist() == [one.unknown[0] for one in alone]
    assert runs.in_bytes.tolist() == [one.in_bytes[0] for one in alone]
    assert runs.known.tolist() == [one.known[0] for one in alone]


def encoder_tokenizer(tokenizer: Tokenizer, **more: Any) -> EncoderTokenizer:
    from tokenizers.processors import TemplateProcessing

    tokenizer.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return EncoderTokenizer(tokenizer, max_length=12, **more)


def unread(tokenizer: EncoderTokenizer, *texts: str) -> tuple[list[dict[str, int]], list[int]]:
    found, indices = tokenizer.count(texts, tokenizer.encode(texts))
    return found.said(), indices


def test_special_tokens_and_the_prompt_do_not_count() -> None:
    plain = encoder_tokenizer(unigram())
    assert unread(plain, "🎉", "a🎉", "a", "", "🎉🐍 🎉") == (
        [{"n_unknown": 1}, {"n_unknown": 1}, {}, {}, {"n_unknown": 2}], [0, 3, 4]
    )  # fmt: skip
    prompted = encoder_tokenizer(unigram(), prompt="ab❓ ")
    assert unread(prompted, "🎉", "a🎉", "a") == ([{"n_unknown": 1}, {"n_unknown": 1}, {}], [0])


def test_a_piece_that_begins_in_the_prompt_is_a_known_one() -> None:
    prompted = encoder_tokenizer(unigram("ca"), prompt="bc")  # "bc" + "a" is b and ca: as many pieces as the prompt
    assert len(prompted.encode(["a"])[0].pieces[0]) == len(prompted.encode([""])[0].pieces[0])
    assert unread(prompted, "a", "🎉", "") == ([{}, {"n_unknown": 1}, {}], [1, 2])


def test_every_chunk_has_a_prompt() -> None:
    chunked = encoder_tokenizer(unigram(), prompt="❓", chunk=True)
    long = "🎉 " * 40
    (tokenized,) = chunked.encode([long])
    assert len(tokenized.pieces) > 3
    assert unread(chunked, long, long + "a") == ([{"n_unknown": 40}, {"n_unknown": 40}], [0])


@pytest.mark.parametrize("limit", [None, 3])
def test_a_table_counts_the_pieces_that_it_uses(limit: int | None) -> None:
    table = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
    found = StaticEncoder(unigram(), table, EncoderSpec(max_length=limit)).encode(["🎉a", "abc🎉", "🎉", "", "abc"])
    assert found.counts == [{"n_unknown": 1}, {} if limit else {"n_unknown": 1}, {"n_unknown": 1}, {}, {}]
    assert found.no_vector == {2: NO_KNOWN_PIECE, 3: NO_KNOWN_PIECE}


def test_a_table_with_a_prompt_looks_at_the_text_alone() -> None:
    table = np.random.default_rng(0).standard_normal((7, 4)).astype(np.float32)
    found = StaticEncoder(unigram("ca"), table, EncoderSpec(), prompt="bc").encode(["a", "🎉", ""])
    assert (found.counts, set(found.no_vector)) == ([{}, {"n_unknown": 1}, {}], {1, 2})
