"""tf-idf against scikit-learn, c-TF-IDF against its definition over a table of counts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfTransformer

from nlptool.geometry import tfidf

COUNTS = np.random.default_rng(1).poisson(0.7, (12, 30))
COUNTS[0, 0] = COUNTS[1, 0] = 1  # a word that is in several texts
COUNTS[:, 1] = 2  # a word that is in all


def test_tf_idf_is_that_of_scikit_learn() -> None:
    n_with = (COUNTS > 0).sum(0)
    model = TfidfTransformer(norm=None).fit(COUNTS)
    np.testing.assert_allclose(tfidf.inverse_document_frequency(n_with, len(COUNTS)), model.idf_, rtol=1e-12)
    np.testing.assert_allclose(tfidf.tf_idf(COUNTS, n_with, len(COUNTS)), model.transform(COUNTS).toarray(), rtol=1e-12)


def test_a_word_in_all_texts_has_the_least_idf_and_one_in_none_the_highest() -> None:
    least, highest = tfidf.inverse_document_frequency([9, 0], 9)
    assert least == 1
    assert highest == pytest.approx(math.log(10) + 1)


def test_c_tf_idf_of_two_classes_by_hand() -> None:
    # class A: 猫 3, 犬 1; class B: 犬 1, 株 1; A = (4 + 2) / 2 = 3
    counts = np.array([[3, 1, 0], [0, 1, 1]])
    found = tfidf.class_tf_idf(counts, [[4], [2]], counts.sum(0), 3)
    expected = [
        [3 / 4 * math.log(1 + 3 / 3), 1 / 4 * math.log(1 + 3 / 2), 0],
        [0, 1 / 2 * math.log(1 + 3 / 2), 1 / 2 * math.log(1 + 3 / 1)],
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_c_tf_idf_of_classes_as_bertopic_computes_it() -> None:
    # its ClassTfidfTransformer: rows of counts divided by their sums, times log(1 + mean of the sums / sums of the columns)
    counts = COUNTS[:, COUNTS.sum(0) > 0]
    shares = counts / counts.sum(1, keepdims=True)
    idf = np.log(counts.sum(1).mean() / counts.sum(0) + 1)
    found = tfidf.class_tf_idf(counts, counts.sum(1, keepdims=True), counts.sum(0), counts.sum(1).mean())
    np.testing.assert_allclose(found, shares * idf, rtol=1e-12)
