"""Deviations of proportions from counts that are not 0, against dense arrays and a worked example."""

from __future__ import annotations

import numpy as np
import pytest

from nlptool.geometry import association
from nlptool.geometry.dispersion import Parts, cells
from nlptool.geometry.ngram_counts import count

RANDOM = np.random.default_rng(5)
CORPORA = np.array([0, 1, 0, 2, 1, 1, 2, 3])


def sparse(counts: np.ndarray, corpora: np.ndarray, n: int):  # type: ignore[no-untyped-def]
    word, part = (array.astype(np.uint32) for array in np.nonzero(counts))
    return cells(count([word, part], counts[word, part]), Parts(corpora, counts.sum(0)), n)


def test_they_are_those_of_dense_arrays() -> None:
    counts = RANDOM.integers(0, 5, (12, 8)) * RANDOM.integers(0, 2, (12, 8))
    counts[0] = 1
    found = sparse(counts, CORPORA, 4)
    assert len(found.items) > 20
    for item, corpus, n, n_parts, dp, dp_norm in zip(
        found.items, found.corpora, found.counts, found.n_parts, found.dp, found.dp_norm, strict=True
    ):
        mine = counts[:, corpus == CORPORA]
        shares, expected = mine[item] / mine[item].sum(), mine.sum(0) / mine.sum()
        assert (n, n_parts) == (mine[item].sum(), (mine[item] > 0).sum())
        assert dp == pytest.approx(np.abs(shares - expected).sum() / 2)
        if mine.shape[1] > 1:
            assert dp_norm == pytest.approx(association.dispersion(mine[item : item + 1], mine.sum(0))[0])
        else:
            assert np.isnan(dp_norm)


def test_the_example_of_gries() -> None:
    # S. Gries, Dispersions and adjusted frequencies in corpora, 2008: the word a in five parts of 9, 10, 10, 10 and 11 words
    counts = np.array([[1, 2, 3, 4, 5], [8, 8, 7, 6, 6]])
    found = sparse(counts, np.zeros(5, np.int64), 1)
    assert counts.sum(0).tolist() == [9, 10, 10, 10, 11]
    assert found.dp[0] == pytest.approx(0.18)
    assert found.dp_norm[0] == pytest.approx(0.18 / (1 - 0.18))
