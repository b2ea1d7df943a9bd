"""Where a word stands in a text, and the word that is marked in one."""

from __future__ import annotations

import re

from nlptool.text.spans import Place

_MARKED = re.compile(r"\[\[(.+?)\]\]")
_WORD = re.compile(r"\w(?:[\w'’-]*\w)?")


def occurrences(text: str, word: str) -> list[Place]:
    """Return where a word stands in a text, without regard to case. A word that begins or ends with a letter or digit of ASCII
    does so at a border there: ``cat`` is not in ``cats``; 猫 is in 子猫."""
    before = r"(?<![0-9A-Za-z_])" if _is_ascii(word[:1]) else ""
    behind = r"(?![0-9A-Za-z_])" if _is_ascii(word[-1:]) else ""
    return [match.span() for match in re.finditer(f"{before}{re.escape(word)}{behind}", text, re.IGNORECASE)]


def words_between_signs(text: str) -> list[Place]:
    """Return where the runs of letters and digits stand in a text, with apostrophes and hyphens inside."""
    return [match.span() for match in _WORD.finditer(text)]


def marked(text: str) -> tuple[str, Place] | None:
    """Return a text without its marks, and the place of the word that is marked: ``on the [[bank]]``; None if none is.

    Of several marked words the first one is returned, and the others keep their marks.
    """
    found = _MARKED.search(text)
    if found is None:
        return None
    start = found.start()
    return f"{text[:start]}{found[1]}{text[found.end() :]}", (start, start + len(found[1]))


def _is_ascii(character: str) -> bool:
    return character.isascii() and (character.isalnum() or character == "_")
