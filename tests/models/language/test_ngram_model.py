"""The scores and distributions of n-gram models, and their file, whole and damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nlptool.errors import ModelError
from nlptool.models.language import ngram_file, ngram_trie
from nlptool.models.language.kneser_ney import NgramModel
from nlptool.models.language.ngram_trie import Level
from nlptool.storage import safetensors
from nlptool.training.language import kneser_ney

BEGIN, END, N_WORDS = 0, 1, 12

sequences = st.lists(st.integers(1, N_WORDS - 1), max_size=15)


@pytest.fixture(scope="module")
def model() -> NgramModel:
    rng = np.random.default_rng(3)
    documents = [rng.integers(2, N_WORDS - 2, length) // rng.integers(1, 3) + 1 for length in rng.integers(1, 20, 30)]
    return kneser_ney.estimate(documents, N_WORDS, begin=BEGIN, end=END, order=4)


def level(words: list[int], first: list[int], probabilities: list[float], backoffs: list[float]) -> Level:
    return Level(
        np.array(words, np.uint32),
        np.array(first, np.uint32),
        np.array(probabilities, np.float32),
        np.array(backoffs, np.float32),
    )


def by_hand() -> NgramModel:
    """Begin, end and two words; the pairs 0 2, 2 3 and 3 1 were seen, and the triple 0 2 3."""
    return NgramModel(
        [
            level([0, 1, 2, 3], [0, 4], [0, 0.25, 0.5, 0.25], [0.5, 1, 0.25, 0.125]),
            level([2, 3, 1], [0, 1, 1, 2, 3], [0.75, 0.625, 0.5], [0.5, 1, 1]),
            level([3], [0, 1, 1, 1], [0.875], []),
        ],
        BEGIN,
        END,
    )


def test_scores_back_off_as_katz_says() -> None:
    tokens = np.array([0, 2, 3, 1, 0, 2, 2, 3, 3])
    seen = [1, 0.75, 0.875, 0.5, 1, 0.75]
    backed_off = [0.5 * 0.25 * 0.5, 0.625, 0.125 * 0.25]  # 0 2 | 2 and 2 | 2; 2 | 3; 3 | 3
    scores = by_hand().score(tokens)
    assert np.exp(scores) == pytest.approx([*seen, *backed_off], rel=1e-12)
    assert scores.dtype == np.float64
    assert by_hand().score(np.array([2, 3])) == pytest.approx(np.log([0.5, 0.625]))  # a piece from somewhere
    assert by_hand().score(np.array([], np.int64)).shape == (0,)


def test_distributions_back_off_as_katz_says() -> None:
    model = by_hand()
    assert model.distribution([0, 2]).tolist() == [0, 0.03125, 0.0625, 0.875]
    assert model.distribution([3, 1, 0, 2]).tolist() == [0, 0.03125, 0.0625, 0.875]
    assert model.distribution([3, 2]).tolist() == [0, 0.0625, 0.125, 0.625]
    assert model.distribution([]).tolist() == [0, 0.25, 0.5, 0.25]
    assert (model.order, model.n_words, model.n_ngrams) == (3, 4, (4, 3, 1))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(sequences)
def test_scores_are_the_logarithms_of_distributions(model: NgramModel, sequence: list[int]) -> None:
    for tokens in (sequence, [BEGIN, *sequence]):
        expected = [np.log(model.distribution(tokens[:i])[token]) if token else 0 for i, token in enumerate(tokens)]
        assert model.score(np.array(tokens, np.int64)) == pytest.approx(expected, rel=1e-12)
    assert model.distribution(sequence).sum() == pytest.approx(1, abs=1e-6)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(sequences, max_size=6), st.booleans())
def test_the_score_of_a_sequence_does_not_depend_on_its_neighbours(
    model: NgramModel, several: list[list[int]], with_begin: bool
) -> None:
    rows = [np.array([BEGIN, *row] if with_begin else row, np.int64) for row in several]
    flat = np.concatenate([*rows, np.zeros(0, np.int64)])
    expected = [score for row in rows for score in model.score(row).tolist()]
    assert model.score(flat, np.array(list(map(len, rows)), np.int64)).tolist() == expected
    if with_begin:
        assert model.score(flat).tolist() == expected


def test_what_is_no_token_is_refused(model: NgramModel) -> None:
    for wrong in ([N_WORDS], [-1], [[1]]):
        with pytest.raises(ValueError, match="from 0 to 11"):
            model.score(np.array(wrong))
        with pytest.raises(ValueError, match="from 0 to 11"):
            model.distribution(wrong)
    for lengths in ([2], [1, 1, 1, 1], [4, -1], []):
        with pytest.raises(ValueError, match="do not add up"):
            model.score(np.array([1, 2, 3]), np.array(lengths, np.int64))


def test_many_ngrams_are_found_as_one_is(model: NgramModel) -> None:
    for above, below in zip(model.levels, model.levels[1:], strict=False):
        parents, words = (axis.ravel() for axis in np.mgrid[: len(above), :N_WORDS])
        one_by_one = [below.index(parent, word) for parent, word in zip(parents.tolist(), words.tolist(), strict=True)]
        assert below.find(parents, words).tolist() == one_by_one
        assert sorted(index for index in one_by_one if index >= 0) == list(range(len(below)))
        assert ngram_trie.parents(below.first).tolist() == [
            parent for parent, index in zip(parents.tolist(), one_by_one, strict=True) if index >= 0
        ]


def test_a_file_holds_the_model(model: NgramModel, tmp_path: Path) -> None:
    for number, saved in enumerate(
        (model, by_hand(), kneser_ney.estimate([np.array([2])], 3, begin=1, end=0, order=9))
    ):
        path = tmp_path / str(number)
        ngram_file.save(path, saved)
        found = ngram_file.load(path, n_words=saved.n_words)
        assert (found.order, found.n_ngrams, found.begin, found.end) == (
            saved.order,
            saved.n_ngrams,
            saved.begin,
            saved.end,
        )
        tokens = np.array([saved.begin, 2, 2, saved.end, 2])
        assert found.score(tokens).tolist() == saved.score(tokens).tolist()
        assert (found.discounts is None) == (saved.discounts is None)
    found = ngram_file.load(tmp_path / "0")
    assert found.discounts == pytest.approx(model.discounts, rel=1e-6)
    n_bytes = 12 * N_WORDS + 16 * sum(model.n_ngrams[1:-1]) + 8 * model.n_ngrams[-1]
    assert n_bytes < (tmp_path / "0").stat().st_size < n_bytes + 2000  # its header


def test_a_file_of_another_vocabulary(tmp_path: Path) -> None:
    ngram_file.save(tmp_path / "model", by_hand())
    with pytest.raises(ModelError, match="probabilities of 4 tokens, and the vocabulary has 5: it is another one"):
        ngram_file.load(tmp_path / "model", n_words=5)
    with pytest.raises(ModelError, match="cannot be read"):
        ngram_file.load(tmp_path / "absent")


def changed(name: str, *values: float) -> Callable[[dict[str, NDArray[Any]]], None]:
    """A tensor with other values; without values, the tensor is absent."""

    def change(arrays: dict[str, NDArray[Any]]) -> None:
        old = arrays.pop(name)
        if values:
            arrays[name] = np.array(values, old.dtype)

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (changed("markers"), "it has no tensor markers"),
        (changed("markers", 0), "markers are no two tokens"),
        (changed("markers", 0, 4), "markers are no two tokens"),
        (changed("markers", 1, 1), "markers are no two tokens"),
        (changed("markers", 2, 1), "predicts the beginning"),
        (changed("2.words"), "no tensor 2.words"),
        (changed("2.words", 2, 3, 4), "2-grams have words that the vocabulary lacks"),
        (changed("2.words", 2, 3), "arrays of order 2 have different lengths"),
        (changed("2.first", 0, 1, 1, 2), "arrays of order 2 have different lengths"),
        (changed("2.first", 0, 2, 1, 2, 3), "2-grams do not follow their first words"),
        (changed("2.first", 0, 1, 1, 2, 2), "2-grams do not follow their first words"),
        (changed("2.first", 0, 1, 1, 1, 3), "2-grams are not sorted"),
        (changed("2.backoffs"), "no tensor 2.backoffs"),
        (changed("2.backoffs", 1, -1, 1), "a probability of its 2-grams is none"),
        (changed("2.backoffs", 1, 1), "arrays of order 2 have different lengths"),
        (changed("3.probabilities", 1.5), "a probability of its 3-grams is none"),
        (changed("1.probabilities", 0, np.nan, 1, 1), "a probability of its 1-grams is none"),
        (changed("1.probabilities"), "arrays of order 2|no tensor|no row"),
        (lambda arrays: arrays.clear(), "it holds no n-grams"),
        (lambda arrays: arrays.update({"2.words": np.zeros(3, np.int32)}), "2.words is no row of uint32"),
        (lambda arrays: arrays.update({"discounts": np.zeros((2, 3))}), "discounts are not three for each order"),
    ],
)
def test_a_damaged_file_is_refused(
    change: Callable[[dict[str, NDArray[Any]]], None], message: str, tmp_path: Path
) -> None:
    ngram_file.save(tmp_path / "model", by_hand())
    arrays = {name: array.copy() for name, array in safetensors.read_all(tmp_path / "model").items()}
    change(arrays)
    safetensors.write_arrays(tmp_path / "changed", arrays)
    with pytest.raises(ModelError, match=message):
        ngram_file.load(tmp_path / "changed")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_any_byte_may_be_wrong(tmp_path: Path, data: st.DataObject) -> None:
    ngram_file.save(tmp_path / "model", by_hand())
    content = bytearray((tmp_path / "model").read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "changed").write_bytes(content[: data.draw(st.sampled_from([len(content), len(content) // 2, 9]))])
    try:
        found = ngram_file.load(tmp_path / "changed")
    except ModelError:
        return
    assert np.isfinite(found.distribution([0, 2])).all()
