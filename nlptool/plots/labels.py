"""Texts as labels of a plot: cleaned, shortened, and measured in terminal cells (a Japanese character has two)."""

from __future__ import annotations

import unicodedata

_NOT_AT_A_START = "、。，．,.!?！？）」』】〕〉》)]}・ー々ゝゞヽヾぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮ…:;：；%％"
_NOT_AT_AN_END = "「『（【〔〈《("
_NO_GLYPH = ("Cc", "Cs", "Co", "Cn")  # control characters, lone surrogates, private use, unassigned


def clean(text: str) -> str:
    """Return a text on one line, without format characters, and with U+FFFD for characters without a glyph."""
    letters = []
    for letter in " ".join(text.split()):
        kind = unicodedata.category(letter)
        if kind != "Cf" and not "\ufe00" <= letter <= "\ufe0f":  # joiners, direction marks, variation selectors
            letters.append("\N{REPLACEMENT CHARACTER}" if kind in _NO_GLYPH else letter)
    return "".join(letters)


def width(text: str) -> int:
    """Return the width of a text in terminal cells."""
    return sum(map(_cells, text))


def _cells(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def wrap(text: str, cells: int, lines: int, *, words: bool = False) -> list[str]:
    """Break a text into lines at blanks and between Japanese characters, but not before punctuation or small kana.

    Args:
        cells: maximum width of a line.
        lines: maximum number of lines; the last one ends in an ellipsis if the text is longer.
        words: it is a list of words, and is broken at blanks alone, where a line has one.

    Returns:
        As few lines as possible, of about the same width.
    """
    broken = _break_lines(text, cells, lines, words)
    if len(broken) == 1 or width(broken[-1]) > cells:
        return [*broken[:-1], shorten(broken[-1], cells)]
    narrower = (_break_lines(text, narrow, len(broken), words) for narrow in range(max(map(width, broken)) // 2, cells))
    return next((even for even in narrower if width(even[-1]) <= max(map(width, even[:-1]))), broken)


def _break_lines(text: str, cells: int, lines: int, words: bool) -> list[str]:
    """Fill each line as far as possible; the last one gets the rest."""
    broken: list[str] = []
    while len(broken) < lines - 1 and width(text) > cells:
        end = _fitting(text, cells)
        index = next((index for index in range(end, 0, -1) if _may_break(text, index, words)), end)
        broken.append(text[:index].rstrip())
        text = text[index:].lstrip()
    return [*broken, text]


def shorten(text: str, cells: int) -> str:
    """Return the text, truncated with an ellipsis if it is wider than ``cells``."""
    return text if width(text) <= cells else text[: _fitting(text, cells - 1)].rstrip() + "…"


def _fitting(text: str, cells: int) -> int:
    """Return how many characters fit into ``cells``, at least one."""
    used = 0
    for index, letter in enumerate(text):
        used += _cells(letter)
        if used > cells:
            return max(1, index)
    return len(text)


def _may_break(text: str, index: int, words: bool) -> bool:
    """Return whether a line may begin with ``text[index]``."""
    before, after = text[index - 1 : index], text[index : index + 1]
    if before == " " or after == " ":
        return True
    return (
        not words
        and max(_cells(before), _cells(after)) == 2
        and after not in _NOT_AT_A_START
        and before not in _NOT_AT_AN_END
    )
