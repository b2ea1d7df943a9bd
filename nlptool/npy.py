"""A float32 matrix in NumPy's format, written row by row while its height is still unknown.

Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, version 1.0, with a header of 128 bytes.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from typing import IO

from nlptool.errors import RunError
from nlptool.records import Record
from nlptool.streams import CHUNK, Output

_HEADER_BYTES = 128
_NAN = b"\x00\x00\xc0\x7f"  # little-endian


class Npy:
    """Rows of ``dimension`` floats. The height is written into the header at the end; where the output is a pipe, the
    rows wait in a temporary file until it is known."""

    def __init__(self, dimension: int) -> None:
        self.n_empty = 0  # rows of NaN
        self._dimension = dimension
        self._rows = 0
        self._start = 0
        self._waiting: IO[bytes] | None = None

    def start(self, output: Output) -> bytes:
        """The header, if it can be overwritten at the end."""
        position = output.position()
        if position is not None:
            self._start = position
            return self._header()
        with _room_for_rows():
            self._waiting = tempfile.TemporaryFile()  # noqa: SIM115  # deleted when it is closed, however the run ends
        return b""

    def row(self, record: Record) -> bytes:
        self._rows += 1
        value = record.results.get("embedding", b"null")
        if value == b"null":
            self.n_empty += 1
            value = _NAN * self._dimension
        if self._waiting is None:
            return value
        with _room_for_rows():
            self._waiting.write(value)
        return b""

    def finish(self, output: Output) -> None:
        if self._waiting is None:
            output.overwrite(self._start, self._header())
            return
        with _room_for_rows():
            self._waiting.seek(0)
        output.write(self._header())
        while chunk := self._waiting.read(CHUNK):
            output.write(chunk)

    def _header(self) -> bytes:
        text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({self._rows}, {self._dimension}), }}"
        return (
            b"\x93NUMPY\x01\x00"
            + (_HEADER_BYTES - 10).to_bytes(2, "little")
            + text.ljust(_HEADER_BYTES - 11).encode()
            + b"\n"
        )


@contextlib.contextmanager
def _room_for_rows() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunError(
            f"no room for the rows that wait until their number is known: {error.strerror}",
            hint="-o FILE takes them at once; TMPDIR names another folder to wait in",
        ) from error
