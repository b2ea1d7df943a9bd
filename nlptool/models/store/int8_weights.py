"""Weights in 8 bits: large matrices as int8 with a scale for each row, all other tensors as float16.

``model.int8.safetensors`` holds each large matrix as two tensors: ``NAME``, int8 (R, C) from -127 to 127, and ``NAME.scale``,
float32 (R,), the largest absolute value of each row divided by 127. The matrix is ``NAME * NAME.scale[:, None]`` in float32.
The method is the symmetric quantisation of M. Nagel et al.: A White Paper on Neural Network Quantization (2021),
https://arxiv.org/abs/2106.08295, section 2.2, with a scale for each row. Only weights are rounded: a network computes in float32.

A graph that is shipped with such a file is given its weights as ``initializers``, in float32, when it is opened. For everything
else ``unpack`` writes a folder in the standard layout of transformers; ``locate`` keeps that in the user's cache.
"""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import ModelError
from nlptool.models.store import model_folder
from nlptool.models.store.kinds import CLASSIFIER, INT8_WEIGHTS, MASKED, STANDARD_WEIGHTS
from nlptool.storage import safetensors

SALT = "int8 weights 1"
"""Of the key in the cache under which an unpacked folder is: another one unpacks all of them anew."""

SCALE = ".scale"
TRANSPOSED = ".T"
LARGEST = 127  # of a weight, absolute
_ROWS = 512  # that are dequantized at a time
_FEWEST = 16  # rows and columns of a matrix that is worth it
_PRECISE = ("position_embeddings.weight", "token_type_embeddings.weight")  # added to every token
_FLOATS = ("F64", "F32", "F16", "BF16")
_OF_GRAPH = ("model.onnx", MASKED.manifest, CLASSIFIER.manifest)  # which reads the file in 8 bits
_AGAIN = "install the package, or download the model, again"


def quantize(matrix: NDArray[np.floating[Any]]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Round a matrix (R, C) to int8 (R, C) with scales float32 (R,); the difference is at most half a scale.

    Raises:
        ModelError: it holds NaN or infinity.
    """
    values = matrix.astype(np.float32)
    scales = (np.abs(values).max(axis=1) / LARGEST).astype(np.float32)
    if not np.all(np.isfinite(scales)):
        raise ModelError("a matrix with NaN or infinity cannot be rounded to 8 bits")
    steps = np.rint(values / np.where(scales > 0, scales, 1)[:, None])
    return np.clip(steps, -LARGEST, LARGEST).astype(np.int8), scales


def dequantize(steps: NDArray[np.int8], scales: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the matrix float32 (R, C) of ``steps`` (R, C) and ``scales`` (R,): one product for each number, as in a graph."""
    matrix = np.empty(steps.shape, np.float32)
    for start in range(0, len(steps), _ROWS):  # a part is still in the processor's cache when it is multiplied
        part = matrix[start : start + _ROWS]
        part[...] = steps[start : start + _ROWS]
        part *= scales[start : start + _ROWS, None]
    return matrix


def is_quantized(name: str, shape: tuple[int, ...]) -> bool:
    """Return whether ``pack`` rounds a tensor to 8 bits: a matrix of a linear layer or of token embeddings."""
    return len(shape) == 2 and min(shape) >= _FEWEST and not name.endswith(_PRECISE)


def pack(source: Path, target: Path) -> None:
    """Write the floating-point weights of ``source``, a file in safetensors, to the file ``target`` in 8 bits.

    Raises:
        ModelError: the file is damaged, or a tensor has a type or a value that cannot be kept.
        OSError: a file cannot be read or written.
    """
    arrays: dict[str, NDArray[Any]] = {}
    for name, entry in safetensors.header(source).items():
        if entry["dtype"] not in _FLOATS:
            raise ModelError(f"{source} holds {name} as {entry['dtype']}, which is no type of weights")
        array = safetensors.read(source, name)
        try:
            if is_quantized(name, array.shape):
                arrays[name], arrays[f"{name}{SCALE}"] = quantize(array)
                continue
        except ModelError as error:
            raise ModelError(f"{source}: {name}: {error.message}") from error
        with np.errstate(over="ignore"):
            arrays[name] = array.astype(np.float16)
        if not np.all(np.isfinite(arrays[name])):
            raise ModelError(f"{source}: {name} holds a number that is none in float16")
    safetensors.write_arrays(target, arrays)


def read(path: Path) -> dict[str, NDArray[np.float32]]:
    """Return all weights of a file, in float32.

    Raises:
        ModelError: the file is damaged.
    """
    return {name: values() for name, _, values in weights(path)}


def weights(path: Path) -> list[tuple[str, tuple[int, ...], Callable[[], NDArray[np.float32]]]]:
    """Return the name, the shape and a function that gives the float32 values of each tensor.

    Raises:
        ModelError: as of ``_checked``.
    """
    arrays = _checked(path)
    return [
        (name, array.shape, functools.partial(_values, arrays, name))
        for name, array in arrays.items()
        if not _is_scale(arrays, name)
    ]


def initializers(path: Path, names: Iterable[str]) -> dict[str, NDArray[np.float32]]:
    """Return what a graph that is shipped asks for: the tensors ``NAME``, and transposed the matrices ``NAME.T``.

    Raises:
        ModelError: the file is damaged, or has no such tensors.
    """
    arrays = _checked(path)
    found = {}
    for wanted in names:
        name = wanted.removesuffix(TRANSPOSED)
        if name not in arrays:
            raise _damaged(path, f"it has no tensor {name}")
        found[wanted] = _values(arrays, name, transposed=name != wanted)
    return found


def _checked(path: Path) -> dict[str, NDArray[Any]]:
    """Return all tensors of a file, mapped into memory.

    Raises:
        ModelError: the file is damaged: it contradicts itself, a matrix lacks its scales, or these are no scales.
    """
    arrays = safetensors.read_all(path)
    if sum(array.nbytes for array in arrays.values()) > path.stat().st_size:
        raise _damaged(path, "its tensors overlap")
    for name, array in arrays.items():
        if array.dtype != np.int8:
            continue
        scales = arrays.get(f"{name}{SCALE}")
        if scales is None or scales.dtype != np.float32 or array.ndim != 2 or scales.shape != array.shape[:1]:
            raise _damaged(path, f"{name} has no scale for each row")
        if not np.all(np.isfinite(scales) & (scales >= 0)):
            raise _damaged(path, f"{name}{SCALE} holds what are no scales")
    return arrays


def _is_scale(arrays: Mapping[str, NDArray[Any]], name: str) -> bool:
    matrix = arrays.get(name.removesuffix(SCALE))
    return name.endswith(SCALE) and matrix is not None and matrix.dtype == np.int8


def _values(arrays: Mapping[str, NDArray[Any]], name: str, *, transposed: bool = False) -> NDArray[np.float32]:
    array = arrays[name]
    if array.dtype != np.int8:
        return np.ascontiguousarray(array.T if transposed else array, np.float32)
    scales = arrays[f"{name}{SCALE}"]
    if transposed:  # while it is small
        product: NDArray[np.float32] = np.multiply(np.ascontiguousarray(array.T), scales, dtype=np.float32)
        return product
    return dequantize(array, scales)


def _damaged(path: Path, reason: str) -> ModelError:
    return ModelError(f"{path} is damaged: {reason}", hint=_AGAIN)


def sources(folder: Path) -> list[Path]:
    """Return the files that ``unpack`` reads: the weights, and what it copies."""
    return [path for path in sorted(folder.iterdir()) if path.is_file() and path.name not in _OF_GRAPH]


def unpack(folder: Path, target: Path) -> None:
    """Write the model of ``folder``, which has its weights in 8 bits, to the folder ``target`` with its weights in float32.

    Raises:
        ModelError: the file of the weights or the configuration is damaged.
        OSError: a file cannot be read or written.
    """
    for path in sources(folder):
        if path.name not in (INT8_WEIGHTS, "config.json"):
            shutil.copyfile(path, target / path.name)
    config = model_folder.read_json(folder / "config.json")
    text = json.dumps({**config, "dtype": "float32"}, indent=2, ensure_ascii=False)
    (target / "config.json").write_text(f"{text}\n", encoding="utf-8")
    safetensors.write(target / STANDARD_WEIGHTS, weights(folder / INT8_WEIGHTS))
