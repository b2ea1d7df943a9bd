"""A record, and how the input is told apart."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nlptool.errors import RecordError
from nlptool.text.scripts import LONE_SURROGATE


class Record:
    """One line on its way through a command.

    ``raw`` is the JSON object as it came (None for a line of text, whose object is ``{"text": ...}``). A command fills
    ``results`` (field name to JSON, in the order of writing), ``entry`` (what it says about its work), or ``error``.
    ``done`` marks a record that an earlier command failed on: it passes through untouched.
    """

    __slots__ = ("done", "entry", "error", "line", "raw", "results", "source", "text")

    def __init__(self, text: str, source: str, line: int, raw: bytes | None = None) -> None:
        self.text = text
        self.source = source
        self.line = line  # 1-based
        self.raw = raw
        self.results: Mapping[str, bytes] = {}
        self.entry: Mapping[str, Any] = {}
        self.error: RecordError | None = None
        self.done = False

    @property
    def pending(self) -> bool:
        """Whether there is work to do on it."""
        return self.error is None and not self.done

    def fail(self, error: RecordError) -> Record:
        self.error = error
        return self


@dataclass(frozen=True, slots=True)
class InputFormat:
    """How lines become records: the options that every command shares."""

    kind: str = "auto"  # auto | text | jsonl | tsv
    field: str | None = None  # a name, a JSON Pointer, or the number of a column
    header: bool = False
    encoding: str = "utf-8"
    instead: tuple[
        str, ...
    ] = ()  # fields that make the text dispensable: work already done, or another form of the input


def readable(text: str) -> str:
    """Half characters, which UTF-8 cannot hold, become U+FFFD."""
    return LONE_SURROGATE.sub("\ufffd", text)


def lone_surrogate(found: re.Match[str]) -> RecordError:
    """What to say of what ``LONE_SURROGATE`` found."""
    code = f"\\u{ord(found[0]):04x}"
    return RecordError(
        "LoneSurrogate", f"half a character (the lone surrogate {code}) at character {found.start()} of the text"
    )
