"""How evenly n-grams are spread over the parts of a corpus, from the counts that are not 0 alone.

Of parts with the shares s of a corpus in which an n-gram has the shares v, the deviation of proportions is DP = 1/2 sum |v - s| =
1/2 (1 + sum over the parts that have it of |v - s| - s), and DPnorm, of ``association.dispersion``, is DP / (1 - smallest share).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.geometry.ngram_counts import Ids, Rows, numbered, packed, unpacked


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """The P parts of C corpora.

    Attributes:
        corpora: the corpus of each, (P,).
        sizes: n-grams in each, (P,).
    """

    corpora: NDArray[np.int64]
    sizes: NDArray[np.int64]

    def totals(self, n_corpora: int) -> NDArray[np.int64]:
        """Return the n-grams of each corpus, (C,)."""
        return np.bincount(self.corpora, self.sizes, n_corpora).astype(np.int64)

    def smallest_shares(self, n_corpora: int) -> NDArray[np.float64]:
        """Return the share of the smallest part of each corpus that has n-grams, (C,); NaN if it has no second one."""
        has_ngrams = self.sizes > 0
        smallest = np.full(n_corpora, np.inf)
        np.minimum.at(smallest, self.corpora[has_ngrams], self.sizes[has_ngrams])
        several = np.bincount(self.corpora[has_ngrams], minlength=n_corpora) > 1
        totals = np.maximum(self.totals(n_corpora), 1)
        return np.where(several, smallest / totals, np.nan)


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """An n-gram in a corpus, (K,) each, in the order of the n-grams.

    Attributes:
        starts: the first row of each of the N n-grams, (N,).
        items: numbers of the n-grams, from 0.
        corpora: numbers of the corpora.
        counts: occurrences.
        n_parts: parts of the corpus that have the n-gram.
        dp: deviation of proportions, from 0, spread evenly, to 1 minus the smallest share, all in the smallest part.
        dp_norm: the same divided by that maximum; NaN of a corpus of one part.
    """

    starts: NDArray[np.int64]
    items: NDArray[np.int64]
    corpora: NDArray[np.int64]
    counts: NDArray[np.int64]
    n_parts: NDArray[np.int64]
    dp: NDArray[np.float64]
    dp_norm: NDArray[np.float64]


def cells(rows: Rows, parts: Parts, n_corpora: int) -> Cells:
    """Return how n-grams are spread in each corpus that has them.

    Args:
        rows: ids of n-grams and, as the last column, the part; all rows of an n-gram are among them.
    """
    *columns, of_parts = rows.columns
    is_new = np.ones(len(rows), np.bool_)
    is_new[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    row_items = np.cumsum(is_new) - 1
    corpora = parts.corpora[of_parts]
    found = numbered(packed(row_items.astype(np.uint32), corpora.astype(np.uint32)))
    item, corpus = (each.astype(np.int64) for each in unpacked(found.keys))
    counts = np.bincount(found.numbers, rows.counts).astype(np.int64)
    shares = parts.sizes[of_parts] / parts.totals(n_corpora)[corpora]
    differences = np.abs(rows.counts / counts[found.numbers] - shares) - shares
    dp = deviations(np.bincount(found.numbers, differences))
    n_parts = np.bincount(found.numbers)
    smallest = parts.smallest_shares(n_corpora)[corpus]
    return Cells(np.flatnonzero(is_new), item, corpus, counts, n_parts, dp, normalised(dp, smallest))


def deviations(differences: NDArray[Any]) -> NDArray[np.float64]:
    """Return DP from the sums of |v - s| - s."""
    return np.maximum((1 + differences) / 2, 0.0)


def normalised(dp: NDArray[np.float64], smallest: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Return DPnorm from DP and the share of the smallest part; NaN if that is NaN."""
    found: NDArray[np.float64] = np.clip(dp / (1 - smallest), 0, 1)
    return found


def column_of(rows: Rows, found: Cells) -> Ids:
    """Return the first id of the n-gram of each cell, (K,)."""
    return rows.columns[0][found.starts[found.items]]
