"""The rows of a folder's vectors.npy, mapped into memory: plain numbers, or codes of four bits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.models.words import four_bits
from nlptool.storage import npy

_PLAIN = ("float32", "float16", "int8")


def opened(folder: Path, about: Mapping[str, Any]) -> PlainRows | four_bits.Rows:
    """Map the rows of a folder with the manifest ``about``.

    Raises:
        OSError: a file cannot be opened.
        ValueError: there are no vectors in it.
    """
    if about.get("precision") == four_bits.INT4:
        return four_bits.Rows(folder, about.get("dimension"), about.get("levels"))
    return PlainRows(folder)


class PlainRows:
    """The rows of vectors.npy as numbers, mapped into memory.

    Raises:
        OSError: it cannot be opened.
        ValueError: it holds no vectors.
    """

    columns: NDArray[np.float32] | None = None  # factors of the dimensions, which int4 rows have

    def __init__(self, folder: Path) -> None:
        self._array = npy.mapped(folder / "vectors.npy")  # (V, D)
        self.precision = str(self._array.dtype)
        if self._array.ndim != 2 or not self._array.size or self.precision not in _PLAIN:
            raise ValueError("vectors.npy holds no vectors")
        self.shape: tuple[int, int] = self._array.shape

    def buffer(self, n: int) -> None:
        """These rows need no buffer to be read to."""

    def read(self, indices: Any, buffer: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """Return some rows, (n, D) float32."""
        return np.asarray(self._array[indices], np.float32)

    def release(self) -> None:
        """Tell the system that the mapped pages are not needed for now."""
        npy.release(self._array)
