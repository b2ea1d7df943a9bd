"""Texts as labels of a picture: clean, short, and measured as a terminal does, a Japanese letter as wide as two Latin ones."""

from __future__ import annotations

import unicodedata

_NOT_AT_A_START = "、。，．,.!?！？）」』】〕〉》)]}・ー々ゝゞヽヾぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮ…:;：；%％"
_NOT_AT_AN_END = "「『（【〔〈《("
_UNSEEN = ("Cc", "Cs", "Co", "Cn")  # control characters, half characters, and those that nobody has named


def clean(text: str) -> str:
    """On one line, without what steers the direction of writing, and U+FFFD for what has no shape."""
    letters = []
    for letter in " ".join(text.split()):
        kind = unicodedata.category(letter)
        if kind != "Cf" and not "\ufe00" <= letter <= "\ufe0f":  # joiners, marks of direction, selectors of a variant
            letters.append("\N{REPLACEMENT CHARACTER}" if kind in _UNSEEN else letter)
    return "".join(letters)


def width(text: str) -> int:
    """In cells of a terminal."""
    return sum(map(_cells, text))


def _cells(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def wrap(text: str, cells: int, lines: int) -> list[str]:
    """Break a text at blanks and between Japanese letters, never before a full stop, a closing bracket or a small kana.

    Args:
        cells: the width that no line exceeds.
        lines: the most there may be; the last one ends in an ellipsis where the text is longer.

    Returns:
        Lines of about the same width, as few as there can be.
    """
    broken = _broken(text, cells, lines)
    if len(broken) == 1 or width(broken[-1]) > cells:
        return [*broken[:-1], shorten(broken[-1], cells)]
    narrower = (_broken(text, narrow, len(broken)) for narrow in range(max(map(width, broken)) // 2, cells))
    return next((even for even in narrower if width(even[-1]) <= max(map(width, even[:-1]))), broken)


def _broken(text: str, cells: int, lines: int) -> list[str]:
    """Each line as full as it can be, the last one with all the rest."""
    broken: list[str] = []
    while len(broken) < lines - 1 and width(text) > cells:
        end = _fitting(text, cells)
        at = next((at for at in range(end, 0, -1) if _may_break(text, at)), end)
        broken.append(text[:at].rstrip())
        text = text[at:].lstrip()
    return [*broken, text]


def shorten(text: str, cells: int) -> str:
    """The text, or its start and an ellipsis."""
    return text if width(text) <= cells else text[: _fitting(text, cells - 1)].rstrip() + "…"


def _fitting(text: str, cells: int) -> int:
    """How many characters fit, at least one."""
    used = 0
    for place, letter in enumerate(text):
        used += _cells(letter)
        if used > cells:
            return max(1, place)
    return len(text)


def _may_break(text: str, at: int) -> bool:
    """Whether a new line may begin with ``text[at]``."""
    before, after = text[at - 1 : at], text[at : at + 1]
    if before == " " or after == " ":
        return True
    return max(_cells(before), _cells(after)) == 2 and after not in _NOT_AT_A_START and before not in _NOT_AT_AN_END
