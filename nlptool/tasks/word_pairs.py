"""Pairs of words that keep company, their counts, and the measures of their association.

The second word of a pair stands at most W words behind the first one, in the same record. Each of the W places is an observation:
o11 is the number of occurrences of the pair, and r1, c1 and n are W times those of the first word, of the second, and of all
words. That is the table of K. Church and P. Hanks (Word Association Norms, CL 16, 1990) and of NLTK's finders, who divide all of
it by W. Of a node the company on both sides is counted together, over 2 W places.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlptool.geometry import association, ngram_counts
from nlptool.geometry.ngram_counts import Ids, Rows
from nlptool.geometry.rounding import as_json
from nlptool.records.formats.columns import Columns
from nlptool.tasks.ngrams import frequent
from nlptool.tasks.pair_counts import PairSums

MEASURES = tuple(association.MEASURES)

_TWO_SIDED = ("log-likelihood", "chi2")  # large too for pairs that avoid each other
_CHUNK = 1 << 16  # rows that are made at once


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which pairs are written."""

    window: int = 1
    measure: str = "log-likelihood"
    threshold: float | None = None  # the least value of the measure
    min_count: int = 3
    most: int | None = None


def field(measure: str) -> str:
    """Return the name of the field that holds a measure."""
    return measure.replace("-", "_")


Table = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], float]
"""o11, r1, c1 and n of pairs."""


def _table(
    pairs: NDArray[np.int64], first: NDArray[np.int64], second: NDArray[np.int64], n_words: int, *, n_places: int
) -> Table:
    """Return the table of pairs from the occurrences of them, of their words, and of all words."""
    o11, r1, c1 = (counts.astype(np.float64) for counts in (pairs, first, second))
    return o11, r1 * n_places, c1 * n_places, float(n_words * n_places)


class Measured:
    """Pairs and the counts that their measures are computed from.

    Args:
        ids: columns of ids of the words of each, (P,).
        counts: name -> numbers that are written, (P,).
        table: o11, r1, c1 and n of each.

    Attributes:
        n_rare: pairs that were left out since they are rare.
    """

    def __init__(
        self,
        ids: tuple[Ids, Ids],
        counts: dict[str, NDArray[np.int64]],
        table: Table,
        n_rare: int,
    ) -> None:
        self.ids = ids
        self.counts = counts
        self.table = table
        self.n_rare = n_rare

    def __len__(self) -> int:
        return len(self.ids[0])

    @classmethod
    def of_pairs(cls, sums: PairSums, chosen: Chosen) -> Measured:
        """Return the pairs that come often enough."""
        rows, n_rare = frequent(sums.runs, chosen.min_count, n_columns=2)
        first, second = rows.columns
        r1, c1 = sums.words[first], sums.words[second]
        counts = {"count": rows.counts, "first_count": r1, "second_count": c1}
        table = _table(rows.counts, r1, c1, int(sums.words.sum()), n_places=chosen.window)
        return cls((first, second), counts, table, n_rare)._above(chosen)

    @classmethod
    def of_nodes(cls, sums: PairSums, chosen: Chosen) -> Measured:
        """Return the company of nodes that comes often enough, on both sides together."""
        rows, _ = frequent(sums.runs, 1, n_columns=3)
        both = ngram_counts.count(rows.columns[:2], rows.counts)
        node, word = both.columns
        n_left = _counts_among(both, rows[rows.columns[2] == 0])
        r1, c1 = sums.words[node], sums.words[word]
        sides = {"left": n_left, "right": both.counts - n_left}
        counts = {"count": both.counts, **sides, "node_count": r1, "word_count": c1}
        is_kept = both.counts >= chosen.min_count
        kept = {name: values[is_kept] for name, values in counts.items()}
        table = _table(
            kept["count"], kept["node_count"], kept["word_count"], int(sums.words.sum()), n_places=2 * chosen.window
        )
        found = cls((node[is_kept], word[is_kept]), kept, table, len(both) - int(np.count_nonzero(is_kept)))
        return found._above(chosen)

    def _chosen(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Measured:
        o11, r1, c1, n = self.table
        counts = {name: values[chosen] for name, values in self.counts.items()}
        ids = (self.ids[0][chosen], self.ids[1][chosen])
        return Measured(ids, counts, (o11[chosen], r1[chosen], c1[chosen], n), self.n_rare)

    def _above(self, chosen: Chosen) -> Measured:
        """Return the pairs that reach the threshold."""
        return self if chosen.threshold is None else self._chosen(self.strength(chosen.measure) >= chosen.threshold)

    def strength(self, measure: str) -> NDArray[np.float64]:
        """Return the values by which pairs are sorted, (P,): a measure; negative of pairs that avoid each other, if it is not."""
        o11, r1, c1, n = self.table
        values = association.MEASURES[measure](*self.table)
        return np.where(o11 * n < r1 * c1, -values, values) if measure in _TWO_SIDED else values

    def blocks(self, sums: PairSums, chosen: Chosen, most: int | None, columns: Sequence[str]) -> Iterator[Columns]:
        """Yield what is written: the names of the words as the first two of ``columns``, the counts, and all measures.

        Args:
            most: rows that are written, with a node of each node.
        """
        strength, names = self.strength(chosen.measure), sums.names
        ranks = [names.ranks(ids) for ids in self.ids]
        by_node = [_places(self.ids[0], [names.find(node) for node in sums.nodes])] if columns[0] == "node" else []
        order = np.lexsort([*reversed(ranks), -self.counts["count"], -strength, *by_node])
        if by_node:
            nodes = by_node[0][order]
            begins = np.searchsorted(nodes, nodes)
            order = order[np.arange(len(order)) - begins < (len(order) if most is None else most)]
        elif most is not None:
            order = order[:most]
        for start in range(0, len(order), _CHUNK):
            part = self._chosen(order[start : start + _CHUNK])
            block: dict[str, Sequence[object]] = {
                name: names.names([ids]) for name, ids in zip(columns[:2], part.ids, strict=True)
            }
            block |= {name: values.tolist() for name, values in part.counts.items()}
            yield block | {field(name): as_json(measure(*part.table)) for name, measure in association.MEASURES.items()}


def _places(ids: Ids, nodes: Sequence[int | None]) -> NDArray[np.int64]:
    """Return the place of each of ``ids`` among ``nodes``, which have them all, (P,)."""
    known = np.array([-1 if id is None else id for id in nodes], np.int64)
    order = np.argsort(known)
    places: NDArray[np.int64] = order[np.searchsorted(known[order], ids)]
    return places


def _counts_among(rows: Rows, some: Rows) -> NDArray[np.int64]:
    """Return how often ``some`` has each of ``rows`` by the first two columns, (L,)."""
    keys, wanted = (ngram_counts.packed(*each.columns[:2]) for each in (some, rows))
    if not len(keys):
        return np.zeros(len(wanted), np.int64)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    counts: NDArray[np.int64] = np.where(keys[at] == wanted, some.counts[at], 0)
    return counts
