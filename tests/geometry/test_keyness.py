"""Counts and dispersion of n-grams of several corpora against dense arrays."""

from __future__ import annotations

import numpy as np
import pytest

from nlptool.geometry import association
from nlptool.geometry.dispersion import Parts
from nlptool.geometry.keyness import Keys, keys
from nlptool.geometry.ngram_counts import count

RANDOM = np.random.default_rng(5)
N_WORDS, CORPORA = 12, np.array([0, 1, 0, 2, 1, 1, 2])
COUNTS = RANDOM.integers(0, 5, (N_WORDS, len(CORPORA))) * RANDOM.integers(0, 2, (N_WORDS, len(CORPORA)))  # many zeros


def rows(counts: np.ndarray) -> Keys:
    """What is special of corpora whose words have these counts in their parts, (W, P)."""
    word, part = (array.astype(np.uint32) for array in np.nonzero(counts))
    parts = Parts(CORPORA, counts.sum(0))
    return keys(count([word, word, part], counts[word, part]), parts, np.arange(3), 3, 1)


def test_counts_and_dispersion_are_those_of_dense_arrays() -> None:
    found = rows(COUNTS)
    expected = {}
    for corpus in range(3):
        mine, others = COUNTS[:, corpus == CORPORA], COUNTS[:, corpus != CORPORA]
        here, there = mine.sum(1), others.sum(1)
        dispersions = association.dispersion(mine, mine.sum(0)), association.dispersion(others, others.sum(0))
        for word in range(N_WORDS):
            if here[word] / here.sum() > there[word] / there.sum():
                values = (here[word], there[word], *(each[word] for each in dispersions))
                expected[word, corpus] = values
    names = list(zip(found.columns[0].tolist(), found.corpora.tolist(), strict=True))
    assert sorted(names) == sorted(expected)
    assert len(names) > 10
    values = zip(found.counts, found.others, found.dispersion, found.other_dispersion, strict=True)
    for name, each in zip(names, values, strict=True):
        assert each == pytest.approx(expected[name], nan_ok=True), name
    assert found.columns[0].tolist() == found.columns[1].tolist()


def test_a_corpus_of_one_part_has_no_dispersion_and_empty_parts_do_not_count() -> None:
    counts = np.zeros((2, len(CORPORA)), np.int64)
    counts[0, [0, 1]], counts[1, [0, 1, 4]] = [9, 1], [1, 5, 5]
    found = rows(counts)
    assert found.corpora.tolist() == [0, 1]
    assert np.isnan(found.dispersion[0])  # corpus 0: its second part is empty
    assert found.dispersion[1] == pytest.approx(association.dispersion(np.array([[5, 5]]), np.array([6, 5]))[0])
    assert found.other_dispersion[0] == pytest.approx(5 / 6)  # all in the larger of two parts, of 6 and 5
