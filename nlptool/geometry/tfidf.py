"""How much a word says about the text, or the class of texts, that it is in: tf-idf.

All functions take arrays, which are broadcast, and return float64 of their shape: a number for each word of a text or of a class.
A higher one is of a word that is frequent there and rare elsewhere.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Numbers = NDArray[np.float64]


def inverse_document_frequency(n_with: ArrayLike, n_texts: ArrayLike) -> Numbers:
    """Return ln((1 + n_texts) / (1 + n_with)) + 1, at least 1: that of a word in all texts.

    It is the idf of scikit-learn's ``TfidfVectorizer``, smoothed as if one more text held all words, so that a word that is in no
    text has one too (K. Spärck Jones: A Statistical Interpretation of Term Specificity, Journal of Documentation 28, 1972).

    Args:
        n_with: texts that hold the word.
        n_texts: all texts.
    """
    held, total = np.asarray(n_with, np.float64), np.asarray(n_texts, np.float64)
    found: Numbers = np.log((1 + total) / (1 + held)) + 1
    return found


def tf_idf(counts: ArrayLike, n_with: ArrayLike, n_texts: ArrayLike) -> Numbers:
    """Return counts × idf, at least 0. Divided by its length, the vector of all words of a text is that of scikit-learn's
    ``TfidfVectorizer``.

    Args:
        counts: of the words in a text.
        n_with: texts that hold the word.
        n_texts: all texts.
    """
    return np.asarray(counts, np.float64) * inverse_document_frequency(n_with, n_texts)


def class_tf_idf(counts: ArrayLike, class_sizes: ArrayLike, totals: ArrayLike, mean_size: ArrayLike) -> Numbers:
    """Return c-TF-IDF, counts / class_sizes × ln(1 + mean_size / totals), at least 0: the texts of a class count as one text
    (M. Grootendorst: BERTopic, arXiv:2203.05794, 2022). As in BERTopic itself, the frequency of a word is its share of the class,
    so that large and small classes can be compared; the order of the words of a class does not depend on that.

    Args:
        counts: of the words in a class.
        class_sizes: words of the class, all counted.
        totals: of the words in all classes together.
        mean_size: words of a class on average.
    """
    here, size, total = (np.asarray(value, np.float64) for value in (counts, class_sizes, totals))
    found: Numbers = here / size * np.log1p(np.asarray(mean_size, np.float64) / total)
    return found
