"""Paragraphs of plain text and Markdown, line by line.

A paragraph ends at an empty line, which may hold blanks (U+3000 too). Of Markdown three things are known: a fenced code block is
one paragraph, with its empty lines, up to a fence of the same kind that is at least as long, or to the end of the input; a
heading (``# …``) is a paragraph of its own; a heading underlined with === or --- ends with that line. Lists, tables and block
quotes are ordinary lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

Paragraph = tuple[int, list[str]]

_FENCE = re.compile(r"[ \t]*(`{3,}(?=[^`]*\Z)|~{3,})")
_HEADING = re.compile(r" {0,3}#{1,6}(?:[ \t\u3000]|\s*\Z)")
_UNDERLINE = re.compile(r" {0,3}(?:={3,}|-{3,})\s*\Z")


class ParagraphCutter:
    """Puts lines together to paragraphs, one line at a time: ``add`` each line, then ``finish``.

    A paragraph is (the number of its first line, its lines). The lines may have their line ends.

    Args:
        first_line: the number of the first line that is added.
        largest: characters after which a paragraph is closed at the end of a line; None: never. The rest of a fenced code block
            is then the next paragraph.
    """

    def __init__(self, *, first_line: int = 0, largest: int | None = None) -> None:
        self._number = first_line  # of the next line
        self._largest = largest
        self._start = first_line  # number of the open paragraph's first line
        self._lines: list[str] = []  # of the open paragraph
        self._size = 0  # its characters
        self._fence = ""  # that opened the code block

    def add(self, line: str) -> list[Paragraph]:
        """Take the next line and return the paragraphs that end before it or with it: none, one, or two."""
        ended: list[Paragraph] = []
        if self._fence:
            if self._keep(line):
                ended = self.finish(fenced=True)
            if _closes(line, self._fence):
                self._fence = ""
                ended += self.finish()
        elif not line or line.isspace():
            ended = self.finish()
        elif opened := _FENCE.match(line):
            ended = self.finish()
            self._keep(line)
            self._fence = opened[1]
        elif _HEADING.match(line):
            ended = self.finish()
            self._keep(line)
            ended += self.finish()
        else:
            underline = bool(self._lines) and _UNDERLINE.match(line) is not None
            if self._keep(line) or underline:
                ended = self.finish()
        self._number += 1
        return ended

    def finish(self, *, fenced: bool = False) -> list[Paragraph]:
        """Return the open paragraph, if there is one: the input has ended.

        Args:
            fenced: the code block goes on in the next paragraph.
        """
        paragraph = [(self._start, self._lines)] if self._lines else []
        self._lines, self._size = [], 0
        if not fenced:
            self._fence = ""
        return paragraph

    def _keep(self, line: str) -> bool:
        """Add the line to the open paragraph; return whether that is now as large as it may be."""
        if not self._lines:
            self._start = self._number
        self._lines.append(line)
        self._size += len(line)
        return self._largest is not None and self._size >= self._largest


def _closes(line: str, fence: str) -> bool:
    """Return whether the line is a fence of the kind of ``fence``, at least as long, with nothing behind it."""
    bare = line.strip()
    return len(bare) >= len(fence) and not bare.strip(fence[0])


def paragraphs(lines: Iterable[str], *, first_line: int = 0, largest: int | None = None) -> Iterator[Paragraph]:
    """Yield the paragraphs of ``lines`` in order, each as soon as it ends: (number of its first line, its lines).

    Every line that is not blank is in one of them. The arguments are those of ``ParagraphCutter``.
    """
    cutter = ParagraphCutter(first_line=first_line, largest=largest)
    for line in lines:
        yield from cutter.add(line)
    yield from cutter.finish()
