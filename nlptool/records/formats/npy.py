"""A matrix in NumPy's formats, written row by row while its height is still unknown.

What an ``.npy`` is stands in ``models/npy.py``; an ``.npz`` is a ZIP archive of them.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable, Iterator
from typing import IO, TYPE_CHECKING, Any

from nlptool.records.record import Record
from nlptool.storage import temp_files
from nlptool.storage.compression import CHUNK
from nlptool.storage.output import Output

if TYPE_CHECKING:
    import numpy as np

_CHARACTER_BYTES = 4  # NumPy's text is UTF-32


class Npy:
    """Rows of ``columns`` numbers. The height is written into the header at the end; where the output is a pipe, the rows
    wait in a temporary file until it is known. A record without a vector has a row of NaN, or of zeros where there is none.

    Args:
        field: the result that holds a row's bytes.
    """

    def __init__(self, dtype: np.dtype[Any], columns: int, *, field: str = "embedding") -> None:
        self.n_empty = 0  # rows that hold no vector
        is_float = dtype.kind == "f"
        self.empty = "rows of NaN" if is_float else "rows of zeros"
        self._nothing = (
            (b"\x00\x7e" if dtype.itemsize == 2 else b"\x00\x00\xc0\x7f") if is_float else b"\x00"
        )  # little-endian
        self._nothing *= columns
        self._dtype = dtype.str
        self.columns = columns  # must be right when the last row is written
        self._field = field
        self._n_rows = 0
        self._start = 0
        self._waiting: IO[bytes] | None = None

    def start(self, output: Output) -> bytes:
        """The header, if it can be overwritten at the end."""
        position = output.position()
        if position is not None:
            self._start = position
            return self._header()
        self._waiting = temp_files.temporary()
        return b""

    def row(self, record: Record) -> bytes:
        value = self._value(record)
        if self._waiting is None:
            return value
        with temp_files.disk_space():
            self._waiting.write(value)
        return b""

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
        self._n_rows += 1
        value = record.results.get(self._field, b"null")
        if value != b"null":
            return value
        self.n_empty += 1
        return self._nothing

    def _header(self) -> bytes:
        from nlptool.storage import npy

        return npy.header(self._dtype, (self._n_rows, self.columns))


class Npz(Npy):
    """The matrix ``embeddings``, the names ``ids`` of its rows, and for int8 their ``scales``, in one archive.

    Args:
        id_of: a record's name.
    """

    def __init__(self, dtype: np.dtype[Any], columns: int, *, id_of: Callable[[Record], str]) -> None:
        super().__init__(dtype, columns)
        self._id_of = id_of
        self._scaled = dtype.str == "|i1"
        self._ids = temp_files.temporary()
        self._scales = temp_files.temporary()
        self._longest = 1

    def start(self, output: Output) -> bytes:
        self._waiting = temp_files.temporary()  # the archive says of each member how long it is, before it
        return b""

    def row(self, record: Record) -> bytes:
        name = self._id_of(record)
        self._longest = max(self._longest, len(name))
        with temp_files.disk_space():
            encoded = name.encode("utf-32-le", "replace")
            self._ids.write(len(encoded).to_bytes(4, "little") + encoded)
            self._scales.write(struct.pack("<f", record.entry.get("scale", 0.0)))
        return super().row(record)

    def finish(self, output: Output) -> None:
        from nlptool.storage import npy

        members = {"ids": (npy.header(f"<U{self._longest}", (self._n_rows,)), self._ids_padded())}
        if self._waiting is not None:
            members["embeddings"] = (self._header(), _chunks(self._waiting))
        if self._scaled:
            members["scales"] = (npy.header("<f4", (self._n_rows,)), _chunks(self._scales))
        with zipfile.ZipFile(_Unseekable(output), "w") as archive:
            for name, (head, chunks) in members.items():
                about = zipfile.ZipInfo(f"{name}.npy")  # of 1980: the same input gives the same bytes
                with archive.open(about, "w", force_zip64=True) as member:
                    member.write(head)
                    for chunk in chunks:
                        member.write(chunk)

    def _ids_padded(self) -> Iterator[bytes]:
        self._ids.seek(0)
        while size := self._ids.read(4):
            name = self._ids.read(int.from_bytes(size, "little"))
            yield name.ljust(self._longest * _CHARACTER_BYTES, b"\0")


class _Unseekable(io.RawIOBase):
    """An output as ``zipfile`` wants it; since it has no ``tell``, sizes are written behind the members."""

    def __init__(self, output: Output) -> None:
        super().__init__()
        self._output = output

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._output.write(bytes(data))
        return len(data)


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with temp_files.disk_space():
        file.seek(0)
    while chunk := file.read(CHUNK):
        yield chunk
