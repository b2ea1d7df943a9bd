"""The weights of networks of nlptool's own: ``model.safetensors`` of a folder of ``train seq2seq`` or ``train lm``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import ModelError
from nlptool.models.store.kinds import STANDARD_WEIGHTS
from nlptool.storage import safetensors


def read(folder: Path) -> dict[str, NDArray[np.float32]]:
    """Return the weights in a folder: parameter name -> values.

    Raises:
        ModelError: the file is missing, or damaged.
    """
    path = folder / STANDARD_WEIGHTS
    if not path.is_file():
        raise ModelError(f"{folder} has no {STANDARD_WEIGHTS}")
    return {name: safetensors.read(path, name).astype(np.float32) for name in safetensors.header(path)}


def write(folder: Path, weights: Mapping[str, NDArray[np.float32]], precision: str) -> None:
    """Write weights into a folder.

    Args:
        precision: float32 | float16.

    Raises:
        OSError: the file cannot be written.
    """
    from safetensors import numpy as writer

    arrays = {name: np.ascontiguousarray(values, dtype=precision) for name, values in weights.items()}
    (folder / STANDARD_WEIGHTS).write_bytes(writer.save(arrays, {"format": "pt"}))
