"""The rows of several arrays as those of one, without copying them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from nlptool.storage import npy


class RowParts:
    """Rows that stand in several arrays, one behind the other.

    Attributes:
        shape: (N, D).

    Args:
        lengths: the number of rows of each array.
        dimension: D.
        array: returns an array by its number, (n, D) float32, memory-mapped or not.
    """

    def __init__(self, lengths: Sequence[int], dimension: int, array: Callable[[int], NDArray[np.float32]]) -> None:
        self._ends = list(accumulate(lengths))
        self._array = array
        self._used: dict[int, NDArray[np.float32]] = {}  # the arrays whose pages may be in memory
        self.shape = (self._ends[-1] if self._ends else 0, dimension)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> NDArray[np.float32]:
        """Return the rows from ``rows.start`` to ``rows.stop``, (n, D): a view of an array where they all stand in one.

        The pages of the arrays that were read before, and are not read now, are released.
        """
        first, stop, _ = rows.indices(len(self))
        used: dict[int, NDArray[np.float32]] = {}
        pieces: list[NDArray[np.float32]] = []
        while first < stop:
            number, row = self.place(first)
            end = min(stop, self._ends[number])
            before = self._used.get(number)
            used[number] = self._array(number) if before is None else before
            pieces.append(used[number][row : row + end - first])
            first = end
        for number in self._used.keys() - used.keys():
            npy.release(self._used[number])
        self._used = used
        if not pieces:
            return np.empty((0, self.shape[1]), np.float32)
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def place(self, row: int) -> tuple[int, int]:
        """Return the number of a row's array, and its number in the array."""
        number = bisect_right(self._ends, row)
        return number, row - (self._ends[number - 1] if number else 0)

    def release(self) -> None:
        """Tell the system that the pages of memory-mapped files are not needed for now."""
        for array in self._used.values():
            npy.release(array)
        self._used = {}
