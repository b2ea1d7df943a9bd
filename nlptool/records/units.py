"""Lines of text to larger units: paragraphs, sentences, the whole document."""

from __future__ import annotations

from collections.abc import Iterator

from nlptool.text.paragraphs import ParagraphCutter
from nlptool.text.sentences import sentences


class Units:
    """Joins lines to units, each with the line of its beginning; lines within a unit stay separated by ``\\n``.

    Args:
        unit: paragraph | sentence | document.
        longest: characters of a unit; a longer one is given in parts that end with a line.
    """

    def __init__(self, unit: str, longest: int) -> None:
        self._unit = unit
        self._longest = longest
        self._paragraphs: ParagraphCutter | None = None
        self._lines: list[str] = []  # of a document
        self._length = 0
        self._first = 0

    def add(self, line: str, number: int) -> Iterator[tuple[int, str]]:
        """Add a line; yield the units that it ends."""
        if self._unit != "document":
            if self._paragraphs is None:
                self._paragraphs = ParagraphCutter(first_line=number, largest=self._longest)
            for first, lines in self._paragraphs.add(line):
                yield from self._within(first, lines)
            return
        self._first = self._first or number
        self._lines.append(line)
        self._length += len(line) + 1
        if self._length > self._longest:
            yield from self.end()

    def end(self) -> Iterator[tuple[int, str]]:
        """Yield what has come of units that have not ended."""
        if self._lines:
            yield self._first, "\n".join(self._lines)
        if self._paragraphs is not None:
            for first, lines in self._paragraphs.finish():
                yield from self._within(first, lines)
        self._lines, self._length, self._first, self._paragraphs = [], 0, 0, None

    def _within(self, first: int, lines: list[str]) -> Iterator[tuple[int, str]]:
        """Yield a paragraph, or its sentences."""
        text = "\n".join(lines)
        if self._unit == "paragraph":
            yield first, text
            return
        counted, number = 0, first
        for start, end in sentences(text):
            number += text.count("\n", counted, start)
            counted = start
            yield number, text[start:end]
