"""Records that are kept until all of them have been read, in temporary files that are mapped into memory.

A million of them take no more memory than the system has to spare.
"""

from __future__ import annotations

import mmap
from array import array
from collections.abc import Mapping
from typing import Any

from nlptool.records.record import NO_FILES, Record
from nlptool.storage import temp_files


class KeptRecords:
    """Records in their order, each with its text and a further part.

    ``keep`` adds one; ``close`` ends that, and from then on they can be read.
    """

    def __init__(self) -> None:
        self._lines = array("q")
        self._sources: list[str] = []
        self._source_of = array("i")
        self._have_origin = array("b")  # whether the record itself says where it comes from
        self._entries: dict[int, Mapping[str, Any]] = {}
        self._ends = array("q", [0])
        self._parts = temp_files.temporary(self)
        self._blob: mmap.mmap | bytes = b""
        self._n_written = 0

    def __len__(self) -> int:
        return len(self._lines)

    def keep(self, record: Record, part: bytes = b"", *, whole: bool = True) -> None:
        """Keep a record.

        Args:
            part: something else about it, for ``part``.
            whole: keep its fields, too, and not its text and its place alone.

        Raises:
            RunError: the temporary folder is full.
        """
        if record.entry:
            self._entries[len(self)] = record.entry
        file, line = record.place
        source = file or record.source
        self._lines.append(line)
        self._have_origin.append(record.origin is not None)
        if not self._sources or self._sources[-1] != source:
            self._sources.append(source)
        self._source_of.append(len(self._sources) - 1)
        parts = (record.raw or b"" if whole else b"", record.text.encode(errors="replace"), part)
        with temp_files.disk_space():
            self._parts.write(b"".join(parts))
        for each in parts:
            self._n_written += len(each)
            self._ends.append(self._n_written)

    def close(self) -> None:
        """Map the file into memory, when all records have been kept."""
        if self._n_written:
            with temp_files.disk_space():
                self._parts.flush()
            self._blob = mmap.mmap(self._parts.fileno(), 0, access=mmap.ACCESS_READ)

    def text(self, index: int) -> str:
        """Return the text of a record."""
        return self._stored(index, 1).decode()

    def part(self, index: int) -> bytes:
        """Return what was kept beside a record."""
        return self._stored(index, 2)

    def entry(self, index: int) -> Mapping[str, Any]:
        """Return what its entry said when it was kept."""
        return self._entries.get(index, {})

    def record(self, index: int) -> Record:
        """Return the record as it came."""
        source, line = self._sources[self._source_of[index]], self._lines[index]
        record = Record(self.text(index), source, line, self._stored(index, 0) or None)
        if self._have_origin[index]:
            record.origin = None if source in NO_FILES else source, line
        record.entry = self.entry(index)
        return record

    def _stored(self, index: int, number: int) -> bytes:
        start, end = self._ends[3 * index + number : 3 * index + number + 2]
        return self._blob[start:end]
