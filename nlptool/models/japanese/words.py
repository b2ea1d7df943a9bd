"""The words of Japanese text without their analysis: MeCab's surfaces or lemmas, and their readings."""

from __future__ import annotations

import functools
import re

from nlptool.models.japanese.tagger import Tagger, for_mecab, spans
from nlptool.text.kana import to_katakana
from nlptool.text.scripts import collapse_blanks, japanese
from nlptool.text.spans import Place

_MOST_CACHED = 1_000_000  # tokens whose word is cached
_KATAKANA = re.compile(r"[\u30a1-\u30ff]+")
_BETWEEN_BLANKS = re.compile(r"\S+")


@functools.cache
def tagger(dictionary: str | None = None) -> Tagger:
    """Open MeCab with a dictionary, once in a process: it takes a moment.

    Args:
        dictionary: name or folder; unidic-lite unless given.

    Raises:
        ModelError: the dictionary is not there.
    """
    return Tagger(dictionary)


class WordTokenizer(dict[str, str]):
    """A function that splits a text into words. As a dict: MeCab's key of a token -> its word, ``""`` for white space."""

    def __init__(self, *, lemma: bool, dictionary: str | None = None) -> None:
        super().__init__()
        self._text = ""
        self._tagger = tagger(dictionary)
        self._lemma = lemma

    def __call__(self, text: str) -> list[str]:
        self._text = for_mecab(text)
        if len(self) > _MOST_CACHED:
            self.clear()
        return [word for key in self._tagger.parse(self._text).split("\n") if key and (word := self[key])]

    def __missing__(self, key: str) -> str:
        surface = key.partition("\t")[0]
        word = (self._tagger.morpheme(key, self._text).feature("lemma") or surface) if self._lemma else surface
        self[key] = word = collapse_blanks(word)
        return word


def places(text: str) -> list[Place]:
    """Return where the words of a text stand, ``text[start:end]``: MeCab's in a text with kana or kanji, else what stands
    between white space."""
    if not japanese().search(text):
        return [match.span() for match in _BETWEEN_BLANKS.finditer(text)]
    return mecab_places(text)


def mecab_places(text: str, dictionary: str | None = None) -> list[Place]:
    """Return where MeCab's words stand in a text: those that ``WordTokenizer`` returns, white space left out.

    Args:
        dictionary: as of ``tagger``.
    """
    shown = for_mecab(text)
    surfaces = [key.partition("\t")[0] for key in tagger(dictionary).parse(shown).split("\n") if key]
    return [(start, end) for start, end in spans(shown, surfaces) if not shown[start:end].isspace()]


def reading(word: str, dictionary: str | None = None) -> str:
    """Return MeCab's reading of a word by itself, in katakana. Kana that the dictionary lacks are their own reading; ``""``
    if another part of the word has none."""
    mecab = tagger(dictionary)
    shown = for_mecab(word)
    readings = []
    for key in filter(None, mecab.parse(shown).split("\n")):
        morpheme = mecab.morpheme(key, shown)
        kana = to_katakana(morpheme.surface)
        part = morpheme.feature("reading") or (kana if _KATAKANA.fullmatch(kana) else "")
        if not part:
            return ""
        readings.append(part)
    return "".join(readings)
