"""How special n-grams are of corpora, from their counts in the parts of each: frequencies and dispersion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlptool.geometry.dispersion import Parts, cells, deviations, normalised
from nlptool.geometry.ngram_counts import Ids, Rows


@dataclass(frozen=True, slots=True, eq=False)
class Keys:
    """n-grams that are more frequent in a corpus than in the others together, (K,) each."""

    columns: tuple[Ids, ...]  # their ids
    corpora: NDArray[np.int64]
    counts: NDArray[np.int64]  # in the corpus
    others: NDArray[np.int64]  # in the others
    dispersion: NDArray[np.float64]  # in the corpus; NaN of a corpus of one part
    other_dispersion: NDArray[np.float64]  # in the others; NaN if it is in none of them

    def at(self, chosen: NDArray[np.int64]) -> Keys:
        """Return some of the n-grams, by their numbers."""
        columns = tuple(column[chosen] for column in self.columns)
        return Keys(columns, *(getattr(self, name)[chosen] for name in _NUMBERS))

    @classmethod
    def joined(cls, several: Sequence[Keys], n_columns: int) -> Keys:
        """Return the n-grams of several.

        Args:
            n_columns: ids of an n-gram.
        """
        empty = keys(Rows((np.zeros(0, np.uint32),) * (n_columns + 1), np.zeros(0, np.int64)), _NOTHING, _NONE, 1, 1)
        parts = [empty, *several]
        columns = tuple(np.concatenate(column) for column in zip(*(part.columns for part in parts), strict=True))
        return cls(columns, *(np.concatenate([getattr(part, name) for part in parts]) for name in _NUMBERS))


_NUMBERS = ("corpora", "counts", "others", "dispersion", "other_dispersion")
_NONE = np.zeros(0, np.int64)
_NOTHING = Parts(_NONE, _NONE)


def keys(rows: Rows, parts: Parts, targets: NDArray[np.int64], n_corpora: int, min_count: int) -> Keys:
    """Return the n-grams that are special of each of some corpora.

    Args:
        rows: ids of n-grams and, as the last column, the part; all rows of an n-gram are among them.
        targets: the corpora, ascending.
        min_count: fewest occurrences in the corpus.
    """
    *columns, of_parts = rows.columns
    found = cells(rows, parts, n_corpora)
    starts, item, corpus, here = found.starts, found.items, found.corpora, found.counts
    there = np.bincount(item, here).astype(np.int64)[item] - here
    sizes = parts.totals(n_corpora)
    corpora = parts.corpora[of_parts]
    is_key = np.isin(corpus, targets) & (here >= min_count)
    is_key &= here * (sizes.sum() - sizes[corpus]).astype(np.float64) > there * sizes[corpus].astype(np.float64)
    other_dispersion = np.full(len(item), np.nan)
    ends = np.append(starts[1:], len(rows))
    for target in np.unique(corpus[is_key]).tolist():
        of_target = np.flatnonzero(is_key & (corpus == target))
        chosen = item[of_target]
        lengths = ends[chosen] - starts[chosen]
        at = np.repeat(starts[chosen] - (np.cumsum(lengths) - lengths), lengths) + np.arange(lengths.sum())
        key = np.repeat(np.arange(len(chosen)), lengths)
        is_other = corpora[at] != target
        at, key = at[is_other], key[is_other]
        n_others = sizes.sum() - sizes[target]
        shares = parts.sizes[of_parts[at]] / n_others
        differences = np.abs(rows.counts[at] / there[of_target][key] - shares) - shares
        in_others = (parts.corpora != target) & (parts.sizes > 0)
        smallest = parts.sizes[in_others].min() / n_others if in_others.sum() > 1 else np.nan
        dispersion = normalised(deviations(np.bincount(key, differences, len(chosen))), smallest)
        other_dispersion[of_target] = np.where(there[of_target] > 0, dispersion, np.nan)
    chosen = item[is_key]
    return Keys(
        tuple(column[starts[chosen]] for column in columns),
        corpus[is_key],
        here[is_key],
        there[is_key],
        found.dp_norm[is_key],
        other_dispersion[is_key],
    )
