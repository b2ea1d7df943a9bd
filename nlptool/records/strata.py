"""Random samples of a stream in groups: so many of each group, or of each as many as its share of the stream says.

The length of the stream and its groups are not known before; what is kept is bounded by the size of the sample and the number of
the groups.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence
from operator import itemgetter
from typing import Generic, NamedTuple, Protocol, TypeVar

from nlptool.records.reservoir import Reservoir

Item = TypeVar("Item")

_Numbered = tuple[float, int, Item]
"""An item with minus its random number, and its index in the stream."""

_ALWAYS = 100
"""Items of a group that are kept whatever the others are."""

_TIMES = 4
"""Items beside those, as a multiple of the sample's size, above which half of them are given up."""


class Stratum(NamedTuple):
    """A group, and how many of its items are in the sample."""

    n_seen: int
    n_drawn: int


class Sampler(Protocol[Item]):
    """Draws from a stream of items; ``items`` is called once, when all have been added."""

    def add(self, item: Item, group: str = "") -> None: ...

    def items(self) -> list[Item]:
        """Return the sample, in the order in which its items were added."""
        ...

    def strata(self) -> dict[str, Stratum]:
        """Return the groups by their names, in the order in which they came."""
        ...


class OfEach(Generic[Item]):
    """Draws ``size`` items of each group, all of a smaller one; each item of a group with the same probability."""

    def __init__(self, size: int, *, seed: int) -> None:
        self._size = size
        self._seeds = random.Random(seed)
        self._groups: dict[str, Reservoir[tuple[int, Item]]] = {}
        self._n_seen = 0

    def add(self, item: Item, group: str = "") -> None:
        reservoir = self._groups.get(group)
        if reservoir is None:
            reservoir = self._groups[group] = Reservoir(self._size, seed=self._seeds.getrandbits(64))
        reservoir.add((self._n_seen, item))
        self._n_seen += 1

    def items(self) -> list[Item]:
        kept = heapq.merge(*(reservoir.items() for reservoir in self._groups.values()), key=itemgetter(0))
        return [item for _, item in kept]

    def strata(self) -> dict[str, Stratum]:
        return {
            group: Stratum(reservoir.n_seen, min(self._size, reservoir.n_seen))
            for group, reservoir in self._groups.items()
        }


class Proportional(Generic[Item]):
    """Draws ``size`` items, of each group as many as its share of all items says (``shares``); each item of a group with the same
    probability.

    Each item gets a random number, and the sample of a group is the items with its lowest numbers. How many these will be is not
    known before the end: a few of the lowest of each group are kept, and beside them all that are below a limit, which is halved
    whenever there are too many. On the average it leaves at least twice as many as are needed. That they do not suffice for
    a group has a probability below 1e-12; the sample has fewer of its items then.
    """

    def __init__(self, size: int, *, seed: int) -> None:
        self._size = size
        self._numbers = random.Random(seed)
        self._n_seen: dict[str, int] = {}
        self._n_all = 0
        self._lowest: dict[str, list[_Numbered[Item]]] = {}  # heaps
        self._below: dict[str, list[_Numbered[Item]]] = {}  # the others that are below the limit
        self._n_below = 0
        self._limit = 1.0

    def add(self, item: Item, group: str = "") -> None:
        numbered = (-self._numbers.random(), self._n_all, item)
        self._n_all += 1
        self._n_seen[group] = self._n_seen.get(group, 0) + 1
        lowest = self._lowest.setdefault(group, [])
        if len(lowest) < _ALWAYS:
            heapq.heappush(lowest, numbered)
            return
        numbered = heapq.heappushpop(lowest, numbered)
        if -numbered[0] < self._limit:
            self._below.setdefault(group, []).append(numbered)
            self._n_below += 1
            if self._n_below > _TIMES * self._size:
                self._halve()

    def _halve(self) -> None:
        self._limit /= 2
        for group, below in self._below.items():
            self._below[group] = [numbered for numbered in below if -numbered[0] < self._limit]
        self._n_below = sum(map(len, self._below.values()))

    def items(self) -> list[Item]:
        drawn = []
        for group, n in self._sizes().items():
            drawn += heapq.nlargest(n, (*self._lowest[group], *self._below.get(group, ())))
        return [item for _, _, item in sorted(drawn, key=itemgetter(1))]

    def strata(self) -> dict[str, Stratum]:
        return {group: Stratum(self._n_seen[group], n) for group, n in self._sizes().items()}

    def _sizes(self) -> dict[str, int]:
        """Return how many items of each group are drawn. Of groups with equal remainders a random one comes first."""
        by_chance = sorted(self._lowest, key=lambda group: max(self._lowest[group])[0])
        sizes = dict(zip(by_chance, shares([self._n_seen[group] for group in by_chance], self._size), strict=True))
        return {group: sizes[group] for group in self._n_seen}


def shares(counts: Sequence[int], size: int) -> list[int]:
    """Return ``size`` in parts that are proportional to ``counts``, no part larger than its count.

    The exact parts are rounded down, and what is left goes to those with the largest remainders, of equal ones to the first
    (Hamilton's method).
    """
    total = sum(counts)
    if total <= size:
        return list(counts)
    parts, remainders = zip(*(divmod(size * count, total) for count in counts), strict=True)
    found = list(parts)
    for index in sorted(range(len(counts)), key=lambda index: -remainders[index])[: size - sum(parts)]:
        found[index] += 1
    return found
