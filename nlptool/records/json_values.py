"""JSON over any lines: arrays of records, pretty-printed records and records one behind the other."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nlptool.records.json_bytes import loads

_BLANKS = " \t\r"

_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_BETWEEN = re.compile(r"[ \t\r,]*+")
_SCALAR = re.compile(rf"{_STRING}|[^][{{}}, \t\r]++|.")
_TO_BRACKET = re.compile(rf'[^]["{{}}]*+(?:{_STRING}[^]["{{}}]*+)*+([][{{}}])')
_REST = re.compile(rf'[^]["{{}}]*+(?:{_STRING}[^]["{{}}]*+)*+$')

_LIKE_OBJECT = re.compile(rf"\{{[ \t]*+(?:{_STRING}[ \t]*+:.*)?+", re.DOTALL)
_LIKE_ARRAY = re.compile(r'\[[ \t]*+(?:\{[ \t]*+(?:".*)?+)?+', re.DOTALL)


def kind_of(line: str, *, whole: bool) -> str:
    """Return what an input is, by its first line that is not blank: jsonl, json, or text.

    A JSON object on a line is jsonl. The beginning of an object, of an array of objects, or a list of anything but numbers is
    json. ``[1]`` may be the number of a footnote, and is text.

    Args:
        whole: the line is not cut off.
    """
    line = line.strip(" \t\r\n")
    if not line.startswith(("{", "[")):
        return "text"
    if not whole:
        return "jsonl" if line.startswith("{") else "text"
    try:
        value = loads(line)
    except ValueError:
        like = _LIKE_OBJECT if line.startswith("{") else _LIKE_ARRAY
        return "json" if like.fullmatch(line) else "text"
    if isinstance(value, dict):
        return "jsonl"
    return "text" if value and isinstance(value[0], int | float) else "json"


class JsonValues:
    """Joins lines to the text of one JSON value each: those of a stream, or the elements of its arrays.

    Blanks at the ends of its lines are left out; none of them can be within a string, which does not go over lines.
    What cannot be JSON any more is given as it is, up to there, so that the values behind it are found.

    Args:
        longest: characters that a value may have.
    """

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._in_array = False
        self._depth = 0
        self._parts: list[str] = []  # the lines of a value that has not ended
        self._first = 0  # the line in which it begins
        self._length = 0
        self._piece = ""  # of a line, from the beginning of a value that has not ended

    def add(self, line: str, number: int, *, goes_on: bool = False) -> Iterator[tuple[int, str]]:
        """Add a line; yield the values that end in it, each with the line of its beginning.

        Args:
            goes_on: it is a piece of a line, and the next piece follows.
        """
        line, self._piece = self._piece + line, ""
        position = start = 0
        if self._depth and self._is_broken_by(line):
            yield from self.end()
        while True:
            if not self._depth:
                start = _BETWEEN.match(line, position).end()  # type: ignore[union-attr]  # it matches nothing too
                if start == len(line):
                    return
                opening = line[start]
                position = start + 1
                if opening == ("]" if self._in_array else "["):
                    self._in_array = not self._in_array
                elif opening in "{[":
                    self._depth, self._first = 1, number
                else:
                    position = _SCALAR.match(line, start).end()  # type: ignore[union-attr]  # any character at least
                    if goes_on and position + 1 >= len(line):  # the cut behind a comma may be within a string
                        self._piece = line[start:]
                        return
                    yield number, line[start:position]
                continue
            bracket = _TO_BRACKET.match(line, position)
            if bracket is None and goes_on and len(line) - start <= self._longest and not self._parts:
                self._piece, self._depth = line[start:], 0  # to be read again with what follows
                return
            if bracket is None:
                self._parts.append(line[start:].strip(_BLANKS))
                self._length += len(line) - start
                if not _REST.match(line, position) or self._length > self._longest:  # a string does not go over lines
                    yield from self.end()
                return
            self._depth += 1 if bracket[1] in "{[" else -1
            position = bracket.end()
            if not self._depth:
                yield self._first, "".join([*self._parts, line[start:position].lstrip(_BLANKS)])
                self._parts, self._length = [], 0

    def end(self) -> Iterator[tuple[int, str]]:
        """Yield what has come of a value that has not ended."""
        if self._piece:
            text, self._piece = self._piece, ""
            yield self._first, text
        if self._depth:
            text = "".join(self._parts)
            self._parts, self._length, self._depth = [], 0, 0
            yield self._first, text

    def _is_broken_by(self, line: str) -> bool:
        """Return whether an object begins in this line where none can: the value before it was cut off."""
        if not line.startswith('{"'):
            return False
        before = next((part for part in reversed(self._parts) if part), "")
        return not before.endswith((",", ":", "["))
