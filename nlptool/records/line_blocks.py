"""Blocks of lines of text: those up to a line that is empty or has blanks alone. Nothing else is known of them."""

from __future__ import annotations

from collections.abc import Iterator

from nlptool.errors import RecordError

Item = tuple[int, str | RecordError]
"""The line in which a block begins, and its lines with ``\\n`` between them; or a line that cannot be read, and its error."""


class LineBlocks:
    """Joins lines to blocks.

    Args:
        longest: characters of a block; a longer one is given in parts that end with a line.
    """

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._lines: list[str] = []
        self._length = 0
        self._first = 0
        self._failure: tuple[int, RecordError] | None = None

    def add(self, line: str, number: int) -> Iterator[Item]:
        """Add a line; yield the block that it ends."""
        if not line.strip(" \t\r"):
            yield from self.end()
            return
        self._first = self._first or number
        self._lines.append(line)
        self._length += len(line) + 1
        if self._length > self._longest:
            yield from self.end()

    def fail(self, error: RecordError, number: int) -> None:
        """Add a line that cannot be read: its error is given in place of the block."""
        self._failure = self._failure or (number, error)

    def end(self) -> Iterator[Item]:
        """Yield the block that has not ended."""
        if self._failure is not None:
            yield self._failure
        elif self._lines:
            yield self._first, "\n".join(self._lines)
        self._lines, self._length, self._first, self._failure = [], 0, 0, None
