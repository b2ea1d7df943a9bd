"""An ``.npy`` as items to compare."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nlptool.errors import RunError
from nlptool.records.record import Record
from nlptool.storage import npy

NPY_MAGIC = b"\x93NUMPY"

_CHECKED = 4_000_000  # numbers that are checked at once


class NpyRows:
    """The rows of an ``.npy`` as items without text.

    Attributes:
        vectors: the array of the file, (N, D), mapped into memory.
        positions: the rows' numbers, (N,) int64.
        n_zero: rows of zeros.

    Raises:
        RunError: the file is no matrix of numbers, is incomplete, or has rows with NaN, of records that had no vector.
    """

    ready = False
    model = ""
    without: Sequence[tuple[int, Record]] = ()

    def __init__(self, path: str) -> None:
        self._path = path
        try:
            self.vectors = npy.mapped(Path(path))
        except (OSError, ValueError) as error:
            raise RunError(f"{path} is no .npy that can be read: {error}") from error
        if self.vectors.ndim != 2 or not self.vectors.shape[1] or self.vectors.dtype.kind not in "fiu":
            raise RunError(
                f"{path} is no matrix of numbers: it has the shape {self.vectors.shape} of {self.vectors.dtype}"
            )
        self.positions = np.arange(len(self.vectors))
        self.n_zero = 0
        step = max(1, _CHECKED // max(1, self.vectors.shape[1]))
        for first in range(0, len(self.vectors), step):
            block = self.vectors[first : first + step]
            self.n_zero += int((~block.any(axis=1)).sum())
            with np.errstate(over="ignore"):
                wrong = np.flatnonzero(~np.isfinite(block.astype(np.float32, copy=False)).all(axis=1))
            if len(wrong):
                raise RunError(
                    f"{self._path}: row {first + wrong[0]} (from 0) holds NaN, infinity or a number beyond float32",
                    hint="nlptool embed writes such rows for records that have no text; its JSONL is read without them",
                )

    def __len__(self) -> int:
        return len(self.vectors)

    def text(self, _: int) -> str:
        return ""

    def id(self, _: int) -> str:
        return ""

    def shown(self, index: int) -> dict[str, Any]:
        return {"index": index}

    def entry(self, _: int) -> Mapping[str, Any]:
        return {}

    def record(self, index: int) -> Record:
        return Record("", self._path, index + 1, b"{}")


def is_matrix(path: str) -> bool:
    """Return whether a file begins as an ``.npy`` does."""
    with contextlib.suppress(OSError):
        if Path(path).is_file():
            with Path(path).open("rb") as file:
                return file.read(len(NPY_MAGIC)) == NPY_MAGIC
    return False
