"""The different n-grams of a corpus and their counts, for Kneser-Ney smoothing.

They are numbered as in ``geometry.ngram_counts``, which puts them in the order of ``models/language/ngram_trie``. With T tokens,
an order takes two sorts of T numbers and about 40 T bytes while they last; what is kept of its L n-grams takes 20 L bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import RunError
from nlptool.geometry.ngram_counts import numbered, packed, unpacked

_WAITING = 100_000  # documents whose arrays are put together at once


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """The tokens of all documents, one document after another, with their markers."""

    ids: NDArray[np.uint32]  # (T,)
    places: NDArray[np.uint32]  # (T,), the tokens before each in its document


@dataclass(slots=True, eq=False)
class Counts:
    """The L different n-grams of one order, sorted; P is the number of those of the order before. ``words`` and ``first`` are
    those of ``ngram_trie.Level``."""

    words: NDArray[np.uint32]  # (L,)
    first: NDArray[np.uint32]  # (P + 1,)
    suffixes: NDArray[np.uint32]  # (L,), the number of each one's last n - 1 tokens in the order before
    occurrences: NDArray[np.uint32]  # (L,), how often each stands in the corpus
    adjusted: NDArray[np.uint32]  # (L,), see ``count``


def joined(documents: Iterable[NDArray[Any]], n_words: int, begin: int, end: int) -> Tokens:
    """Put documents together, each between its markers.

    Args:
        documents: tokens of each, without markers; a document can be empty.
        n_words: tokens of the vocabulary, V, with the markers.

    Raises:
        RunError: there is no document.
        ValueError: a document holds ``begin``, or a number that is no token.
    """
    parts: list[NDArray[np.uint32]] = []
    lengths: list[int] = []
    waiting: list[NDArray[Any]] = []
    markers = np.array([end, begin], np.int64)
    for document in documents:
        waiting += (document, markers)
        lengths.append(len(document) + 2)
        if len(waiting) >= 2 * _WAITING:
            parts.append(_checked(waiting, n_words, begin))
            waiting = []
    if waiting:
        parts.append(_checked(waiting, n_words, begin))
    if not lengths:
        raise RunError("there is no document to count n-grams in")
    ids = np.concatenate([np.array([begin], np.uint32), *parts])[:-1]  # the last marker begins no document
    if len(ids) >= 1 << 32:
        raise RunError(f"{len(ids):,} tokens are more than are counted here ({(1 << 32) - 1:,})")
    ends = np.cumsum(lengths)
    starts = np.repeat((ends - lengths).astype(np.uint32), lengths)
    return Tokens(ids, np.arange(len(ids), dtype=np.uint32) - starts)


def _checked(parts: list[NDArray[Any]], n_words: int, begin: int) -> NDArray[np.uint32]:
    """Join documents and the markers between them, of which there is one pair for each document."""
    ids = np.concatenate(parts)
    if ids.dtype.kind not in "iu" and len(ids):
        ids = ids.astype(np.int64)
    if ids.min() < 0 or ids.max() >= n_words:
        raise ValueError(f"a document holds a number that is no token from 0 to {n_words - 1}")
    if np.count_nonzero(ids == begin) != len(parts) // 2:
        raise ValueError("a document holds the token that stands before documents")
    return ids.astype(np.uint32)


def count(
    tokens: Tokens, n_words: int, order: int, *, report: Callable[[int], None] = lambda order: None
) -> list[Counts]:
    """Count the n-grams of each order.

    The adjusted count of an n-gram is how often it occurs, at the highest order and if it begins with the marker ``begin``; of
    the others it is the number of different tokens before it (S. Chen, J. Goodman 1998, section 2.7; for the beginning see K.
    Heafield et al.: Scalable Modified Kneser-Ney Language Model Estimation, ACL 2013). That of ``begin`` itself is 0.

    Args:
        report: is told each order that has been counted.

    Returns:
        The n-grams of the orders 1 to N. Order 1 has all V tokens, those that never occur with the count 0.
    """
    ids, places = tokens.ids, tokens.places
    occurrences = np.bincount(ids, minlength=n_words).astype(np.uint32)
    occurrences[ids[0]] = 0
    words = np.arange(n_words, dtype=np.uint32)
    levels = [Counts(words, np.array([0, n_words], np.uint32), words[:0], occurrences, occurrences)]
    numbers = ids  # of the n-gram that ends at each token
    report(1)
    for n in range(2, order + 1):
        level, numbers = _next(numbers, ids, np.flatnonzero(places >= n - 1).astype(np.uint32), len(levels[-1].words))
        below = levels[-1]
        distinct = np.bincount(level.suffixes, minlength=len(below.words)).astype(np.uint32)
        below.adjusted = np.where(distinct > 0, distinct, below.occurrences)
        levels.append(level)
        report(n)
    return levels


def _next(
    numbers: NDArray[np.uint32],
    ids: NDArray[np.uint32],
    at: NDArray[np.uint32],
    n_parents: int,
) -> tuple[Counts, NDArray[np.uint32]]:
    """Count the n-grams of one order more.

    Args:
        numbers: of the (n - 1)-gram that ends at each token, (T,).
        at: where n-grams end, ascending.
        n_parents: number of the different (n - 1)-grams.

    Returns:
        The n-grams, and the number of the one that ends at each token, (T,); without meaning where none ends.
    """
    found = numbered(packed(numbers[at - 1], ids[at]))
    parents, words = unpacked(found.keys)
    first = np.searchsorted(parents, np.arange(n_parents + 1, dtype=np.uint32)).astype(np.uint32)
    occurrences = np.bincount(found.numbers, minlength=len(words)).astype(np.uint32)
    suffixes = np.empty(len(words), np.uint32)
    suffixes[found.numbers] = numbers[at]
    ending = np.zeros(len(ids), np.uint32)
    ending[at] = found.numbers
    return Counts(words, first, suffixes, occurrences, occurrences), ending
