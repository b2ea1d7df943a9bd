"""Vectors with the names of their records as NumPy's .npz, a ZIP archive of .npy files."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import IO, TYPE_CHECKING, Any

from nlptool.records.formats import RowWriter
from nlptool.records.formats.npy import Npy
from nlptool.records.json_bytes import loads
from nlptool.records.record import Record
from nlptool.storage import npy, temp_files
from nlptool.storage.compression import CHUNK
from nlptool.storage.output import Output

if TYPE_CHECKING:
    import numpy as np

    from nlptool.records.formats.vectors import Precision

Member = tuple[bytes, Iterable[bytes]]
"""An array of an archive: the header of its file, and what stands behind that."""

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
        self._ids = Texts(self)
        self._scales = temp_files.temporary(self)

    def start(self, output: Output) -> bytes:
        self._waiting = temp_files.temporary(self)  # the archive says of each member how long it is, before it
        return b""

    def row(self, record: Record) -> bytes:
        self._ids.add(self._id_of(record))
        with temp_files.disk_space():
            self._scales.write(struct.pack("<f", record.entry.get("scale", 0.0)))
        return super().row(record)

    def finish(self, output: Output) -> None:
        members = {"ids": self._ids.member()}
        if self._waiting is not None:
            members["embeddings"] = (self._header(), chunks(self._waiting))
        if self._has_scales:
            members["scales"] = (npy.header("<f4", (self._n_rows,)), chunks(self._scales))
        write_members(output, members)


def vectors_writer(precision: Precision, id_of: Callable[[Record], str]) -> Npz:
    return Npz(precision, id_of)


class TokenNpz(RowWriter):
    """The vectors of tokens, a row for each: ``vectors``, ``records``, the number of the token's record, ``ids``, its name,
    ``starts`` and ``ends`` in the record's text, and ``texts``, of the tokens; and what ``about`` says, each a text.

    Records have their vectors, little-endian bytes, in the result "".

    Args:
        tokens: the result with the tokens, JSON.
        dtype: of the vectors.
        shape: of the vectors of a token: (D,), or (L, D).
        id_of: returns a record's name.
        about: of all vectors, by its name in the archive.
    """

    def __init__(
        self,
        tokens: str,
        dtype: np.dtype[Any],
        shape: tuple[int, ...],
        id_of: Callable[[Record], str],
        *,
        about: Mapping[str, str],
    ) -> None:
        self._about = about
        self._tokens, self._dtype, self._shape, self._id_of = tokens, dtype, shape, id_of
        self._vectors, self._records, self._starts, self._ends = (temp_files.temporary(self) for _ in range(4))
        self._ids, self._texts = Texts(self), Texts(self)
        self._n_rows = 0

    def row(self, record: Record) -> bytes:
        tokens = loads(record.results[self._tokens].decode()) if self._tokens in record.results else []
        name = self._id_of(record) if tokens else ""
        with temp_files.disk_space():
            self._vectors.write(record.results.get("", b""))
            for file, numbers in (
                (self._records, [record.number] * len(tokens)),
                (self._starts, [token["start"] for token in tokens]),
                (self._ends, [token["end"] for token in tokens]),
            ):
                file.write(struct.pack(f"<{len(tokens)}q", *numbers))
        for token in tokens:
            self._ids.add(name)
            self._texts.add(token["text"])
        self._n_rows += len(tokens)
        return b""

    def finish(self, output: Output) -> None:
        whole = npy.header("<i8", (self._n_rows,))
        members = {
            "vectors": (npy.header(self._dtype.str, (self._n_rows, *self._shape)), chunks(self._vectors)),
            "records": (whole, chunks(self._records)),
            "ids": self._ids.member(),
            "starts": (whole, chunks(self._starts)),
            "ends": (whole, chunks(self._ends)),
            "texts": self._texts.member(),
        }
        for name, text in self._about.items():
            members[name] = (npy.header(f"<U{max(1, len(text))}", ()), [(text or "\0").encode("utf-32-le")])
        write_members(output, members)


tokens_writer = TokenNpz


class Texts:
    """An array of texts, which waits in a temporary file until the longest is known.

    Args:
        owner: when it is gone, so is the file.
    """

    def __init__(self, owner: object) -> None:
        self._file = temp_files.temporary(owner)
        self._longest = 1  # characters
        self._n_texts = 0

    def add(self, text: str) -> None:
        """Add a text."""
        self._longest = max(self._longest, len(text))
        self._n_texts += 1
        with temp_files.disk_space():
            encoded = text.encode("utf-32-le", "replace")
            self._file.write(len(encoded).to_bytes(4, "little") + encoded)

    def member(self) -> Member:
        """Return the array."""
        return npy.header(f"<U{self._longest}", (self._n_texts,)), self._padded()

    def _padded(self) -> Iterator[bytes]:
        self._file.seek(0)
        while size := self._file.read(4):
            text = self._file.read(int.from_bytes(size, "little"))
            yield text.ljust(self._longest * _CHARACTER_BYTES, b"\0")


def write_members(output: Output, members: Mapping[str, Member]) -> None:
    """Write an archive of arrays, by their names."""
    with zipfile.ZipFile(_Unseekable(output), "w") as archive:
        for name, (header, parts) in members.items():
            info = zipfile.ZipInfo(f"{name}.npy")  # of 1980: the same input gives the same bytes
            with archive.open(info, "w", force_zip64=True) as member:
                member.write(header)
                for part in parts:
                    member.write(part)


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


def chunks(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the bytes of a file from its beginning."""
    with temp_files.disk_space():
        file.seek(0)
    while chunk := file.read(CHUNK):
        yield chunk
