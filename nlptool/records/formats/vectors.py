"""Vectors as bytes: their precision, and the form in which a format holds them."""

from __future__ import annotations

import base64
import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

_DTYPES = {"float32": "<f4", "float16": "<f2", "int8": "|i1", "binary": "|u1"}


class Precision:
    """Writes float32 vectors in a precision and a form.

    float16 rounds. int8 divides each vector by a scale of its own, a 127th of its largest component, so cosines stay what they
    were (to about 1e-3) and ``value × scale`` gives the vector. binary keeps the signs (1 where a component is above zero),
    eight to a byte, the first in the highest bit, as ``numpy.packbits``; compare by Hamming distance.

    Args:
        name: float32 | float16 | int8 | binary.
        dimension: components of a vector.
        form: json | base64 | raw: the bytes alone.
    """

    def __init__(self, name: str, dimension: int, form: str) -> None:
        self.name = name
        self.dtype = np.dtype(_DTYPES[name])
        self.n_columns = -(-dimension // 8) if name == "binary" else dimension
        self._to_bytes: Callable[[NDArray[Any]], bytes] = {
            "json": _float16_as_json if name == "float16" else _as_json,
            "base64": _as_base64,
            "raw": lambda row: row.tobytes(),
        }[form]

    def finite(self, vectors: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return for each row, (N,) bool, whether it holds neither NaN nor infinity, also when it is written."""
        largest = np.finfo(np.float16 if self.name == "float16" else np.float32).max
        return np.all(np.abs(vectors) <= largest, axis=1)  # type: ignore[no-any-return]  # False for NaN too

    def write(self, vectors: NDArray[np.float32]) -> Iterator[tuple[bytes, dict[str, Any]]]:
        """Yield each row as it is written, and what its record's entry says of it; rows that are not finite are undefined."""
        scales: list[float] | None = None
        with np.errstate(invalid="ignore", over="ignore"):
            if self.name == "int8":
                exact = np.max(np.abs(vectors), axis=1, keepdims=True) / np.float32(127)
                vectors = np.rint(vectors / np.where(exact == 0, 1, exact))
                scales = [float(str(scale)) for scale in exact[:, 0]]  # the shortest decimals of a float32
            rows = np.packbits(vectors > 0, axis=1) if self.name == "binary" else vectors.astype(self.dtype)
        for index, row in enumerate(rows):
            yield self._to_bytes(row), {"scale": scales[index]} if scales else {}


def _as_json(row: NDArray[Any]) -> bytes:
    """Write the shortest decimals that read back to the same float32."""
    return orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY)


def _float16_as_json(row: NDArray[Any]) -> bytes:
    return b"[%b]" % b",".join(map(_float16, row.view(np.uint16).tolist()))


@functools.cache
def _float16(bits: int) -> bytes:
    """Write the shortest decimal that reads back to the same float16."""
    return str(np.uint16(bits).view(np.float16)).encode()


def _as_base64(row: NDArray[Any]) -> bytes:
    return b'"%b"' % base64.b64encode(row.tobytes())
