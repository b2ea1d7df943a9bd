"""Interpolated modified Kneser-Ney smoothing, estimated from a corpus.

Source: S. Chen, J. Goodman: An Empirical Study of Smoothing Techniques for Language Modeling (Harvard TR-10-98, 1998), section
3; after R. Kneser, H. Ney: Improved Backing-Off for M-gram Language Modeling (ICASSP 1995). With the adjusted counts a of
``ngram_counts`` and the discounts D of each order,

    P(w | h) = (a(h w) - D(a(h w))) / sum over v of a(h v) + weight(h) P(w | h without its first token)
    weight(h) = sum over v of D(a(h v)) / sum over v of a(h v)

Below order 1 stands the same probability for each token but ``begin``, so that every token can follow every context.

The pruning is that of KenLM: n-grams that occur less often than their order asks for are counted, and then left out; what they
had is added to the weight of the lower orders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.models.language import ngram_trie
from nlptool.models.language.kneser_ney import NgramModel
from nlptool.models.language.ngram_trie import Level
from nlptool.training.language import discounts as kneser_ney_discounts
from nlptool.training.language import ngram_counts
from nlptool.training.language.ngram_counts import Counts

Discounts = tuple[float, float, float]


def estimate(
    documents: Iterable[NDArray[Any]],
    n_words: int,
    *,
    begin: int,
    end: int,
    order: int = 3,
    min_counts: Sequence[int] = (),
    discounts: Sequence[Discounts] | None = None,
    report: Callable[[int], None] = lambda order: None,
) -> NgramModel:
    """Estimate a model from documents.

    Args:
        documents: the tokens of each, whole numbers from 0 to V - 1, without the markers; a document can be empty. No n-gram
            reaches from one document into the next.
        n_words: tokens of the vocabulary, V, with the markers.
        begin: the token that stands before each document.
        end: the token that stands behind each document.
        order: tokens of the longest n-grams, N; it can be more than those of the longest document.
        min_counts: occurrences that an n-gram of each order from 1 on needs to be kept; 1 for order 1, never less than for the
            order before. The last number is that of all further orders.
        discounts: of the counts 1, 2, and 3 and more, of each order, instead of those that are estimated.
        report: is told each order whose n-grams have been counted.

    Raises:
        RunError: there is no document.
        ValueError: a document holds something else than tokens, or an argument is outside its range.
    """
    if order < 1 or begin == end or not 0 <= min(begin, end) <= max(begin, end) < n_words:
        raise ValueError("the order is at least 1, and the markers are two tokens of the vocabulary")
    least = [*min_counts, *[min_counts[-1] if min_counts else 1] * order][:order]
    if least[0] != 1 or least != sorted(least):
        raise ValueError("min_counts begin with 1 and do not fall")
    if discounts is not None and (
        len(discounts) != order or not all(0 <= one <= k for each in discounts for k, one in enumerate(each, 1))
    ):
        raise ValueError("there are three discounts for each order, none above its count")
    tokens = ngram_counts.joined(documents, n_words, begin, end)
    counts = ngram_counts.count(tokens, n_words, order, report=report)
    del tokens
    taken = [kneser_ney_discounts.estimate(level.adjusted) for level in counts] if discounts is None else discounts
    return NgramModel(_levels(counts, begin, taken, least), begin, end, np.array(taken, np.float64))


def _levels(counts: list[Counts], begin: int, discounts: Sequence[Discounts], least: Sequence[int]) -> list[Level]:
    """Return the levels of the model. Empties the list of the counts on the way, since those of an order are large."""
    level = counts.pop(0)
    words, first = level.words, level.first
    probabilities = _unigrams(level, begin, discounts[0])  # of all n-grams, those that are left out too
    kept = np.ones(len(words), np.bool_)
    levels = []
    for of_order, minimum in zip(discounts[1:], least[1:], strict=True):
        level = counts.pop(0)
        parents = ngram_trie.parents(level.first)
        n_parents = len(probabilities)
        taken = kneser_ney_discounts.of_counts(level.adjusted, of_order)
        is_kept = level.occurrences >= minimum
        totals = np.bincount(parents, level.adjusted, n_parents)
        given = np.bincount(parents, np.where(is_kept, taken, level.adjusted), n_parents)
        weights = np.divide(given, totals, out=np.ones(n_parents), where=totals > 0)
        levels.append(_level(words, first, probabilities[kept], weights[kept]))
        probabilities = (level.adjusted - taken) / totals[parents] + weights[parents] * probabilities[level.suffixes]
        n_children = np.bincount(parents[is_kept], minlength=n_parents)[kept]
        words, first = level.words[is_kept], np.concatenate([[0], np.cumsum(n_children)])
        kept = is_kept
    return [*levels, _level(words, first, probabilities[kept], np.zeros(0))]


def _unigrams(counts: Counts, begin: int, discounts: Discounts) -> NDArray[np.float64]:
    """Return the probabilities of order 1, (V,)."""
    taken = kneser_ney_discounts.of_counts(counts.adjusted, discounts)
    total = counts.adjusted.sum()
    probabilities: NDArray[np.float64] = (counts.adjusted - taken) / total + taken.sum() / total / (len(taken) - 1)
    probabilities[begin] = 0
    return probabilities


def _level(
    words: NDArray[np.uint32], first: NDArray[Any], probabilities: NDArray[np.float64], backoffs: NDArray[np.float64]
) -> Level:
    return Level(words, first.astype(np.uint32), probabilities.astype(np.float32), backoffs.astype(np.float32))
