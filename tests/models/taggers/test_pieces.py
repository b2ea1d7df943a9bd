"""Words as the pieces of a network, in windows; the most probable tags that keep to a scheme."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import masked_models
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlptool.errors import RunError
from nlptool.models.japanese import bert_words
from nlptool.models.runtime import transformers_loading
from nlptool.models.taggers.decoding import best_tags
from nlptool.models.taggers.pieces import WordPieces
from nlptool.models.taggers.transitions import Transitions, transitions
from nlptool.text.spans import Place

SENTENCE = "The cat, a plane and U.N. officials sing."
WORDS = ("The", "cat", ",", "a", "plane", "and", "U.N.", "officials", "sing", ".")


def places(text: str, words: tuple[str, ...]) -> list[Place]:
    found, end = [], 0
    for word in words:
        start = text.index(word, end)
        end = start + len(word)
        found.append((start, end))
    return found


def pieces_of(folder: Path, **more: Any) -> tuple[WordPieces, Any]:
    with transformers_loading.silenced():
        tokenizer, own = transformers_loading.tokenizers(folder)
    about = {"max_length": 64, "unknown_id": own.unk_token_id, "words": bert_words.settings(folder)}
    return WordPieces(tokenizer, about, **more), own


@pytest.mark.parametrize("kind", ["bert", "roberta", "xlm-roberta", "albert", "distilbert", "modernbert"])
def test_a_sentence_of_words_is_read_as_transformers_reads_it(kind: str, tmp_path: Path) -> None:
    texts, own = pieces_of(masked_models.save(kind, tmp_path / kind))
    (window,) = texts.windows(SENTENCE, places(SENTENCE, WORDS))
    assert window.first_word == 0
    assert len(window.first_pieces) == len(WORDS)
    whole = own(SENTENCE)["input_ids"]
    assert (window.ids[0], window.ids[-1]) == (whole[0], whole[-1])
    if kind in ("bert", "distilbert"):  # no sign of a blank: what transformers makes of given words is the same
        assert window.ids == own(list(WORDS), is_split_into_words=True)["input_ids"]
    assert own.decode(window.ids[1:-1]).replace(" ", "") == own.decode(whole[1:-1]).replace(" ", "")


def test_words_of_a_japanese_bert_are_normalized_and_not_split_by_mecab(tmp_path: Path) -> None:
    texts, own = pieces_of(masked_models.save("bert-japanese", tmp_path / "base"))
    text = "女はＡＢと云った。"
    words = places(text, ("女", "は", "ＡＢ", "と", "云った", "。"))
    (window,) = texts.windows(text, words)
    assert len(window.first_pieces) == 6
    tokens = own.convert_ids_to_tokens(window.ids)
    assert (tokens[0], tokens[1], tokens[-1]) == ("[CLS]", "女", "[SEP]")
    assert texts.pieces(text, words)[2] == texts.pieces("AB", [(0, 2)])[0]


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30), min_size=1, max_size=60),
    st.floats(0, 0.45),
)
@settings(deadline=None, max_examples=60)
def test_windows_hold_all_words_in_order(english: WordPieces, words: list[str], overlap: float) -> None:
    text, where = "", []
    for word in words:
        text += " "
        where.append((len(text), len(text) + len(word)))
        text += word
    pieces = english.pieces(text, where)
    assert all(pieces)
    windows = english.windows(text, where, overlap=overlap)
    held: list[int] = []
    for window in windows:
        assert len(window.ids) <= english.max_length
        numbers = range(window.first_word, window.first_word + len(window.first_pieces))
        for place, number in zip(window.first_pieces, numbers, strict=True):
            assert window.ids[place : place + len(pieces[number])] == pieces[number]
        held += numbers
    assert sorted({*held}) == list(range(len(words)))
    assert [window.first_word for window in windows] == sorted({window.first_word for window in windows})
    if not overlap:
        assert held == list(range(len(words)))


@pytest.fixture(scope="module")
def english(tmp_path_factory: pytest.TempPathFactory) -> WordPieces:
    return pieces_of(masked_models.save("bert", tmp_path_factory.mktemp("bert")), max_length=16)[0]


def test_windows_overlap(english: WordPieces) -> None:
    text = "a " * 100
    where = [(2 * number, 2 * number + 1) for number in range(100)]
    windows = english.windows(text, where, overlap=0.25)
    assert windows[1].first_word == len(windows[0].first_pieces) - 3  # 14 pieces beside [CLS] and [SEP]
    assert english.windows("", []) == []


def test_no_room_for_words_is_said(tmp_path: Path) -> None:
    folder = masked_models.save("bert", tmp_path / "bert")
    with pytest.raises(RunError, match="--max-length 4 leaves no room"):
        pieces_of(folder, max_length=4)


TAGS = ("O", "B-A", "I-A", "B-B", "I-B")


@given(st.integers(1, 4), st.integers(0, 10_000), st.sampled_from(["iob2", "iob1", "bioes", "plain"]))
@settings(max_examples=80)
def test_the_best_tags_are_those_of_trying_all(n_words: int, seed: int, scheme: str) -> None:
    tags = ("O", "B-A", "I-A", "E-A", "S-A") if scheme == "bioes" else TAGS
    allowed = transitions(tags, scheme)
    scores = np.random.default_rng(seed).normal(size=(n_words, len(tags))).astype(np.float32)
    sequences = [
        numbers for numbers in itertools.product(range(len(tags)), repeat=n_words)
        if allowed.first[numbers[0]] and allowed.last[numbers[-1]]
        and all(allowed.pairs[before, here] for before, here in itertools.pairwise(numbers))
    ]  # fmt: skip
    best = max(sequences, key=lambda numbers: sum(float(scores[word, tag]) for word, tag in enumerate(numbers)))
    assert best_tags(scores, allowed).tolist() == list(best)


def test_without_an_allowed_sequence_the_most_probable_tags_are_taken() -> None:
    nothing = Transitions(np.ones(2, bool), np.zeros((2, 2), bool), np.ones(2, bool))
    assert best_tags(np.array([[0.1, 0.9], [0.8, 0.2]], np.float32), nothing).tolist() == [1, 0]
    assert best_tags(np.zeros((0, 2), np.float32), nothing).tolist() == []
