"""Lines of CSV (RFC 4180) to rows: a quoted cell may hold separators, quotes and line breaks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nlptool.errors import RecordError

_PLAIN = re.compile(r"[^,]*+")
_TO_CLOSING_QUOTE = re.compile(r'((?:[^"]|"")*+)"')


class CsvRows:
    """Splits lines into cells; a row ends with the line in which no quoted cell is open.

    Quotes within a cell that does not begin with one are plain characters.

    Args:
        longest: characters that a row may have: what bounds the memory if a quote is never closed.
    """

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._cells: list[str] = []
        self._open: list[str] = []  # the lines of a quoted cell that is not closed yet
        self._first = 0  # the line in which the row begins
        self._length = 0

    def add(self, line: str, number: int) -> Iterator[tuple[int, list[str] | RecordError]]:
        """Add a line without its line end; yield the row that it ends, if it ends one, with the line of its beginning."""
        if not self._open:
            if '"' not in line:
                yield number, line.split(",")
                return
            self._first, self._length = number, 0
        self._length += len(line)
        try:
            ended = self._split(line)
        except RecordError as error:
            self._cells, self._open = [], []
            yield self._first, error
            return
        if ended:
            row, self._cells = self._cells, []
            yield self._first, row
        elif self._length > self._longest:
            yield from self.end()

    def end(self) -> Iterator[tuple[int, list[str] | RecordError]]:
        """Yield the error of a row whose last cell was not closed. The lines in it are lost with it."""
        if self._open:
            self._cells, self._open = [], []
            yield (
                self._first,
                RecordError(
                    "InvalidCSV",
                    f"the quote that opens a cell of this row is not closed within {self._length:,} characters",
                    hint='a quote inside a quoted cell is doubled: "a ""b"" c"',
                ),
            )

    def _split(self, line: str) -> bool:
        """Add the cells of a line to the row; return whether the row has ended.

        Raises:
            RecordError: something stands between a closing quote and the next comma.
        """
        position = 0
        while True:
            if self._open or line.startswith('"', position):
                start = position if self._open else position + 1
                closed = _TO_CLOSING_QUOTE.match(line, start)
                if closed is None:
                    self._open.append(line[start:])
                    return False
                self._cells.append("\n".join([*self._open, closed[1]]).replace('""', '"'))
                self._open = []
                position = closed.end()
                if position < len(line) and line[position] != ",":
                    raise RecordError(
                        "InvalidCSV",
                        f"behind the closing quote of cell {len(self._cells)} stands `{line[position : position + 10]}`",
                        hint='a quote inside a quoted cell is doubled: "a ""b"" c"',
                    )
            else:
                end = _PLAIN.match(line, position).end()  # type: ignore[union-attr]  # it matches nothing too
                self._cells.append(line[position:end])
                position = end
            if position == len(line):
                return True
            position += 1  # the comma
