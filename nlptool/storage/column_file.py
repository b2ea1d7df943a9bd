"""Files of columns in compressed blocks, which are read one at a time: what shards have counted waits in them to be added up.

magic
blocks          zstandard frames, each with a checksum
index           a frame of JSON: what the file is about, and column -> [first byte, bytes, values, form] of each of its blocks
end             first byte of the index and its bytes, as two numbers of 64 bits, and the magic once more
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nlptool.errors import RunError

_MAGIC = b"nlptool columns 1\n"
_END = struct.Struct("<QQ")
_LEVEL = 3  # of zstandard: higher ones save little of numbers and take longer


class ColumnWriter:
    """Writes columns block by block; those of several columns may take turns.

    Args:
        write: called with the bytes of the file, in order.
    """

    def __init__(self, write: Callable[[bytes], object]) -> None:
        import zstandard

        self._write = write
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
        self._columns: dict[str, list[tuple[int, int, int, str]]] = {}
        self._n_bytes = 0
        self._put(_MAGIC)

    def add(self, column: str, data: bytes, n_values: int, form: str) -> None:
        """Add a block to a column.

        Args:
            form: says how the values are spelled.
        """
        frame = self._compressor.compress(data)
        self._columns.setdefault(column, []).append((self._n_bytes, len(frame), n_values, form))
        self._put(frame)

    def finish(self, about: Mapping[str, Any]) -> None:
        """Write the index, with what the file is about, as JSON."""
        start = self._n_bytes
        index = json.dumps({"about": about, "columns": self._columns}).encode()
        frame = self._compressor.compress(index)
        self._put(frame)
        self._put(_END.pack(start, len(frame)) + _MAGIC)

    def _put(self, data: bytes) -> None:
        self._write(data)
        self._n_bytes += len(data)


class ColumnFile:
    """A file of columns on this machine. It is open only while something of it is read: there may be thousands.

    Args:
        path: of the file.
        name: what messages call it.

    Attributes:
        about: what the file is about.

    Raises:
        RunError: it is no such file, damaged, or cannot be read.
    """

    def __init__(self, path: str, name: str) -> None:
        self.name = name
        self._path = path
        end = _END.size + len(_MAGIC)
        tail = self._bytes(-end, end)
        if len(tail) < end or not tail.endswith(_MAGIC):
            raise self._damaged()
        try:
            index = json.loads(self._frame(*_END.unpack(tail[: _END.size])))
            self.about: dict[str, Any] = index["about"]
            self._columns: dict[str, list[tuple[int, int, int, str]]] = index["columns"]
        except (ValueError, KeyError, TypeError) as error:
            raise self._damaged() from error

    def n_blocks(self, column: str) -> int:
        """Return the number of the blocks of a column; 0 where there is no such column."""
        return len(self._columns.get(column, ()))

    def n_values(self, column: str) -> int:
        """Return the number of the values of a column."""
        return sum(n_values for _, _, n_values, _ in self._columns.get(column, ()))

    def block(self, column: str, number: int) -> tuple[bytes, int, str]:
        """Return the bytes of a block, the number of its values, and their form.

        Raises:
            RunError: it is damaged, or cannot be read.
        """
        start, size, n_values, form = self._columns[column][number]
        return self._frame(start, size), n_values, form

    def _frame(self, start: int, size: int) -> bytes:
        import zstandard

        try:
            return zstandard.ZstdDecompressor().decompress(self._bytes(start, size))
        except (zstandard.ZstdError, OverflowError, MemoryError) as error:
            raise self._damaged() from error

    def _bytes(self, start: int, size: int) -> bytes:
        """Return bytes of the file from ``start`` on; a negative one counts from the end."""
        try:
            with Path(self._path).open("rb", buffering=0) as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size + start) if start < 0 else start)
                found = bytearray()
                while len(found) < size and (more := file.read(size - len(found))):
                    found += more
                return bytes(found)
        except OSError as error:
            raise RunError(f"cannot read {self.name}: {error.strerror}") from error

    def _damaged(self) -> RunError:
        return RunError(f"{self.name} is damaged, or no file of counts", hint="remove it, and run the shards again")
