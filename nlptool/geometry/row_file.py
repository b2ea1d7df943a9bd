"""A matrix that grows row by row in a temporary file, and is then mapped into memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nlptool.storage import temp_files


class RowFile:
    """Rows of equal length.

    Args:
        dtype: of their numbers.
    """

    def __init__(self, dtype: DTypeLike) -> None:
        self._dtype = np.dtype(dtype)
        self._file = temp_files.temporary(self)
        self._shape = (0, 0)

    def add(self, rows: NDArray[Any]) -> None:
        """Add rows, (n, D).

        Raises:
            RunError: the temporary folder is full.
        """
        if not len(rows):
            return
        with temp_files.disk_space():
            self._file.write(np.ascontiguousarray(rows, self._dtype).tobytes())
        self._shape = self._shape[0] + len(rows), rows.shape[1]

    def matrix(self) -> NDArray[Any]:
        """Return all rows, (N, D), mapped into memory."""
        if not all(self._shape):
            return np.empty(self._shape, self._dtype)
        with temp_files.disk_space():
            self._file.flush()
        return np.memmap(self._file, self._dtype, "r", shape=self._shape)
