"""The rows of several arrays as those of one, without copying them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from nlptool.storage import npy


class RowParts:
    """Rows that stand in several arrays, one behind the other.

    Attributes:
        shape: (N, D).

    Args:
        arrays: (n, D) float32 each, memory-mapped or not; the D of one without rows does not matter.
    """

    def __init__(self, arrays: Sequence[NDArray[np.float32]]) -> None:
        self._arrays = [array for array in arrays if len(array)]
        self._ends = list(accumulate(map(len, self._arrays)))
        self._used: set[int] = set()  # the arrays whose pages may be in memory
        self.shape = (self._ends[-1], self._arrays[0].shape[1]) if self._arrays else (0, 0)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> NDArray[np.float32]:
        """Return the rows from ``rows.start`` to ``rows.stop``, (n, D): a view of an array where they all stand in one.

        The pages of the arrays that were read before, and are not read now, are released.
        """
        first, stop, _ = rows.indices(len(self))
        pieces: list[NDArray[np.float32]] = []
        number = begin = bisect_right(self._ends, first)
        while first < stop:
            before = self._ends[number - 1] if number else 0
            end = min(stop, self._ends[number])
            pieces.append(self._arrays[number][first - before : end - before])
            first, number = end, number + 1
        used = set(range(begin, number))
        for each in self._used - used:
            npy.release(self._arrays[each])
        self._used = used
        if not pieces:
            return np.empty((0, self.shape[1]), np.float32)
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def release(self) -> None:
        """Tell the system that the pages of memory-mapped files are not needed for now."""
        for each in self._used:
            npy.release(self._arrays[each])
        self._used = set()
