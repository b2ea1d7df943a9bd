"""A record on its way through a command, and the format of its input."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from nlptool.errors import RecordError
from nlptool.text.scripts import LONE_SURROGATE

STDIN = "<stdin>"
ARGUMENTS = "<arguments>"
NO_FILES = (STDIN, ARGUMENTS)


class Record:
    """One record of the input.

    Attributes:
        raw: the JSON object as it came, None for a line of text, whose object is ``{"text": ...}``.
        source: the input that it was read from: a path, ``<stdin>`` or ``<arguments>``.
        line: the physical line in ``source``, from 1, in which it begins.
        number: its number among the records of the input, from 0; that of the last record that it is made of; -1: of none.
        origin: the file, if it is one, and the line that the record itself names: those before a pipe.
        results: field name -> JSON, in the order of writing; set by the command.
        entry: what the command says of its work on the record.
        error: why the command could not process it.
        done: whether it arrived with the error of an earlier command, and passes through untouched.
    """

    __slots__ = ("done", "entry", "error", "line", "number", "origin", "raw", "results", "source", "text")

    def __init__(self, text: str, source: str, line: int, raw: bytes | None = None) -> None:
        self.text = text
        self.source = source
        self.line = line
        self.number = -1
        self.raw = raw
        self.origin: tuple[str | None, int] | None = None
        self.results: Mapping[str, bytes] = {}
        self.entry: Mapping[str, Any] = {}
        self.error: RecordError | None = None
        self.done = False

    @property
    def pending(self) -> bool:
        """Whether the command still has work to do on it."""
        return self.error is None and not self.done

    @property
    def place(self) -> tuple[str | None, int]:
        """The file that the record comes from, None if that is not known, and the line in it."""
        return self.origin or (None if self.source in NO_FILES else self.source, self.line)

    def named(self) -> dict[str, Any]:
        """Return the fields ``file`` and ``line`` that name the record in an answer; without a file, ``line`` alone."""
        file, line = self.place
        return {"line": line} if file is None else {"file": readable(file), "line": line}

    def fail(self, error: RecordError) -> Record:
        self.error = error
        return self


@dataclass(frozen=True, slots=True)
class Table:
    """How a table is recognised whose columns are known: gold data."""

    kind_of: Callable[[str], str]
    """Returns csv, tsv or text for the first line of an input that is no JSON."""

    header: Callable[[list[str]], list[str] | None]
    """Returns the names of the columns if the first row is a header, else None."""

    marks: tuple[str, ...] = ()  # what begins a line that is no row, a comment say: it is passed on as text


@dataclass(frozen=True, slots=True)
class InputFormat:
    """How lines become records: the options that every command shares."""

    kind: str = "auto"  # auto | text | jsonl | json | csv | tsv | parquet
    unit: str = "line"  # line | paragraph | sentence | document: what a record of a text file is; block: lines up to an empty one
    field: str | None = None  # a name, a JSON Pointer, or the number of a column
    header: bool | None = (
        None  # the first line of a table names its columns; None: that of CSV does, that of TSV does not
    )
    encoding: str = "utf-8"
    instead: tuple[str, ...] = ()  # fields in place of the text: work already done, or another form of the input
    paired: bool = False  # a line of text is split at its tabs
    table: Table | None = None
    needs_text: bool = True  # a record without a text fails
    passes_over: Callable[[bytes], bool] | None = None
    """Says which lines of JSONL in UTF-8 need not be parsed: each becomes a record without a text."""


def readable(text: str) -> str:
    """Replace lone surrogates, which UTF-8 cannot hold, by U+FFFD."""
    return LONE_SURROGATE.sub("\ufffd", text)


def lone_surrogate(match: re.Match[str]) -> RecordError:
    """Return the error of a text in which ``LONE_SURROGATE`` was found."""
    code = f"\\u{ord(match[0]):04x}"
    return RecordError(
        "LoneSurrogate", f"half a character (the lone surrogate {code}) at character {match.start()} of the text"
    )
