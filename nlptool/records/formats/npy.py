"""A matrix as NumPy's .npy, written row by row while the number of rows is still unknown."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any

from nlptool.records.formats import RowWriter
from nlptool.records.record import Record
from nlptool.storage import npy, temp_files
from nlptool.storage.compression import CHUNK
from nlptool.storage.output import Output

if TYPE_CHECKING:
    import numpy as np

    from nlptool.records.formats.cells import Rows
    from nlptool.records.formats.vectors import Precision


class Npy(RowWriter):
    """One row for each record. A record without a vector has a row of NaN, or of zeros where there is no NaN.

    The number of rows is written into the header at the end; where the output is a pipe, the rows wait in a temporary file
    until it is known.

    Args:
        n_columns: numbers in a row.
    """

    resumes = True

    def __init__(self, dtype: np.dtype[Any], n_columns: int) -> None:
        self.n_empty = 0
        is_float = dtype.kind == "f"
        self.empty = "rows of NaN" if is_float else "rows of zeros"
        nan = b"\x00\x7e" if dtype.itemsize == 2 else b"\x00\x00\xc0\x7f"  # little-endian
        self._empty_row = n_columns * (nan if is_float else b"\x00")
        self._dtype = dtype.str
        self._n_columns = n_columns
        self._n_rows = 0
        self._start = 0
        self._waiting: IO[bytes] | None = None

    def start(self, output: Output) -> bytes:
        """Return a header if it can be overwritten at the end."""
        position = output.position()
        if position is not None:
            self._start = position
            return self._header()
        self._waiting = temp_files.temporary(self)
        return b""

    def row(self, record: Record) -> bytes:
        value = self._value(record)
        self._n_rows += value != b""
        if self._waiting is None:
            return value
        with temp_files.disk_space():
            self._waiting.write(value)
        return b""

    def state(self) -> Any:
        return [self._n_rows, self._n_columns, self.n_empty]

    def restore(self, state: Any) -> None:
        self._n_rows, self._n_columns, self.n_empty = state
        self._start = 0  # of FILE.part

    def finish(self, output: Output) -> None:
        if self._waiting is None:
            output.overwrite(self._start, self._header())
            return
        with temp_files.disk_space():
            self._waiting.seek(0)
        output.write(self._header())
        while chunk := self._waiting.read(CHUNK):
            output.write(chunk)

    def _value(self, record: Record) -> bytes:
        value = record.results.get("embedding", b"null")
        if value != b"null":
            return value
        self.n_empty += 1
        return self._empty_row

    def _header(self) -> bytes:
        return npy.header(self._dtype, (self._n_rows, self._n_columns))


class NpySimilarities(Npy):
    """The similarities of all records with all, float32; a record that failed has no row."""

    def __init__(self, rows: Rows) -> None:
        import numpy as np

        super().__init__(np.dtype("<f4"), 0)

    def _value(self, record: Record) -> bytes:
        if record.error is not None or record.done:
            return b""
        value = record.results["similarities"]
        self._n_columns = len(value) // 4  # known with the first row
        return value


matrix_writer = NpySimilarities


def vectors_writer(precision: Precision, id_of: Callable[[Record], str]) -> Npy:
    return Npy(precision.dtype, precision.n_columns)
