"""Where the words of a text stand, for texts whose words are not given."""

from __future__ import annotations

import re

from nlptool.text.scripts import japanese
from nlptool.text.spans import Place

_WORDS = re.compile(r"\w+|[^\w\s]")


def words_of(text: str) -> list[Place]:
    """Return the place of each word: ``text[start:end]``.

    Words of a text with kana or kanji are MeCab's; else runs of letters and digits are words, and any other sign is one by
    itself.
    """
    if not japanese().search(text):
        return [match.span() for match in _WORDS.finditer(text)]
    from nlptool.models.japanese import words
    from nlptool.models.japanese.tagger import for_mecab, spans

    shown = for_mecab(text)
    surfaces = [key.partition("\t")[0] for key in words.tagger().parse(shown).split("\n") if key]
    return [_stripped(text, place) for place in spans(shown, surfaces) if text[slice(*place)].strip()]


def _stripped(text: str, place: Place) -> Place:
    """Return the place of a word without white space at its ends, which MeCab takes for a part of some unknown words."""
    word = text[slice(*place)]
    start = place[0] + len(word) - len(word.lstrip())
    return start, start + len(word.strip())
