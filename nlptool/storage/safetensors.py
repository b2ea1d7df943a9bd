"""Safetensors files: headers checked before anything is allocated, and tensors written one after another.

Format: https://huggingface.co/docs/safetensors: 8 bytes that give the length of a JSON header, the header, the data.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlptool.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_AGAIN = "download the model again"
_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I8": "|i1"}


def header(path: Path) -> dict[str, Any]:
    """Read the header of a file: name -> {dtype, shape, data_offsets}, checked against the file's size.

    Raises:
        ModelError: the header is damaged, or does not agree with the size.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > size - 8:
            raise ModelError(f"{path} is damaged: it is shorter than its header says", hint=_AGAIN)
        try:
            entries: dict[str, Any] = json.loads(file.read(length))
            entries.pop("__metadata__", None)
            end = max((entry["data_offsets"][1] for entry in entries.values()), default=0)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
            raise ModelError(f"{path} is damaged: its header cannot be read", hint=_AGAIN) from error
    if 8 + length + end != size:
        raise ModelError(
            f"{path} is damaged: {size:,} bytes, but its header promises {8 + length + end:,}", hint=_AGAIN
        )
    return entries


def read(path: Path, name: str) -> NDArray[Any]:
    """Read a tensor, mapped into memory if it is aligned there. bfloat16 becomes float32.

    Raises:
        ModelError: there is none of this name, its header contradicts itself, or numpy has no such dtype.
    """
    import numpy as np

    entry = header(path).get(name)
    if entry is None:
        raise ModelError(f"{path} has no tensor {name}", hint=_AGAIN)
    try:
        kind, shape, (start, end) = str(entry["dtype"]), tuple(entry["shape"]), entry["data_offsets"]
        if kind not in _DTYPES:
            raise ModelError(f"{path} holds {name} as {kind}, which is not read here")
        dtype = np.dtype(_DTYPES[kind])
        fits = all(isinstance(n, int) and n >= 0 for n in (start, *shape))
        fits = fits and math.prod(shape) * dtype.itemsize == end - start
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{path} is damaged: its header cannot be read", hint=_AGAIN) from error
    if not fits:
        raise ModelError(f"{path} is damaged: {name} is not as large as its shape {shape} says", hint=_AGAIN)
    if start == end:
        return np.zeros(shape, dtype)  # an empty file range cannot be mapped
    with path.open("rb") as file:
        offset = 8 + int.from_bytes(file.read(8), "little") + start
        mapped = np.memmap(file, dtype, "r", offset, shape)
    values: NDArray[Any] = np.require(mapped.view(np.ndarray), requirements="A")
    return (values.astype(np.uint32) << 16).view(np.float32) if kind == "BF16" else values


def write(path: Path, tensors: Iterable[tuple[str, tuple[int, ...], Callable[[], NDArray[np.float32]]]]) -> None:
    """Write float32 tensors in this order, holding one of them in memory at a time.

    Args:
        tensors: name, shape, and a function that returns the values.

    Raises:
        OSError: the file cannot be written.
    """
    import numpy as np  # `models list` reads headers alone and must not wait for it

    tensors = list(tensors)
    entries: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape, _ in tensors:
        start, end = end, end + 4 * int(np.prod(shape))
        entries[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [start, end]}
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % 64)  # tensors that begin at a multiple of 64 can be mapped
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, _, values in tensors:
            file.write(np.ascontiguousarray(values(), "<f4").data)
