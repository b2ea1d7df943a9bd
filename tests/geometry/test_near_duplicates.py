"""Near-duplicates against a plain loop over all pairs, and MinHash against the sets that it estimates."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binom

from nlptool.geometry import minhash, near_duplicates
from nlptool.geometry.near_duplicates import Kept


def plainly(
    order: list[int], threshold: float, similarity: Callable[[int, int], float]
) -> tuple[list[int], list[float]]:
    """The item that is kept for each, and the similarity to it, by comparing each with all that are kept."""
    by, found = list(range(len(order))), [float("nan")] * len(order)
    kept: list[int] = []
    for item in order:
        most, nearest = max(((similarity(item, other), -place) for place, other in enumerate(kept)), default=(-9.0, 0))
        if most >= threshold:
            by[item], found[item] = kept[-nearest], most
        else:
            kept.append(item)
    return by, found


@pytest.mark.parametrize("n_items", [0, 1, 2, 700, 2500])
def test_vectors_are_kept_as_a_loop_over_all_pairs_keeps_them(n_items: int) -> None:
    numbers = np.random.default_rng(n_items)
    centers = numbers.normal(size=(max(1, n_items // 4), 16))
    rows = centers[numbers.integers(0, len(centers), n_items)] + 0.25 * numbers.normal(size=(n_items, 16))
    unit = (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)).astype(np.float32)
    cosines = unit @ unit.T
    order = numbers.permutation(n_items)
    found = near_duplicates.by_vectors(unit, order, 0.93)
    by, similarity = plainly(order.tolist(), 0.93, lambda item, other: float(cosines[item, other]))
    assert found.by.tolist() == by
    np.testing.assert_allclose(found.similarity, similarity, atol=1e-5)
    if n_items >= 700:
        assert 0.1 < (found.by != np.arange(n_items)).mean() < 0.95


def test_equal_vectors_are_all_kept_by_the_first_that_is_considered() -> None:
    rows = np.tile(np.float32([0.6, 0.8]), (3000, 1))
    order = np.arange(3000)[::-1].copy()
    found = near_duplicates.by_vectors(rows, order, 0.99)
    assert set(found.by.tolist()) == {2999}
    assert np.isnan(found.similarity[2999])
    np.testing.assert_allclose(np.delete(found.similarity, 2999), 1.0, atol=1e-6)


def ngrams(text: str, n: int) -> set[str]:
    """The n-grams of characters of a text; of a text that is shorter than n, the text itself."""
    return {text[start : start + n] for start in range(max(1, len(text) - n + 1))}


def jaccard(first: set[str], second: set[str]) -> float:
    return len(first & second) / len(first | second)


def texts_with_copies(n_texts: int, seed: int) -> list[str]:
    """Random texts, a third of which are copies with a few other letters."""
    draw = random.Random(seed)
    texts = ["".join(draw.choices("abcdefgh あいう", k=draw.randint(0, 90))) for _ in range(2 * n_texts // 3)]
    while len(texts) < n_texts:
        letters = list(draw.choice(texts))
        for _ in range(draw.randint(0, 3)):
            if letters:
                letters[draw.randrange(len(letters))] = draw.choice("xyz")
        texts.append("".join(letters))
    draw.shuffle(texts)
    return texts


@pytest.mark.parametrize("threshold", [0.5, 0.8, 1.0])
def test_signatures_find_nearly_all_that_a_loop_over_all_pairs_finds(threshold: float) -> None:
    texts = texts_with_copies(400, 3)
    sets = [ngrams(text, 4) for text in texts]
    hashes = [minhash.ngrams(text, 4) for text in texts]

    def similarity(item: int, other: int) -> float:
        return jaccard(sets[item], sets[other])

    def similarities(item: int, others: list[int]) -> NDArray[np.float64]:
        return minhash.jaccard(hashes[item], [hashes[other] for other in others])

    order = np.random.default_rng(5).permutation(len(texts))
    found = near_duplicates.by_signatures(minhash.signatures(texts, 4), order, threshold, similarities)
    by, _ = plainly(order.tolist(), threshold, similarity)
    is_duplicate = found.by != np.arange(len(texts))
    for item in np.flatnonzero(is_duplicate).tolist():  # what is found is true
        assert found.by[found.by[item]] == found.by[item]
        assert found.similarity[item] == pytest.approx(similarity(item, int(found.by[item])))
        assert found.similarity[item] >= threshold
    expected = np.array(by) != np.arange(len(texts))
    assert expected.sum() > 20
    assert (is_duplicate == expected).mean() > 0.985


def test_an_estimate_is_the_similarity_of_the_sets() -> None:
    texts = texts_with_copies(120, 8)
    codes = minhash.signatures(texts, 3)
    sets = [ngrams(text, 3) for text in texts]
    errors = [
        (codes[first] == codes[second]).mean() - jaccard(sets[first], sets[second])
        for first in range(len(texts))
        for second in range(first)
    ]
    assert abs(np.mean(errors)) < 0.005
    assert np.sqrt(np.mean(np.square(errors))) < 0.044
    assert max(map(abs, errors)) < 0.22


@settings(max_examples=60)
@given(st.lists(st.text(max_size=12), max_size=8), st.integers(1, 6))
def test_a_signature_depends_on_the_set_of_n_grams_alone(texts: list[str], n: int) -> None:
    together = minhash.signatures(texts, n)
    assert together.shape == (len(texts), minhash.N_HASHES)
    for text, code in zip(texts, together, strict=True):
        assert (minhash.signatures([text], n)[0] == code).all()
    sets = [ngrams(text.ljust(n, "\0"), n) for text in texts]
    for first in range(len(texts)):
        for second in range(first):
            same = bool((together[first] == together[second]).all())
            assert same == (sets[first] == sets[second])


@settings(max_examples=60)
@given(
    st.text("ab\u3042", max_size=15),
    st.lists(st.text("ab\u3042", max_size=15), min_size=1, max_size=6),
    st.integers(1, 4),
)
def test_shares_are_those_of_sets_of_n_grams(text: str, others: list[str], n: int) -> None:
    found = minhash.jaccard(minhash.ngrams(text, n), [minhash.ngrams(other, n) for other in others])
    padded = [ngrams(other.ljust(n, "\0"), n) for other in [text, *others]]
    assert found.tolist() == [jaccard(padded[0], other) for other in padded[1:]]


@pytest.mark.parametrize("similarity", [0.3, 0.8, 0.99])
def test_an_agreement_below_the_least_is_that_of_one_pair_in_ten_thousand(similarity: float) -> None:
    least = minhash.least_agreement(similarity)
    assert binom.cdf(least - 1, minhash.N_HASHES, similarity) <= 1e-4 < binom.cdf(least, minhash.N_HASHES, similarity)
    assert minhash.least_agreement(1.0) == minhash.N_HASHES


def test_of_texts_that_differ_in_a_number_few_pairs_are_compared() -> None:
    texts = [f"Your order no. {number} has been sent today and will arrive tomorrow." for number in range(300)]
    hashes = [minhash.ngrams(text, 5) for text in texts]
    compared = 0

    def similarities(item: int, others: list[int]) -> NDArray[np.float64]:
        nonlocal compared
        compared += len(others)
        return minhash.jaccard(hashes[item], [hashes[other] for other in others])

    found = near_duplicates.by_signatures(minhash.signatures(texts, 5), np.arange(300), 0.95, similarities)
    assert (found.by == np.arange(300)).all()
    assert compared < 300 * 299 / 2 / 20


@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.5, 0.8, 0.9, 0.99, 1.0])
def test_bands_are_as_long_as_99_of_100_pairs_at_the_threshold_allow(threshold: float) -> None:
    size = minhash.band_size(threshold)

    def recall(size: int) -> float:
        return float(1 - (1 - threshold**size) ** (minhash.N_HASHES // size))

    assert recall(size) >= 0.99 or size == 1
    assert size == minhash.N_HASHES or recall(size + 1) < 0.99 or threshold == 1.0


def test_buckets_are_those_of_equal_bands() -> None:
    codes = np.random.default_rng(2).integers(0, 3, (300, minhash.N_HASHES)).astype(np.uint32)
    size = minhash.band_size(0.1)
    found = minhash.buckets(codes, 0.1)
    for band in range(found.shape[1]):
        columns = codes[:, band * size : (band + 1) * size]
        same = (columns[:, None] == columns[None]).all(2)
        alone = same.sum(1) == 1
        assert ((found[:, band] == -1) == alone).all()
        shared = (found[:, None, band] == found[None, :, band]) & ~alone[:, None]
        assert (shared == (same & ~alone[:, None])).all()


def test_nothing_is_dropped_of_items_that_are_all_kept() -> None:
    kept = Kept.all(3)
    assert kept.by.tolist() == [0, 1, 2]
    assert np.isnan(kept.similarity).all()
