"""Safetensors files: headers checked before anything is allocated, and tensors written one after another.

Format: https://huggingface.co/docs/safetensors: 8 bytes that give the length of a JSON header, the header, the data.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlptool.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def header(path: Path) -> dict[str, Any]:
    """The header of a file: name -> {dtype, shape, data_offsets}, checked against the file's size.

    Raises:
        ModelError: they do not agree.
    """
    again = "download the model again"
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > size - 8:
            raise ModelError(f"{path} is damaged: it is shorter than its header says", hint=again)
        try:
            found: dict[str, Any] = json.loads(file.read(length))
            found.pop("__metadata__", None)
            end = max((entry["data_offsets"][1] for entry in found.values()), default=0)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
            raise ModelError(f"{path} is damaged: its header cannot be read", hint=again) from error
    if 8 + length + end != size:
        raise ModelError(f"{path} is damaged: {size:,} bytes, but its header promises {8 + length + end:,}", hint=again)
    return found


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
