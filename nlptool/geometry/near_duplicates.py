"""Which of many items are kept so that no two of them are too similar: each in its turn, unless one like it has been kept.

Every item that is not kept is like one that is, and no two that are kept are like each other. Both searches are exact: the first
compares all vectors in blocks of matrix products; the second compares the pairs that ``minhash`` proposes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlptool.geometry import minhash

_ROWS = 1024  # items that are compared together
_COLUMNS = 2048  # kept ones that they are compared with at a time
_PROPOSED = 256  # texts that one is compared with at a time


@dataclass(frozen=True, slots=True)
class Kept:
    """What was found of each item.

    Attributes:
        by: the item that was kept in its place, (N,) int64: itself if it was kept.
        similarity: to that one, (N,) float32; NaN of a kept one.
    """

    by: NDArray[np.int64]
    similarity: NDArray[np.float32]

    @classmethod
    def all(cls, n_items: int) -> Kept:
        """Return what is found if nothing is like anything."""
        return cls(np.arange(n_items), np.full(n_items, np.nan, np.float32))

    def drop(self, item: int, by: int, similarity: float) -> None:
        """Note that an item is left out for one that was kept."""
        self.by[item], self.similarity[item] = by, similarity


def by_vectors(
    vectors: NDArray[np.float32],
    order: NDArray[np.int64],
    threshold: float,
    *,
    report: Callable[[int], None] = lambda done: None,
) -> Kept:
    """Keep items by the cosine of their vectors.

    Args:
        vectors: of unit length, (N, D) float32, mapped into memory or not.
        order: the items, (N,), in the order in which they are considered.
        threshold: the least similarity of a duplicate.
        report: is told how many items are done.
    """
    kept = Kept.all(len(vectors))
    chosen = np.empty(len(order), np.int64)  # the kept items, in their order
    n_chosen = 0
    for first in range(0, len(order), _ROWS):
        items = order[first : first + _ROWS]
        rows = vectors[items]
        best = np.full(len(items), -np.inf, np.float32)
        nearest = np.zeros(len(items), np.int64)
        for column in range(0, n_chosen, _COLUMNS):
            others = chosen[column : min(column + _COLUMNS, n_chosen)]
            found = rows @ vectors[others].T
            highest = found.max(1)
            better = np.flatnonzero((highest >= threshold) & (highest > best))
            if len(better):
                best[better] = highest[better]
                nearest[better] = others[found[better].argmax(1)]
        within = rows @ rows.T
        within[np.triu_indices(len(items))] = -np.inf  # each is compared with those before it
        is_kept = np.ones(len(items), bool)
        for row in range(len(items)):
            if row and within[row].max() >= threshold:
                earlier = np.where(is_kept[:row], within[row, :row], -np.inf)
                place = int(earlier.argmax())
                if earlier[place] >= threshold and earlier[place] > best[row]:
                    best[row], nearest[row] = earlier[place], items[place]
            if best[row] >= threshold:
                is_kept[row] = False
                kept.drop(int(items[row]), int(nearest[row]), float(min(best[row], 1.0)))
        stayed = items[is_kept]
        chosen[n_chosen : n_chosen + len(stayed)] = stayed
        n_chosen += len(stayed)
        report(first + len(items))
    return kept


def by_signatures(
    codes: NDArray[np.uint32],
    order: NDArray[np.int64],
    threshold: float,
    similarities: Callable[[int, list[int]], NDArray[np.float64]],
    *,
    report: Callable[[int], None] = lambda done: None,
) -> Kept:
    """Keep items by their MinHash signatures and the similarity of the pairs that these propose.

    Args:
        codes: (N, 128) uint32.
        order: the items that are considered, in their order.
        threshold: the least similarity of a duplicate.
        similarities: of an item to others, exactly.
        report: is told how many items are done.
    """
    kept = Kept.all(len(codes))
    places = minhash.buckets(codes, threshold)
    kept_in: defaultdict[int, list[int]] = defaultdict(list)
    shares: NDArray[np.bool_] = np.any(places >= 0, axis=1)
    for number, item in enumerate(order.tolist()):
        if shares[item]:
            own = [bucket for bucket in places[item].tolist() if bucket >= 0]
            proposed = np.array(sorted({other for bucket in own for other in kept_in.get(bucket, ())}), np.int64)
            most, by = _most_similar(codes, item, proposed, threshold, similarities)
            if by != item:
                kept.drop(item, by, most)
            else:
                for bucket in own:
                    kept_in[bucket].append(item)
        if number % _ROWS == 0:
            report(number)
    return kept


def _most_similar(
    codes: NDArray[np.uint32],
    item: int,
    proposed: NDArray[np.int64],
    threshold: float,
    similarities: Callable[[int, list[int]], NDArray[np.float64]],
) -> tuple[float, int]:
    """Return the highest similarity of an item to others, from the threshold on, and the first other one that has it;
    (the threshold, the item) if none has.

    Those whose signatures agree most are compared first, and none is that agrees too little to be more similar.
    """
    most, by = threshold, item
    if not len(proposed):
        return most, by
    agreements = (codes[proposed] == codes[item]).sum(1)
    best_first = np.argsort(-agreements, kind="stable")
    proposed, agreements = proposed[best_first], agreements[best_first]
    for first in range(0, len(proposed), _PROPOSED):
        n_possible = int(np.searchsorted(-agreements, -minhash.least_agreement(most), side="right"))
        others = proposed[first : min(first + _PROPOSED, n_possible)].tolist()
        if not others:
            break
        found = similarities(item, others)
        highest = float(found.max())
        if highest >= most:
            first_one = min(other for other, same in zip(others, (found == highest).tolist(), strict=True) if same)
            by = min(by, first_one) if by != item and highest == most else first_one
            most = highest
    return most, by
