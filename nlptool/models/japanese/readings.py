"""The reading of a dictionary entry, in kana and in Latin letters."""

from __future__ import annotations

import unicodedata

from nlptool.models.japanese.tagger import Morpheme
from nlptool.text.kana import is_kana
from nlptool.text.romaji import System, romanized, spelled_for_romaji

_ENDINGS = ("終止形", "連体形", "基本形")  # forms of verbs that end in u


def kana_of(morpheme: Morpheme) -> str | None:
    """Return the reading, in katakana if it is the dictionary's; of a word without one that is in kana, of half width too, the
    word itself."""
    if reading := morpheme.feature("reading"):
        return reading
    word = unicodedata.normalize("NFKC", morpheme.surface)
    return word if is_kana(word) else None


def romaji_of(morpheme: Morpheme, system: System) -> str | None:
    """Return the word in Latin letters; None if it has no reading.

    A ッ at its end stands for the consonant that the next word begins with: t, as in 行っ|た; other words lose it.
    """
    kana = kana_of(morpheme)
    if kana is None:
        return None
    form = morpheme.feature("conjugation_form") or ""
    is_verb_ending = morpheme.columns[0] == "動詞" and form.startswith(_ENDINGS)
    spelled = spelled_for_romaji(kana, morpheme.feature("pronunciation"), is_verb_ending=is_verb_ending)
    written = romanized(spelled, system)
    return f"{written}t" if spelled.endswith("ッ") and form else written
