"""NumPy's file of one array.

Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, version 1.0, with a header of 128 bytes.
"""

from __future__ import annotations

import mmap
import tokenize
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

HEADER_BYTES = 128


def mapped(path: Path) -> NDArray[Any]:
    """Map the array of an ``.npy`` into memory.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it is no ``.npy``, or is incomplete.
    """
    import numpy as np

    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (SyntaxError, tokenize.TokenError, EOFError, OverflowError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError(f"its header cannot be read: {error}") from error
    return array


def header(dtype: str, shape: tuple[int, ...]) -> bytes:
    """Return the 128 bytes before the values of an ``.npy``."""
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape!r}, }}"
    size = (HEADER_BYTES - 10).to_bytes(2, "little")
    return b"\x93NUMPY\x01\x00" + size + text.ljust(HEADER_BYTES - 11).encode() + b"\n"


def release(array: NDArray[Any]) -> None:
    """Tell the system that the pages of a memory-mapped file are not needed for now; they stay in its cache."""
    mapped = getattr(array, "_mmap", None)
    if mapped is not None:
        mapped.madvise(mmap.MADV_DONTNEED)
