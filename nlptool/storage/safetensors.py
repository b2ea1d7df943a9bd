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
_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4"}


def header(path: Path) -> dict[str, Any]:
    """The header of a file: name -> {dtype, shape, data_offsets}, checked against the file's size.

    Raises:
        ModelError: they do not agree.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > size - 8:
            raise ModelError(f"{path} is damaged: it is shorter than its header says", hint=_AGAIN)
        try:
            found: dict[str, Any] = json.loads(file.read(length))
            found.pop("__metadata__", None)
            end = max((entry["data_offsets"][1] for entry in found.values()), default=0)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
            raise ModelError(f"{path} is damaged: its header cannot be read", hint=_AGAIN) from error
    if 8 + length + end != size:
        raise ModelError(
            f"{path} is damaged: {size:,} bytes, but its header promises {8 + length + end:,}", hint=_AGAIN
        )
    return found


def read(path: Path, name: str) -> NDArray[Any]:
    """A tensor, mapped into memory where its values lie there as numpy can use them. bfloat16 comes as float32.

    Raises:
        ModelError: it is not there, its header does not agree with itself, or numpy has no such numbers.
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
        return np.zeros(shape, dtype)  # nothing can not be mapped
    with path.open("rb") as file:
        offset = 8 + int.from_bytes(file.read(8), "little") + start
        mapped = np.memmap(file, dtype, "r", offset, shape)
    values: NDArray[Any] = np.require(mapped.view(np.ndarray), requirements="A")
    return (values.astype(np.uint32) << 16).view(np.float32) if kind == "BF16" else values


def write(path: Path, tensors: Iterable[tuple[str, tuple[int, ...], Callable[[], NDArray[np.float32]]]]) -> None:
    """Write float32 tensors in the order given, holding one of them in memory at a time.

    Args:
        tensors: name, shape, and a function that gives the values.

    Raises:
        OSError: the file cannot be written.
    """
    import numpy as np  # `models list` looks at headers alone and must not wait for it

    tensors = list(tensors)
    entries: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape, _ in tensors:
        start, end = end, end + 4 * int(np.prod(shape))
        entries[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [start, end]}
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % 64)  # tensors that begin at a multiple of 64 can be mapped as they are
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, _, values in tensors:
            file.write(np.ascontiguousarray(values(), "<f4").data)
