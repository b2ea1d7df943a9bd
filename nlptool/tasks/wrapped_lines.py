"""Tells whether the lines of a text file are pieces of longer sentences."""

from __future__ import annotations

import re

from nlptool.records.record import Record

_UNFINISHED = re.compile(r"[\w,;、，をにがはのでとてへも]\Z")
_CONTINUED = re.compile(r"[a-z]")
_UNFINISHED_JAPANESE = re.compile(r"[、，をにがはのでとてへも]\Z")


class WrappedLines:
    """Counts lines that go on where the line before them ended: English in lower case, Japanese behind a particle."""

    def __init__(self) -> None:
        self._n_lines = 0
        self._n_continued = 0
        self._before = ""
        self._source = ""

    def add(self, record: Record) -> None:
        """Take the next line."""
        if record.source != self._source:
            self._before, self._source = "", record.source
        text = record.text
        if text and not text.isspace():
            self._n_lines += 1
            continues = _UNFINISHED.search(self._before) and _CONTINUED.match(text)
            if continues or (_UNFINISHED_JAPANESE.search(self._before) and not text[0].isspace()):
                self._n_continued += 1
        self._before = text.rstrip()[-1:]

    @property
    def are_many(self) -> bool:
        """Whether so many lines go on that the text must be wrapped."""
        return self._n_continued >= 3 and self._n_continued * 5 > self._n_lines
