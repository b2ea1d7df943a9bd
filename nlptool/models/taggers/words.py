"""Where the words of a text stand, for texts whose words are not given."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from nlptool.text.scripts import japanese
from nlptool.text.spans import Place

_WORDS = re.compile(r"\w+|[^\w\s]")
_LETTER = re.compile(r"\w")
_JOINERS = "\u200c\u200d"  # letters with one of them between are one word


def words_of(text: str) -> list[Place]:
    """Return the place of each word: ``text[start:end]``.

    Words of a text with kana or kanji are MeCab's; else runs of letters and digits, with the marks that they carry, are words,
    and any other sign is one by itself.
    """
    if not japanese().search(text):
        places = (match.span() for match in _WORDS.finditer(text))
        return list(places) if text.isascii() else _with_marks(text, places)
    from nlptool.models.japanese import words
    from nlptool.models.japanese.tagger import for_mecab, spans

    shown = for_mecab(text)
    surfaces = [key.partition("\t")[0] for key in words.tagger().parse(shown).split("\n") if key]
    return [_stripped(text, place) for place in spans(shown, surfaces) if text[slice(*place)].strip()]


def _with_marks(text: str, places: Iterable[Place]) -> list[Place]:
    """Return the places of words, those of marks (accents by themselves, vowel signs) joined to the letters that carry them."""
    found: list[Place] = []
    follows_mark = False
    for start, end in places:
        is_mark = unicodedata.category(text[start])[0] == "M" or text[start] in _JOINERS
        is_joined = bool(found) and found[-1][1] == start
        goes_on = follows_mark and is_joined and bool(_LETTER.match(text, start) and _LETTER.match(text, found[-1][0]))
        if is_joined and (is_mark or goes_on):
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
        follows_mark = is_mark
    return found


def _stripped(text: str, place: Place) -> Place:
    """Return the place of a word without white space at its ends, which MeCab takes for a part of some unknown words."""
    word = text[slice(*place)]
    start = place[0] + len(word) - len(word.lstrip())
    return start, start + len(word.strip())
