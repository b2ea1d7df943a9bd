"""A random sample of a stream whose length is not known (J. S. Vitter: Random Sampling with a Reservoir, ACM TOMS 11, 1985)."""

from __future__ import annotations

import random
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Reservoir(Generic[Item]):
    """Keeps ``size`` of the items that are added; each of all items is kept with the same probability (algorithm R).

    Attributes:
        n_seen: items that were added.
    """

    def __init__(self, size: int, *, seed: int) -> None:
        self.n_seen = 0
        self._size = size
        self._numbers = random.Random(seed)
        self._kept: list[tuple[int, Item]] = []  # with the number of each

    def add(self, item: Item) -> None:
        if len(self._kept) < self._size:
            self._kept.append((self.n_seen, item))
        elif (place := self._numbers.randrange(self.n_seen + 1)) < self._size:
            self._kept[place] = self.n_seen, item
        self.n_seen += 1

    def items(self) -> list[Item]:
        """Return what was kept, in the order in which it was added."""
        return [item for _, item in sorted(self._kept, key=lambda pair: pair[0])]
