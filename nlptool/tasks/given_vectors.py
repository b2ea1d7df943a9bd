"""The vectors that records bring along, as `nlptool embed` writes them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from nlptool.errors import RecordError
from nlptool.records.json_bytes import RESERVED

_DTYPES = {"float32": "<f4", "float16": "<f2", "int8": "|i1"}  # of embeddings in base64


def entry_of(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the entry of `embed` in a record."""
    entries = values.get(RESERVED)
    entry = entries.get("embed") if isinstance(entries, dict) else None
    return entry if isinstance(entry, dict) else {}


def parsed(value: Any, entry: Mapping[str, Any]) -> NDArray[np.float32]:
    """Parse a vector as `embed` writes it: numbers, in a table as JSON in a cell, or base64 in the precision that the entry says.

    Raises:
        RecordError: it is none.
    """
    precision = str(entry.get("precision") or "float32")
    if precision == "binary":
        raise RecordError("BinaryEmbedding", "the embedding holds the signs alone, eight to a byte",
                          hint="embed again with another --precision")  # fmt: skip
    if isinstance(value, str) and value.startswith("["):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            raise RecordError("NotAVector", f"`embedding` is no JSON: {error}") from error
    if isinstance(value, str) and precision in _DTYPES:
        try:
            vector = np.frombuffer(base64.b64decode(value, validate=True), _DTYPES[precision]).astype(np.float32)
        except (binascii.Error, ValueError) as error:
            raise RecordError("NotAVector", f"`embedding` is no base64 of {precision}: {error}") from error
    elif isinstance(value, list) and value and set(map(type, value)) <= {int, float}:
        with np.errstate(over="ignore"):
            vector = np.asarray(value, np.float64).astype(np.float32)
    else:
        raise RecordError("NotAVector", "`embedding` is no list of numbers")
    if isinstance(scale := entry.get("scale"), float) and precision == "int8":
        vector *= np.float32(scale)
    if not len(vector) or not np.isfinite(vector).all():
        raise RecordError("NotFinite", "the embedding holds NaN, infinity or a number beyond float32, or nothing")
    return vector
