"""Modified Kneser-Ney smoothing against a slow direct implementation, NLTK's, and figures worked out by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from direct_kneser_ney import Direct
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.lm import KneserNeyInterpolated
from nltk.util import everygrams

from nlptool.errors import RunError
from nlptool.models.language.kneser_ney import NgramModel
from nlptool.training.language import discounts, kneser_ney, ngram_counts

BEGIN, END = 0, 1
Documents = list[list[int]]

documents_of_few_words = st.lists(st.lists(st.integers(2, 5), max_size=12), min_size=1, max_size=8)


def model(documents: Documents, n_words: int, order: int, **options: object) -> NgramModel:
    arrays = (np.array(document, np.int32) for document in documents)
    return kneser_ney.estimate(arrays, n_words, begin=BEGIN, end=END, order=order, **options)  # type: ignore[arg-type]


def corpus(n_words: int, n_documents: int, seed: int, longest: int = 30) -> Documents:
    """Documents in which a word depends on the one before, with a few frequent and many rare words."""
    rng = np.random.default_rng(seed)
    documents = []
    for length in rng.integers(0, longest, n_documents):
        ranks = rng.zipf(1.3, length)
        documents.append(((np.roll(ranks, 1) % 3 + ranks) % (n_words - 2) + 2).tolist())
    return documents


def contexts_of(documents: Documents, order: int) -> list[tuple[int, ...]]:
    """All contexts of a corpus, at the beginning of documents too."""
    sequences = [(BEGIN, *document) for document in documents]
    return sorted({s[max(0, i - order + 1) : i] for s in sequences for i in range(len(s) + 1)})


@settings(max_examples=60, deadline=None)
@given(documents_of_few_words, st.integers(1, 5), st.lists(st.integers(2, 7), max_size=5))
def test_it_is_what_the_formulas_say(documents: Documents, order: int, unseen: list[int]) -> None:
    found, direct = model(documents, 8, order), Direct(documents, 8, order)
    assert found.discounts == pytest.approx(np.array(direct.discounts), rel=1e-12)
    for context in (*contexts_of(documents, order), (), tuple(unseen), (BEGIN, *unseen)):
        distribution = found.distribution(context)
        assert distribution == pytest.approx([direct.probability(word, context) for word in range(8)], rel=1e-6, abs=0)
        assert distribution.sum() == pytest.approx(1, abs=1e-6)
        assert (distribution > 0).tolist() == [word != BEGIN for word in range(8)]


@pytest.mark.parametrize(("order", "n_documents"), [(1, 120), (2, 120), (3, 120), (4, 900), (5, 900)])
def test_it_is_what_the_formulas_say_of_a_corpus_whose_discounts_can_be_estimated(order: int, n_documents: int) -> None:
    documents = corpus(150, n_documents, order)
    found, direct = model(documents, 150, order), Direct(documents, 150, order)
    assert found.discounts == pytest.approx(np.array(direct.discounts), rel=1e-12)
    assert not (found.discounts[-1] == discounts.FALLBACK).any()
    tokens = np.array([BEGIN, *documents[5], END])
    expected = [direct.probability(word, tokens[:i].tolist()) for i, word in enumerate(tokens.tolist())]
    assert np.exp(found.score(tokens))[1:] == pytest.approx(expected[1:], rel=1e-6)


@settings(max_examples=40, deadline=None)
@given(documents_of_few_words, st.integers(2, 4), st.lists(st.integers(0, 2), min_size=3, max_size=3))
def test_without_rare_ngrams_the_probabilities_still_sum_to_1(
    documents: Documents, order: int, more: list[int]
) -> None:
    least = [1, *(1 + int(step) for step in np.cumsum(more))][:order]
    found, direct = model(documents, 8, order, min_counts=least), Direct(documents, 8, order, least=least)
    kept = [
        len([g for g, n in direct.occurrences.items() if len(g) == k and n >= least[k - 1]])
        for k in range(2, order + 1)
    ]
    assert list(found.n_ngrams[1:]) == kept
    for context in contexts_of(documents, order):
        distribution = found.distribution(context)
        assert distribution == pytest.approx([direct.probability(word, context) for word in range(8)], rel=1e-6, abs=0)
        assert distribution.sum() == pytest.approx(1, abs=1e-6)


def test_the_last_minimum_is_that_of_all_further_orders() -> None:
    documents = corpus(30, 30, 0)
    short, long = (model(documents, 30, 4, min_counts=least) for least in ((1, 2), (1, 2, 2, 2)))
    assert short.n_ngrams == long.n_ngrams
    assert short.n_ngrams[1] < model(documents, 30, 4).n_ngrams[1]


def test_below_the_highest_order_a_word_counts_once_for_each_word_before_it() -> None:
    """San Francisco: one word stands four times, always behind the same one; another stands twice, behind different ones."""
    san, francisco, a, b, dog = range(2, 7)
    documents = [[san, francisco]] * 4 + [[a, dog], [b, dog]]
    found = model(documents, 7, 2, discounts=[(0, 0, 0), (0.5, 0.5, 0.5)])
    unigrams = found.distribution([])
    # Different pairs: <s> san, <s> a, <s> b, san francisco, a dog, b dog, francisco </s>, dog </s>.
    assert unigrams.tolist() == pytest.approx([0, 2 / 8, 1 / 8, 1 / 8, 1 / 8, 1 / 8, 2 / 8])
    assert found.distribution([san])[[francisco, dog]] == pytest.approx([3.5 / 4 + 0.5 / 4 / 8, 0.5 / 4 * 2 / 8])
    # At the beginning there is no other word before, and the pairs are counted as often as they occur.
    assert found.distribution([BEGIN])[san] == pytest.approx(3.5 / 6 + 1.5 / 6 / 8)
    highest = model(documents, 7, 1, discounts=[(0, 0, 0)]).distribution([])
    assert highest[[francisco, dog]] == pytest.approx([4 / 18, 2 / 18])


def test_ngrams_at_the_beginning_count_as_often_as_they_occur() -> None:
    documents = [[2, 3], [2, 3], [2, 4]]
    found = model(documents, 5, 3, discounts=[(0, 0, 0), (0.1, 0.1, 0.1), (0.2, 0.2, 0.2)])
    # <s> 2 3 twice and <s> 2 4 once; below, 2 3 and 2 4 stand behind <s> alone, once each.
    below = 0.9 / 2 + 0.2 / 2 * found.distribution([])[3]
    assert found.distribution([2])[3] == pytest.approx(below)
    assert found.distribution([BEGIN, 2])[3] == pytest.approx(1.8 / 3 + 0.4 / 3 * below)
    assert found.distribution([BEGIN])[2] == pytest.approx(2.9 / 3 + 0.1 / 3 * found.distribution([])[2])


@pytest.mark.parametrize("order", [2, 3])
def test_with_one_discount_it_is_that_of_nltk(order: int) -> None:
    documents = corpus(9, 25, 6, longest=12)
    names = ["<s>", "</s>", *map(str, range(2, 9))]
    sequences = [[names[token] for token in (BEGIN, *document, END)] for document in documents]
    peer = KneserNeyInterpolated(order, discount=0.3)  # with one marker before a document, as here
    peer.fit([everygrams(sequence, max_len=order) for sequence in sequences], names)
    found = model(documents, 9, order, discounts=[(0, 0, 0), *[(0.3, 0.3, 0.3)] * (order - 1)])
    n_compared = 0
    for context in contexts_of(documents, order):
        if context == (BEGIN,) and order > 2:
            continue  # NLTK asks here too how many words stand before: none
        expected = [peer.score(name, [names[token] for token in context]) for name in names[1:]]
        assert found.distribution(context)[1:] == pytest.approx(expected, rel=1e-6)
        n_compared += 1
    assert n_compared >= 8


def test_discounts_are_those_of_equation_26() -> None:
    counts = np.repeat(np.array([0, 1, 2, 3, 4, 9], np.uint32), [7, 10, 5, 3, 2, 4])
    assert discounts.estimate(counts) == pytest.approx((0.5, 2 - 3 * 0.5 * 3 / 5, 3 - 4 * 0.5 * 2 / 3))
    assert discounts.of_counts(np.array([0, 1, 2, 3, 77], np.uint32), (0.5, 1.1, 1.6)).tolist() == [
        0,
        0.5,
        1.1,
        1.6,
        1.6,
    ]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([], (0.5, 1, 1.5)),
        ([1, 1, 1], (0.5, 1, 1.5)),
        ([2, 3, 4], (0.5, 1, 1.5)),
        ([1, 1, 2], (0.5, 1, 1.5)),  # D1 alone
        ([1, 2, *[3] * 9], (1 / 3, 1, 1.5)),  # D2 = 2 - 3 * 9 / 3 is below 0
        ([1, 1, 1, 1, 2, 2, 3], (0.5, 2 - 1.5 / 2, 1.5)),
    ],
)
def test_discounts_that_cannot_be_estimated(counts: list[int], expected: tuple[float, float, float]) -> None:
    assert discounts.estimate(np.array(counts, np.uint32)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("documents", "order"),
    [([[2]], 3), ([[]], 1), ([[]], 20), ([[2, 3, 2, 3, 2]], 20), ([[2] * 50], 7), ([list(range(2, 40))] * 3, 20)],
)
def test_small_corpora_of_high_orders(documents: Documents, order: int) -> None:
    found = model(documents, 40, order)
    assert found.order == order
    tokens = np.array([BEGIN, *documents[0], END])
    for end in range(len(tokens) + 1):
        assert found.distribution(tokens[:end]).sum() == pytest.approx(1, abs=1e-6)
    assert np.isfinite(found.score(tokens)).all()
    longest = max(map(len, documents)) + 2
    assert all(n == 0 for n in found.n_ngrams[longest:])


def test_many_words_and_a_text_that_repeats() -> None:
    many = np.arange(2, 100_002)
    found = model([many.tolist()], 100_002, 4)
    assert found.n_ngrams == (100_002, 100_001, 100_000, 99_999)
    assert found.distribution([99, 100, 101]).argmax() == 102
    assert found.distribution([99, 5, 100]).sum() == pytest.approx(1, abs=1e-6)


def test_documents_come_in_any_order_and_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    documents = corpus(12, 23, 9)
    whole = model(documents, 12, 3)
    monkeypatch.setattr(ngram_counts, "_WAITING", 4)
    parts = model(documents[::-1], 12, 3)
    for one, other in zip(whole.levels, parts.levels, strict=True):
        assert one.words.tolist() == other.words.tolist()
        assert one.probabilities.tolist() == other.probabilities.tolist()
        assert one.backoffs.tolist() == other.backoffs.tolist()


def test_no_ngram_reaches_from_one_document_into_the_next() -> None:
    together, apart = model([[2, 3, 4, 5]], 6, 2), model([[2, 3], [4, 5]], 6, 2)
    assert together.levels[1].index(3, 4) >= 0
    assert apart.levels[1].index(3, 4) == -1
    pairs = [(a, b) for a, b in itertools.product(range(6), repeat=2) if apart.levels[1].index(a, b) >= 0]
    assert pairs == [(0, 2), (0, 4), (2, 3), (3, 1), (4, 5), (5, 1)]


def test_the_orders_that_have_been_counted_are_reported() -> None:
    told: list[int] = []
    model([[2, 3]], 4, 5, report=told.append)
    assert told == [1, 2, 3, 4, 5]


def test_what_is_no_corpus_is_refused() -> None:
    with pytest.raises(RunError, match="no document"):
        model([], 4, 2)
    with pytest.raises(ValueError, match="no token from 0 to 3"):
        model([[2, 4]], 4, 2)
    with pytest.raises(ValueError, match="no token from 0 to 3"):
        model([[2], [-1]], 4, 2)
    with pytest.raises(ValueError, match="stands before documents"):
        model([[2, BEGIN, 3]], 4, 2)


@pytest.mark.parametrize(
    "options",
    [
        {"order": 0},
        {"min_counts": (2,)},
        {"min_counts": (1, 3, 2)},
        {"discounts": [(0.5, 1, 1.5)]},
        {"discounts": [(0.5, 1, 1.5), (1.5, 1, 1.5), (0.5, 1, 1.5)]},
    ],
)
def test_arguments_outside_their_range_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"at least 1|do not fall|three discounts"):
        model([[2, 3]], 4, **{"order": 3, **options})  # type: ignore[arg-type]
