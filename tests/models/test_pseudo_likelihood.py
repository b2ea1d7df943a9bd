"""Pseudo-log-likelihoods against slow loops: by hand on letters, and with transformers on random BERTs of real architectures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from letter_model import CLS, MASK, NUMBERS, PIECES, SEP, LetterModel, by_chance
from numpy.typing import NDArray
from random_berts import JAPANESE, KINDS, SENTENCES, saved
from scipy.special import log_softmax

from nlptool.models.masked import loading as masked_loading
from nlptool.models.masked import model as masked_model
from nlptool.models.masked.pseudo_likelihood import likelihoods, perplexity
from nlptool.specs import MaskedModelSpec


def by_hand(words: Sequence[str], place: int, *, also: Sequence[int] = ()) -> float:
    """ln p of the piece at ``place``, with those at ``also`` masked too."""
    ids = [NUMBERS[word] for word in words]
    shown = [MASK if i == place or i in also else id for i, id in enumerate(ids)]
    return float(log_softmax(by_chance([CLS, *shown, SEP], place + 1).astype(np.float64))[ids[place]])


def test_each_piece_is_masked_in_turn_and_its_log_probabilities_are_added_up() -> None:
    (found,) = likelihoods(LetterModel(), ["cat a"])
    pieces = ["c", "##a", "##t", "a"]
    expected = [by_hand(pieces, place) for place in range(4)]
    assert found.log_probabilities == pytest.approx(expected, abs=1e-5)
    assert found.log_probabilities.dtype == np.float32
    assert found.total == pytest.approx(sum(expected), abs=1e-5)
    assert found.perplexity == pytest.approx(math.exp(-sum(expected) / 4), rel=1e-5)
    assert [PIECES[id] for id in found.ids] == pieces
    assert (found.n_pieces, found.n_unknown, found.window) == (4, 0, None)


def test_within_a_word_the_pieces_to_the_right_are_masked_too() -> None:
    (found,) = likelihoods(LetterModel(), ["cat ab"], within_word=True)
    pieces = ["c", "##a", "##t", "a", "##b"]
    masked_too = [
        [1, 2],
        [2],
        [],
        [4],
        [],
    ]  # by hand from the paper's figure: the target, and what is right of it in its word
    expected = [by_hand(pieces, place, also=also) for place, also in enumerate(masked_too)]
    assert found.log_probabilities == pytest.approx(expected, abs=1e-5)


def test_words_of_one_piece_score_the_same_either_way() -> None:
    plain, corrected = (likelihoods(LetterModel(), ["a b c"], within_word=each)[0] for each in (False, True))
    assert np.array_equal(plain.log_probabilities, corrected.log_probabilities)
    plain, corrected = (likelihoods(LetterModel(), ["abc"], within_word=each)[0] for each in (False, True))
    assert not np.array_equal(plain.log_probabilities, corrected.log_probabilities)


def test_many_texts_score_as_each_alone_and_in_order() -> None:
    texts = ["zebra", "a", "", "the cat sat on the mat", "zebra", "b c"]
    together = likelihoods(LetterModel(), texts)
    for text, found in zip(texts, together, strict=True):
        (alone,) = likelihoods(LetterModel(), [text])
        assert found.ids == alone.ids
        assert np.array_equal(found.log_probabilities, alone.log_probabilities)


def test_an_unknown_piece_is_scored_and_counted() -> None:
    (found,) = likelihoods(LetterModel(), ["a CAT b"])
    assert found.n_unknown == 1
    assert found.n_pieces == 3
    assert found.log_probabilities == pytest.approx(
        [by_hand(["a", "[UNK]", "b"], place) for place in range(3)], abs=1e-5
    )


def test_special_tokens_of_a_text_are_read_and_not_scored() -> None:
    (found,) = likelihoods(LetterModel(), ["a [MASK] b [SEP]"])
    pieces = ["a", "[MASK]", "b", "[SEP]"]
    assert found.scored.tolist() == [True, False, True, False]
    assert found.log_probabilities[[0, 2]] == pytest.approx([by_hand(pieces, 0), by_hand(pieces, 2)], abs=1e-5)
    assert np.isnan(found.log_probabilities[[1, 3]]).all()
    assert found.total == pytest.approx(by_hand(pieces, 0) + by_hand(pieces, 2), abs=1e-5)


@pytest.mark.parametrize("text", ["", "   ", "[MASK]", "[SEP] [MASK]"])
def test_a_text_with_nothing_to_score_has_no_perplexity(text: str) -> None:
    model = LetterModel()
    (found,) = likelihoods(model, [text])
    assert found.n_pieces == 0
    assert math.isnan(found.perplexity)
    assert model.asked == []
    assert likelihoods(model, []) == []


def test_a_text_that_is_too_long_gives_every_piece_one_score_in_the_middle_of_a_window() -> None:
    text = " ".join("abcdefghijklmnopqrstuvwxyz"[i * 7 % 26] for i in range(40))
    model = LetterModel(max_length=12)  # room for 10
    (found,) = likelihoods(model, [text])
    assert found.window == 10
    assert found.n_pieces == 40
    ids = found.ids
    assert len(model.asked) == 40
    for place in range(40):
        start = min(max(0, place - 5), 30)
        shown = [CLS, *ids[start : start + 10], SEP]
        shown[place - start + 1] = MASK
        expected = log_softmax(by_chance(shown, place - start + 1).astype(np.float64))[ids[place]]
        assert found.log_probabilities[place] == pytest.approx(float(expected), abs=1e-5)


@pytest.mark.parametrize(("n_letters", "window"), [(10, None), (11, 10)])
def test_a_window_is_used_from_the_first_piece_too_many(n_letters: int, window: int | None) -> None:
    (found,) = likelihoods(LetterModel(max_length=12), [" ".join("a" * n_letters)])
    assert found.window == window


@pytest.mark.parametrize("n_letters", [1, 10, 11, 40])
def test_a_truncated_text_has_the_scores_of_its_beginning(n_letters: int) -> None:
    letters = ["abcdefghijklmnopqrstuvwxyz"[i * 7 % 26] for i in range(n_letters)]
    model = LetterModel(max_length=12)  # room for 10
    reports: list[tuple[int, int]] = []
    cut, short = likelihoods(
        model, [" ".join(letters), "a CAT"], truncate=True, report=lambda done, total: reports.append((done, total))
    )
    (beginning,) = likelihoods(LetterModel(max_length=12), [" ".join(letters[:10])])
    assert cut.ids == beginning.ids
    assert cut.log_probabilities.tolist() == beginning.log_probabilities.tolist()
    assert (cut.truncated, cut.window, short.truncated) == (n_letters > 10, None, False)
    assert (cut.n_unknown, short.n_unknown) == (0, 1)
    n_rows = min(n_letters, 10) + 2
    assert len(model.asked) == n_rows
    assert reports == [(done, n_rows) for done in range(n_rows)]


def test_unknown_pieces_behind_the_end_are_not_counted() -> None:
    (found,) = likelihoods(LetterModel(max_length=12), ["a " * 9 + "CAT CAT CAT"], truncate=True)
    assert (found.n_pieces, found.n_unknown) == (10, 1)


def test_a_word_longer_than_the_window_is_masked_to_the_windows_end() -> None:
    model = LetterModel(max_length=8)  # room for 6
    (found,) = likelihoods(model, ["abcdefghij"], within_word=True)
    assert found.n_pieces == 10
    first = next(row for row in model.asked if row.positions == [1])
    assert first.ids == [CLS, *[MASK] * 6, SEP]
    last = next(row for row in model.asked if row.positions == [6])
    assert last.ids == [CLS, *found.ids[4:9], MASK, SEP]


def test_rows_are_made_as_they_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a text is, no more than a bounded number of tokens is in memory as rows."""
    monkeypatch.setattr(masked_model, "_TOGETHER", 100)
    model = LetterModel(max_length=12)
    texts = ["ab cd", " ".join("a" * 300), "cat"]
    found = likelihoods(model, texts)
    assert model.most_tokens < 100 + 12
    assert len(model.asked) == 4 + 300 + 3
    for text, each in zip(texts, found, strict=True):
        (alone,) = likelihoods(LetterModel(max_length=12), [text])
        assert np.array_equal(each.log_probabilities, alone.log_probabilities)


def test_a_perplexity_beyond_all_floats_is_infinite_and_a_certain_text_has_one() -> None:
    assert perplexity(-1e6, 1) == math.inf
    assert perplexity(0.0, 7) == 1.0
    assert perplexity(-7 * math.log(20), 7) == pytest.approx(20)


@pytest.fixture(scope="module", params=KINDS)
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, Path]:
    """A model of transformers, its tokenizer, and the folder that both are saved in."""
    folder = tmp_path_factory.mktemp("models") / "model"
    return *saved(request.param, folder), folder


def slowly(model: Any, tokenizer: Any, text: str, words: Sequence[int] | None = None) -> NDArray[np.float64]:
    """ln p of each piece, one row at a time; with ``words``, those to the right in the same word are masked too."""
    ids = tokenizer(text, return_tensors="pt")["input_ids"][0]
    values = []
    for place in range(1, len(ids) - 1):
        shown = ids.clone()
        shown[place] = tokenizer.mask_token_id
        if words is not None:
            for other in range(place + 1, len(ids) - 1):
                if words[other - 1] == words[place - 1]:
                    shown[other] = tokenizer.mask_token_id
        with torch.inference_mode():
            logits = model(input_ids=shown[None]).logits[0, place]
        values.append(torch.log_softmax(logits.double(), -1)[ids[place]].item())
    return np.array(values)


def _texts(tokenizer: Any) -> list[str]:
    return JAPANESE if "Japanese" in type(tokenizer).__name__ else SENTENCES


def test_scores_equal_a_slow_loop_with_transformers(both: tuple[Any, Any, Path]) -> None:
    model, tokenizer, folder = both
    ours = masked_loading.locate(MaskedModelSpec(str(folder), threads=1, offline=True)).open()
    texts = _texts(tokenizer)
    for text, found in zip(texts, likelihoods(ours, texts), strict=True):
        expected = slowly(model, tokenizer, text)
        assert found.ids == tokenizer(text)["input_ids"][1:-1]
        assert np.abs(found.log_probabilities - expected).max() < 1e-4
        assert found.total == pytest.approx(expected.sum(), abs=1e-3)
        assert found.perplexity == pytest.approx(np.exp(-expected.mean()), rel=1e-4)


def test_within_word_equals_a_slow_loop_written_from_the_paper(both: tuple[Any, Any, Path]) -> None:
    model, tokenizer, folder = both
    ours = masked_loading.locate(MaskedModelSpec(str(folder), threads=1, offline=True)).open()
    texts = _texts(tokenizer)
    n_different = 0
    for text, found in zip(texts, likelihoods(ours, texts, within_word=True), strict=True):
        if "Japanese" in type(tokenizer).__name__:
            cut = tokenizer.word_tokenizer.tokenize(text)
            words = [n for n, word in enumerate(cut) for _ in tokenizer.subword_tokenizer.tokenize(word)]
        else:
            words = tokenizer(text).word_ids()[1:-1]
        expected = slowly(model, tokenizer, text, words)
        assert np.abs(found.log_probabilities - expected).max() < 1e-4
        n_different += int(np.abs(expected - slowly(model, tokenizer, text)).max() > 0.1)
    assert n_different >= 3


def test_a_line_longer_than_a_real_model_takes_gives_every_piece_one_score(both: tuple[Any, Any, Path]) -> None:
    model, tokenizer, folder = both
    ours = masked_loading.locate(MaskedModelSpec(str(folder), threads=1, max_length=16, offline=True)).open()
    text = " ".join(_texts(tokenizer))
    (found,) = likelihoods(ours, [text])
    ids = tokenizer(text)["input_ids"]
    assert found.ids == ids[1:-1]
    assert found.window == 14
    assert np.isfinite(found.log_probabilities).all()
    place = len(found.ids) // 2
    shown = [ids[0], *found.ids[place - 7 : place + 7], ids[-1]]
    shown[8] = tokenizer.mask_token_id
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([shown])).logits[0, 8].double()
    assert found.log_probabilities[place] == pytest.approx(
        torch.log_softmax(logits, -1)[found.ids[place]].item(), abs=1e-4
    )
