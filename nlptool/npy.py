"""A float32 matrix in NumPy's format, written row by row while its height is still unknown.

Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, version 1.0, with a header of 128 bytes.
"""

from __future__ import annotations

import tempfile

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
        self._start: int | None = None
        self._waiting = tempfile.TemporaryFile()  # noqa: SIM115  # deleted when it is closed, however the run ends

    def start(self, output: Output) -> bytes:
        """The header, if it can be overwritten at the end."""
        self._start = output.position()
        return b"" if self._start is None else self._header()

    def row(self, record: Record) -> bytes:
        self._rows += 1
        value = record.results.get("embedding", b"null")
        if value == b"null":
            self.n_empty += 1
            value = _NAN * self._dimension
        if self._start is not None:
            return value
        self._waiting.write(value)
        return b""

    def finish(self, output: Output) -> None:
        if self._start is not None:
            output.overwrite(self._start, self._header())
            return
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
