"""Safetensors files: headers checked before anything is allocated, and tensors written one after another.

Format: https://huggingface.co/docs/safetensors: 8 bytes that give the length of a JSON header, the header, the data.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlptool.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_AGAIN = "download the model again"
_DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "U32": "<u4", "I8": "|i1",
}  # fmt: skip


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
    entry = header(path).get(name)
    if entry is None:
        raise ModelError(f"{path} has no tensor {name}", hint=_AGAIN)
    return _tensor(path, name, entry, _bytes(path))


def read_all(path: Path) -> dict[str, NDArray[Any]]:
    """Read all tensors of a file, as ``read`` does.

    Raises:
        ModelError: as of ``read``.
    """
    entries = header(path)
    data = _bytes(path)
    return {name: _tensor(path, name, entry, data) for name, entry in entries.items()}


def _bytes(path: Path) -> NDArray[np.uint8]:
    """Return what stands behind the header, mapped into memory."""
    import numpy as np

    mapped = np.memmap(path, np.uint8, "r").view(np.ndarray)
    return mapped[8 + int.from_bytes(mapped[:8].tobytes(), "little") :]


def _tensor(path: Path, name: str, entry: dict[str, Any], data: NDArray[np.uint8]) -> NDArray[Any]:
    import numpy as np

    try:
        kind, shape, (start, end) = str(entry["dtype"]), tuple(entry["shape"]), entry["data_offsets"]
        if kind not in _DTYPES:
            raise ModelError(f"{path} holds {name} as {kind}, which is not read here")
        dtype = np.dtype(_DTYPES[kind])
        fits = all(isinstance(n, int) and n >= 0 for n in (start, end, *shape))
        fits = fits and math.prod(shape) * dtype.itemsize == end - start
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{path} is damaged: its header cannot be read", hint=_AGAIN) from error
    if not fits:
        raise ModelError(f"{path} is damaged: {name} is not as large as its shape {shape} says", hint=_AGAIN)
    if start == end:
        return np.zeros(shape, dtype)
    values: NDArray[Any] = np.require(data[start:end].view(dtype).reshape(shape), requirements="A")
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
    with path.open("wb") as file:
        file.write(_header((name, "F32", shape, 4 * int(np.prod(shape))) for name, shape, _ in tensors))
        for _, _, values in tensors:
            file.write(np.ascontiguousarray(values(), "<f4").data)


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays in their own types, those of the widest numbers first, so that each can be mapped into memory.

    Raises:
        OSError: the file cannot be written.
    """
    import numpy as np

    names = sorted(arrays, key=lambda name: (-arrays[name].itemsize, name))
    kinds = {np.dtype(dtype): kind for kind, dtype in _DTYPES.items() if kind != "BF16"}
    with path.open("wb") as file:
        file.write(
            _header((name, kinds[arrays[name].dtype], arrays[name].shape, arrays[name].nbytes) for name in names)
        )
        for name in names:
            file.write(np.ascontiguousarray(arrays[name]).data)


def _header(tensors: Iterable[tuple[str, str, tuple[int, ...], int]]) -> bytes:
    """Return the beginning of a file with tensors (name, type, shape, bytes) in this order."""
    entries: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, kind, shape, n_bytes in tensors:
        start, end = end, end + n_bytes
        entries[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [start, end]}
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % 64)  # tensors that begin at a multiple of 64 can be mapped
    return len(text).to_bytes(8, "little") + text
