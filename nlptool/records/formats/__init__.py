"""The formats that results are written in: one file each, and a row in ``FORMATS``."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any, Protocol

from nlptool.records.record import Record
from nlptool.storage.output import Output


class RowWriter(Protocol):
    """Writes a file of rows, record by record; a subclass overrides what its format needs.

    Attributes:
        n_empty: rows written so far that hold no vector.
        empty: what such a row looks like, for the note on stderr.
    """

    n_empty: int = 0
    empty: str = ""

    def start(self, output: Output) -> bytes:
        """Return what stands before the first row."""
        return b""

    def row(self, record: Record) -> bytes:
        """Return what is written for a record, failed ones included."""
        ...

    def flush(self) -> bytes:
        """Return what is written after the rows of a list of records."""
        return b""

    def finish(self, output: Output) -> None:
        """Write what stands behind the last row."""
        return


@dataclass(frozen=True, slots=True)
class Format:
    """An output format, and the kinds of results it can hold.

    Each kind is ``json``, ``base64`` or ``raw`` (little-endian bytes), the form in which its numbers reach the writer, or ""
    if the format does not hold it.
    """

    module: str = ""  # in this package, with a function ``<kind>_writer``; "": JSONL, which the pipe writes itself
    vectors: str = ""  # a vector for each record: embed
    matrix: str = ""  # the similarities of all records with all: similarity
    cells: str = ""  # a few named values for each record: similarity, map, nsp
    binary: bool = False  # not for a terminal


FORMATS = {
    "jsonl": Format(vectors="json", matrix="json", cells="json"),
    "npy": Format("npy", vectors="raw", matrix="raw", binary=True),
    "npz": Format("npz", vectors="raw", binary=True),
    "csv": Format("csv", matrix="json", cells="json"),
    "parquet": Format("parquet", vectors="raw", matrix="json", cells="json", binary=True),
    "base64": Format(vectors="base64"),
    "table": Format("table", vectors="json", matrix="json", cells="json"),
}


def names(kind: str) -> list[str]:
    """Return the formats that hold results of a kind: vectors | matrix | cells."""
    return [name for name, format in FORMATS.items() if getattr(format, kind)]


def row_writer(name: str, kind: str, *arguments: Any) -> RowWriter | None:
    """Make the writer of a format for results of ``kind``, or None for JSONL.

    Args:
        arguments: vectors: ``Precision``, a function record -> name, whether the text is written too; matrix and cells: ``Rows``.

    Raises:
        ModuleNotFoundError: the package that writes the format is not installed.
    """
    module = FORMATS[name].module
    if not module:
        return None
    writer: RowWriter = getattr(importlib.import_module(f"{__name__}.{module}"), f"{kind}_writer")(*arguments)
    return writer
