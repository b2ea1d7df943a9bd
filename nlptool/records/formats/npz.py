"""Vectors with the names of their records as NumPy's .npz, a ZIP archive of .npy files."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable, Iterator
from typing import IO, TYPE_CHECKING, Any

from nlptool.records.formats.npy import Npy
from nlptool.records.record import Record
from nlptool.storage import temp_files
from nlptool.storage.compression import CHUNK
from nlptool.storage.output import Output

if TYPE_CHECKING:
    from nlptool.records.formats.vectors import Precision

_CHARACTER_BYTES = 4  # NumPy's text is UTF-32


class Npz(Npy):
    """The matrix ``embeddings``, the names ``ids`` of its rows, and for int8 their ``scales``.

    Args:
        id_of: returns a record's name.
    """

    resumes = False

    def __init__(self, precision: Precision, id_of: Callable[[Record], str]) -> None:
        super().__init__(precision.dtype, precision.n_columns)
        self._id_of = id_of
        self._has_scales = precision.name == "int8"
        self._ids = temp_files.temporary(self)
        self._scales = temp_files.temporary(self)
        self._longest = 1  # characters of an id

    def start(self, output: Output) -> bytes:
        self._waiting = temp_files.temporary(self)  # the archive says of each member how long it is, before it
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

        members = {"ids": (npy.header(f"<U{self._longest}", (self._n_rows,)), self._padded_ids())}
        if self._waiting is not None:
            members["embeddings"] = (self._header(), _chunks(self._waiting))
        if self._has_scales:
            members["scales"] = (npy.header("<f4", (self._n_rows,)), _chunks(self._scales))
        with zipfile.ZipFile(_Unseekable(output), "w") as archive:
            for name, (header, chunks) in members.items():
                info = zipfile.ZipInfo(f"{name}.npy")  # of 1980: the same input gives the same bytes
                with archive.open(info, "w", force_zip64=True) as member:
                    member.write(header)
                    for chunk in chunks:
                        member.write(chunk)

    def _padded_ids(self) -> Iterator[bytes]:
        self._ids.seek(0)
        while size := self._ids.read(4):
            name = self._ids.read(int.from_bytes(size, "little"))
            yield name.ljust(self._longest * _CHARACTER_BYTES, b"\0")


def vectors_writer(precision: Precision, id_of: Callable[[Record], str]) -> Npz:
    return Npz(precision, id_of)


class _Unseekable(io.RawIOBase):
    """An output as ``zipfile`` wants it. Since it has no ``tell``, sizes are written behind the members."""

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
