"""The formats that results are written in: one file each, and a row in ``FORMATS``."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Protocol

from nlptool.errors import WrongUsage
from nlptool.records.record import Record
from nlptool.storage.output import Output


class RowWriter(Protocol):
    """Writes a file of rows, record by record; a subclass overrides what its format needs.

    Attributes:
        holds_errors: the rows say which records failed and why, so that stderr need not.
        n_empty: rows written so far that hold no vector.
        empty: what such a row looks like, for the note on stderr.
        resumes: ``state`` and ``restore`` let a run go on with what another one has written.
    """

    holds_errors: bool = False
    resumes: bool = False
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

    def state(self) -> Any:
        """Return, as JSON, what a run has to know that goes on behind the last row; None: rows wait to be written."""
        return {}

    def restore(self, state: Any) -> None:
        """Go on from a ``state``; ``start`` has been called, and what it returned is not written."""
        return

    def notes(self) -> Iterator[str]:
        """Yield what is to be said on stderr about the file."""
        yield from ()


class Lines(RowWriter):
    """What a function returns for each record.

    Args:
        row: the function; it is called for failed records too.
    """

    resumes = True

    def __init__(self, row: Callable[[Record], bytes], *, holds_errors: bool = False) -> None:
        self._row = row
        self.holds_errors = holds_errors

    def row(self, record: Record) -> bytes:
        return self._row(record)


@dataclass(frozen=True, slots=True)
class Format:
    """An output format, and the kinds of results it can hold.

    Each kind is ``json``, ``base64`` or ``raw`` (little-endian bytes), the form in which its numbers reach the writer, or ""
    if the format does not hold it.
    """

    module: str = ""  # in this package, with a function ``<kind>_writer``; "": JSONL, which the pipe writes itself
    vectors: str = ""  # a vector for each record: embed
    matrix: str = ""  # the similarities of all records with all: similarity
    records: str = ""  # the fields of a record and its results
    tokens: str = ""  # the vectors of the tokens of a record: embed --tokens
    binary: bool = False  # not for a terminal
    resumes: bool = True  # --resume goes on with an unfinished file


FORMATS = {
    "jsonl": Format(vectors="json", matrix="json", records="json", tokens="json"),
    "npy": Format("npy", vectors="raw", matrix="raw", binary=True),
    "npz": Format("npz", vectors="raw", tokens="raw", binary=True, resumes=False),
    "csv": Format("csv", vectors="json", matrix="json", records="json", tokens="json"),
    "tsv": Format("tsv", vectors="json", matrix="json", records="json", tokens="json"),
    "parquet": Format(
        "parquet", vectors="raw", matrix="json", records="json", tokens="raw", binary=True, resumes=False
    ),
    "base64": Format(vectors="base64"),
    "table": Format("table", vectors="json", matrix="json", records="json", tokens="json", resumes=False),
}

ENDINGS = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "tsv", ".parquet": "parquet", ".npy": "npy", ".npz": "npz",
    ".conllu": "conllu",
}  # fmt: skip
"""Endings of output files -> the formats they mean, one of them that of `tokenize` alone."""

_COMPRESSED = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd", ".lz4": "lz4"}


def refuse_compressed(path: str, option: str = "") -> None:
    """Refuse an output file whose ending means compression: none is done here.

    Args:
        option: that names it, if it is not that of the results.

    Raises:
        WrongUsage: it does.
    """
    if program := _COMPRESSED.get(PurePath(path).suffix.lower()):
        if option:
            raise WrongUsage(f"{option} {path}: the file is not compressed here: leave out the {PurePath(path).suffix}")
        raise WrongUsage(f"{path}: the output is not compressed here: leave -o out and add | {program} > {path}")


def refuse_resume(format: str) -> None:
    """Refuse to go on with a file of a format that is only of use when it is whole.

    Raises:
        WrongUsage: it is one.
    """
    if format in FORMATS and not FORMATS[format].resumes:
        able = ", ".join(name for name, each in FORMATS.items() if each.resumes)
        raise WrongUsage(f"--resume does not go with -f {format}, whose file is made as a whole; it goes with {able}")


def of_file(path: str, among: Sequence[str]) -> str:
    """Return the format that the ending of an output file means; "" if it means none.

    Args:
        among: the formats that the command writes.

    Raises:
        WrongUsage: it means another.
    """
    format = ENDINGS.get(PurePath(path).suffix.lower(), "")
    if format and format not in among:
        raise WrongUsage(f"{path}: {format} is none of the formats of this command: {', '.join(among)}; -f chooses one")
    return format


def names(kind: str) -> list[str]:
    """Return the formats that hold results of a kind: vectors | matrix | records | tokens."""
    return [name for name, format in FORMATS.items() if getattr(format, kind)]


def row_writer(name: str, kind: str, *arguments: Any, **options: Any) -> RowWriter | None:
    """Make the writer of a format for results of ``kind``, or None for JSONL.

    Args:
        arguments: vectors: ``Precision``, a function record -> name; matrix: ``Rows``; records: a ``Layout``, and as options the
            arguments of ``RecordRows``; of a table ``Rows``; tokens: of Parquet the same, of NPZ the arguments of ``TokenNpz``.

    Raises:
        ModuleNotFoundError: the package that writes the format is not installed.
    """
    module = FORMATS[name].module
    if not module:
        return None
    make = getattr(importlib.import_module(f"{__name__}.{module}"), f"{kind}_writer")
    writer: RowWriter = make(*arguments, **options)
    return writer
