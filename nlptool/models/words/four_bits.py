"""Word vectors in four bits a number: a byte holds two dimensions.

A vector is a row of 4-bit codes. Each code stands for one of 16 levels, whole numbers from -127 to 127, and

    unit vector = levels[codes] × columns × scale

with a factor for each dimension (``columns``, its root mean square over all unit vectors) and one for each vector (``scale``).
The levels are those with the smallest squared error for normally distributed numbers (Lloyd-Max); for vectors with many zeros
there is a second grid, with a level at 0. The size of the grid is chosen for each vector: that of nine with the largest cosine
between the vector and what is stored.

Byte j of a row holds dimension j in its low half and dimension j + ceil(D / 2) in its high half, so that each half is decoded by
one ``bytes.translate``.

Sources: S. Lloyd: Least Squares Quantization in PCM (1982); J. Max: Quantizing for Minimum Distortion (1960).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import ModelError
from nlptool.storage import npy

INT4 = "int4"


@dataclass(frozen=True, slots=True)
class Grid:
    """The Lloyd-Max levels of a normal distribution, the largest of them 127."""

    levels: tuple[int, ...]  # 16
    deviation: float  # the standard deviation of that distribution
    sizes: tuple[float, ...]  # that are tried, relative to the root mean square of a vector


DENSE = Grid(
    (-127, -96, -75, -58, -44, -30, -18, -6, 6, 18, 30, 44, 58, 75, 96, 127),
    46.3,
    (0.8, 0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.15, 1.2),
)
SPARSE = Grid(  # 15 levels, one of them 0; the last stands there twice
    (-127, -95, -73, -56, -40, -26, -13, 0, 13, 26, 40, 56, 73, 95, 127, 127),
    47.5,
    (0.8, 0.9, 1.0, 1.1, 1.25, 1.6, 2.0, 3.0, 4.0),
)
_ROWS = 8192  # that are encoded at a time
_N_SAMPLE = 2048  # vectors on which the two grids are compared
_N_LEVELS = 16
_CACHED = 100_000  # bytes that are decoded at a time: they stay in the processor's cache


@dataclass(frozen=True, slots=True)
class Encoder:
    """Encodes vectors, with a grid and factors of the dimensions that suit all of them."""

    grid: Grid
    columns: NDArray[np.float32]  # (D,)

    @classmethod
    def fitted(cls, vectors: NDArray[Any]) -> Encoder:
        """Return the encoder for vectors (V, D).

        Raises:
            ModelError: a number is not finite.
        """
        squares = np.zeros(vectors.shape[1])
        for start in range(0, len(vectors), _ROWS):
            if not np.isfinite(vectors[start : start + _ROWS]).all():
                raise ModelError("a vector holds a number that is not finite (NaN or infinity)")
            squares += (_units(vectors[start : start + _ROWS])[0] ** 2).sum(axis=0)
        columns = np.sqrt(squares / max(squares.sum(), 1e-9) * len(squares)).astype(np.float32)
        sample = vectors[:: max(1, len(vectors) // _N_SAMPLE)][:_N_SAMPLE]
        encoders = [cls(grid, columns) for grid in (DENSE, SPARSE)]
        return max(encoders, key=lambda encoder: float(encoder._best(_units(sample)[0])[1].mean()))

    def encode(self, vectors: NDArray[Any]) -> tuple[NDArray[np.uint8], NDArray[np.float64], NDArray[np.float64]]:
        """Return the rows of vectors (n, D), (n, ceil(D / 2)) uint8; their lengths (n,); and their scales (n,)."""
        parts = [self._encode(vectors[start : start + _ROWS]) for start in range(0, len(vectors), _ROWS)]
        rows, lengths, scales = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        return rows, lengths, scales

    def _encode(self, vectors: NDArray[Any]) -> tuple[NDArray[np.uint8], NDArray[np.float64], NDArray[np.float64]]:
        units, lengths = _units(vectors)
        codes, _ = self._best(units)
        stored = np.linalg.norm(np.asarray(self.grid.levels)[codes] * self.columns.astype(np.float64), axis=1)
        scales = np.divide(1, stored, out=np.zeros(len(units)), where=(stored > 0) & (lengths > 0))
        half = -(-units.shape[1] // 2)
        rows = codes[:, :half].copy()
        rows[:, : units.shape[1] - half] |= codes[:, half:] << 4
        return rows, lengths, scales

    def _best(self, units: NDArray[np.float64]) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
        """Return the codes of unit vectors (n, D), (n, D) uint8, and the cosines with what they stand for, (n,)."""
        columns = self.columns.astype(np.float64)
        plain = np.divide(units, columns, out=np.zeros_like(units), where=columns > 0)
        deviations = np.sqrt((plain**2).mean(axis=1, keepdims=True))
        plain *= np.divide(self.grid.deviation, deviations, out=np.ones_like(deviations), where=deviations > 0)
        levels = np.asarray(self.grid.levels, np.float64)
        borders = (levels[1:] + levels[:-1]) / 2
        best, largest = np.zeros(units.shape, np.uint8), np.full(len(units), -np.inf)
        for size in self.grid.sizes:
            codes = np.searchsorted(borders * size, plain).astype(np.uint8)
            stored = levels[codes] * columns
            lengths = np.linalg.norm(stored, axis=1)
            cosines = (stored * units).sum(axis=1) / np.where(lengths == 0, 1, lengths)
            better = cosines > largest
            best[better], largest[better] = codes[better], cosines[better]
        return best, largest


def _units(vectors: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return unit vectors (n, D) and the lengths (n,) that they had; a vector of zeros stays."""
    exact = np.asarray(vectors, np.float64)
    lengths = np.linalg.norm(exact, axis=1)
    return exact / np.where(lengths == 0, 1, lengths)[:, None], lengths


class Rows:
    """The rows of a folder's vectors.npy, mapped into memory and decoded where they are needed.

    Raises:
        OSError: a file cannot be opened.
        ValueError: the files do not hold such rows, or do not belong together.
    """

    def __init__(self, folder: Path, dimension: Any, levels: Any) -> None:
        self._codes = npy.mapped(folder / "vectors.npy")  # (V, ceil(D / 2))
        self.columns = np.asarray(npy.mapped(folder / "columns.npy"))  # (D,) float32
        if type(dimension) is not int or self._codes.dtype != np.uint8 or self._codes.ndim != 2 or not self._codes.size:
            raise ValueError("vectors.npy holds no vectors in 4 bits")
        if self._codes.shape[1] != -(-dimension // 2) or self.columns.shape != (dimension,):
            raise ValueError("its files speak of different numbers of dimensions")
        if self.columns.dtype != np.float32 or not np.isfinite(self.columns).all():
            raise ValueError("columns.npy holds no factors")
        if not (isinstance(levels, list) and len(levels) == _N_LEVELS and all(map(_is_level, levels))):
            raise ValueError("its manifest has no 16 levels from -127 to 127")
        self.precision = INT4
        self.shape = len(self._codes), dimension
        by_code = np.asarray(levels, np.int8)
        low, high = np.arange(256) & 15, np.arange(256) >> 4
        self._tables = by_code[low].tobytes(), by_code[high].tobytes()

    def buffer(self, n: int) -> NDArray[np.float32]:
        """Return the memory of n rows, to be read to several times: new memory would cost more than the decoding."""
        return np.empty((n, self.shape[1]), np.float32)

    def read(self, indices: Any, buffer: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """Return the levels of some rows, (n, D) float32, in ``buffer`` if there is one."""
        codes = self._codes[indices]
        half = codes.shape[1]
        rows = (self.buffer(len(codes)) if buffer is None else buffer)[: len(codes)]
        step = max(1, _CACHED // half)
        for start in range(0, len(codes), step):
            data = codes[start : start + step].tobytes()
            low, high = (np.frombuffer(data.translate(table), np.int8).reshape(-1, half) for table in self._tables)
            rows[start : start + step, :half] = low
            rows[start : start + step, half:] = high[:, : rows.shape[1] - half]
        return rows

    def release(self) -> None:
        """Tell the system that the mapped pages are not needed for now."""
        npy.release(self._codes)


def _is_level(value: Any) -> bool:
    return type(value) is int and -127 <= value <= 127
