"""Japanese words alone, as MeCab with unidic-lite finds them: surfaces or lemmas, and their readings."""

from __future__ import annotations

import functools
import re

from nlptool.models.japanese.tagger import Tagger, for_mecab
from nlptool.text.scripts import collapse_blanks

_MOST_KEPT = 1_000_000  # tokens whose word is remembered

_KATAKANA = re.compile(r"[\u30a1-\u30ff]+")

_TO_KATAKANA = {code: code + 0x60 for code in range(0x3041, 0x3097)}


@functools.cache
def tagger() -> Tagger:
    """One for the process; it takes a moment to open."""
    return Tagger()


class Words(dict[str, str]):
    """Cuts a text into words when it is called. As a dict: MeCab's key of a token -> its word, ``""`` for white space."""

    def __init__(self, *, lemma: bool) -> None:
        super().__init__()
        self._text = ""
        self._tagger = tagger()
        self._lemma = lemma

    def __call__(self, text: str) -> list[str]:
        self._text = for_mecab(text)
        if len(self) > _MOST_KEPT:
            self.clear()
        return [word for key in self._tagger.parse(self._text).split("\n") if key and (word := self[key])]

    def __missing__(self, key: str) -> str:
        surface = key.partition("\t")[0]
        word = (self._tagger.morpheme(key, self._text).feature("lemma") or surface) if self._lemma else surface
        found = self[key] = collapse_blanks(word)
        return found


def reading(word: str) -> str:
    """How MeCab reads a word alone, in katakana. Kana that it does not know are read as they stand; ``""`` where another part
    has no reading."""
    shown = for_mecab(word)
    readings = []
    for key in filter(None, tagger().parse(shown).split("\n")):
        morpheme = tagger().morpheme(key, shown)
        kana = morpheme.surface.translate(_TO_KATAKANA)
        found = morpheme.feature("reading") or (kana if _KATAKANA.fullmatch(kana) else "")
        if not found:
            return ""
        readings.append(found)
    return "".join(readings)
