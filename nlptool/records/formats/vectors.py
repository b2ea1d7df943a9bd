"""Vectors as output: their precision, and the formats that hold them."""

from __future__ import annotations

import base64
import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from nlptool.records.pipe import Pipe
from nlptool.records.record import Record

NOTES = {
    "truncated": "texts that were longer than the model takes, and were cut",
    "n_unknown": "words that the model does not know, left out of the mean",
    "n_subwords": "words that the model knows by their subwords alone",
    "n_chunks": "chunks in which longer texts were taken",
}

_DTYPES = {"float32": "<f4", "float16": "<f2", "int8": "|i1", "binary": "|u1"}


class Precision:
    """Writes float32 vectors in a precision and a form.

    float16 rounds. int8 divides each vector by a scale of its own, a 127th of its largest component, so cosines stay what they
    were (to about 1e-3) and ``value × scale`` gives the vector. binary keeps the signs (1 where a component is above zero),
    eight to a byte, the first in the highest bit, as ``numpy.packbits``; compare by Hamming distance.

    Args:
        precision: float32, float16, int8 or binary.
        form: json, base64, or raw: the bytes alone.
    """

    def __init__(self, precision: str, dimension: int, form: str) -> None:
        self.name = precision
        self.dtype = np.dtype(_DTYPES[precision])
        self.columns = -(-dimension // 8) if precision == "binary" else dimension
        self._form: Callable[[NDArray[Any]], bytes] = {
            "json": _float16_as_json if precision == "float16" else _as_json,
            "base64": _as_base64,
            "raw": lambda row: row.tobytes(),
        }[form]

    def finite(self, vectors: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which rows hold neither NaN nor infinity, also when they are written."""
        largest = np.finfo(np.float16 if self.name == "float16" else np.float32).max
        return np.all(np.abs(vectors) <= largest, axis=1)  # type: ignore[no-any-return]  # False for NaN too

    def write(self, vectors: NDArray[np.float32]) -> Iterator[tuple[bytes, dict[str, Any]]]:
        """Each row (of those that are finite) as it is written, and what its record's entry has to say of it."""
        scales: list[float] | None = None
        with np.errstate(invalid="ignore", over="ignore"):
            if self.name == "int8":
                exact = np.max(np.abs(vectors), axis=1, keepdims=True) / np.float32(127)
                vectors = np.rint(vectors / np.where(exact == 0, 1, exact))
                scales = [float(str(scale)) for scale in exact[:, 0]]  # the shortest decimals of a float32
            rows = np.packbits(vectors > 0, axis=1) if self.name == "binary" else vectors.astype(self.dtype)
        for index, row in enumerate(rows):
            yield self._form(row), {"scale": scales[index]} if scales else {}


def _as_json(row: NDArray[Any]) -> bytes:
    """The shortest decimals that read back to the same float32."""
    return orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY)


def _float16_as_json(row: NDArray[Any]) -> bytes:
    return b"[%b]" % b",".join(map(_float16, row.view(np.uint16).tolist()))


@functools.cache
def _float16(bits: int) -> bytes:
    """The shortest decimal that reads back to the same float16."""
    return str(np.uint16(bits).view(np.float16)).encode()


def _as_base64(row: NDArray[Any]) -> bytes:
    return b'"%b"' % base64.b64encode(row.tobytes())


class Lines:
    """JSONL, with vectors as numbers or in base64."""

    def __init__(self, pipe: Pipe, precision: Precision) -> None:
        self.precision = precision
        self._pipe = pipe

    def run(self, lists: Iterable[list[Record]]) -> None:
        self._pipe.write(lists, tell=NOTES)


class Rows:
    """A file of rows: what ``matrices`` and ``parquet`` write."""

    def __init__(self, pipe: Pipe, precision: Precision, file: Any) -> None:
        self.precision = precision
        self._pipe = pipe
        self._file = file

    def run(self, lists: Iterable[list[Record]]) -> None:
        file = self._file
        self._pipe.write(lists, file.row, start=file.start, finish=file.finish, tell=NOTES, terminator=None)
        if file.n_empty:
            self._pipe.note(f"{file.empty}, whose records have no text or failed: {file.n_empty:,}")
        if self._pipe.n_unnamed:
            self._pipe.note(f"rows without a name, whose records lack the --id-field: {self._pipe.n_unnamed:,}")


def writer(format: str, precision: str, dimension: int, pipe: Pipe) -> Lines | Rows:
    """What writes records with vectors of ``dimension`` components in ``format``."""
    if format in ("jsonl", "base64"):
        return Lines(pipe, Precision(precision, dimension, "json" if format == "jsonl" else "base64"))
    chosen = Precision(precision, dimension, "raw")
    if format == "parquet":
        from nlptool.records.formats.parquet import Parquet

        return Rows(pipe, chosen, Parquet(chosen.dtype, chosen.columns, id_of=pipe.id_of, text=not pipe.drop_input))
    from nlptool.records.formats.npy import Npy, Npz

    if format == "npz":
        return Rows(pipe, chosen, Npz(chosen.dtype, chosen.columns, id_of=pipe.id_of))
    return Rows(pipe, chosen, Npy(chosen.dtype, chosen.columns))
