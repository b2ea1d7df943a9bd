"""Kana in Latin letters, by the Hepburn and the Kunrei system.

Hepburn is the modified one, as of ANSI Z39.11 (1972) and of Kenkyusha's dictionaries since 1954: shi, chi, tsu, fu, ji; n before
all consonants, n' before vowels and y; t before ch (kotchi); long vowels with a macron, but ei and ii as they are written
(sensei, ōkii), as is the u of a verb's ending (omou, kuu).

Kunrei is that of the Cabinet's notification of 1954 (Rômazi no tuzurikata, table 1), which ISO 3602 takes over: si, ti, tu,
hu, zi; long vowels with a circumflex. It leaves open how sounds of foreign words are written: ファ, ティ or ヴァ are as in
Hepburn, but シェ, ジェ and チェ go with its own table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from nlptool.text.kana import to_katakana

System = Literal["hepburn", "kunrei"]


def _pairs(table: str) -> dict[str, str]:
    words = table.split()
    return dict(zip(words[::2], words[1::2], strict=True))


_ROWS = {
    "": "アイウエオ", "k": "カキクケコ", "s": "サシスセソ", "t": "タチツテト", "n": "ナニヌネノ", "h": "ハヒフヘホ",
    "m": "マミムメモ", "r": "ラリルレロ", "g": "ガギグゲゴ", "z": "ザジズゼゾ", "b": "バビブベボ", "p": "パピプペポ",
}  # fmt: skip
_VOWELS = "aiueo"
_KUNREI = {
    kana: consonant + vowel for consonant, row in _ROWS.items() for kana, vowel in zip(row, _VOWELS, strict=True)
}
_KUNREI |= _pairs("ヤ ya ユ yu ヨ yo ワ wa ヰ i ヱ e ヲ o ダ da ヂ zi ヅ zu デ de ド do")
_KUNREI |= _pairs("ァ a ィ i ゥ u ェ e ォ o ャ ya ュ yu ョ yo ヮ wa ヵ ka ヶ ke")  # small kana behind no other
_KUNREI |= {
    kana + small: _KUNREI[kana][:-1] + glide
    for kana in "キシチニヒミリギジヂビピ"
    for small, glide in (("ャ", "ya"), ("ュ", "yu"), ("ョ", "yo"), ("ェ", "ye"))
}
_KUNREI |= _pairs("""
    イェ ye ウィ wi ウェ we ウォ wo ウュ wyu ヴ vu ヴァ va ヴィ vi ヴェ ve ヴォ vo ヴュ vyu ヷ va ヸ vi ヹ ve ヺ vo
    クァ kwa クィ kwi クェ kwe クォ kwo クヮ kwa グァ gwa グィ gwi グェ gwe グォ gwo グヮ gwa スィ si ズィ zi
    ツァ tsa ツィ tsi ツェ tse ツォ tso ティ ti トゥ tu テュ tyu ディ di ドゥ du デュ dyu
    ファ fa フィ fi フェ fe フォ fo フュ fyu フョ fyo
""")
_HEPBURN = _KUNREI | _pairs("シ shi チ chi ツ tsu フ fu ジ ji ヂ ji")
_HEPBURN |= {
    kana + small: consonant + vowel
    for kana, consonant in (("シ", "sh"), ("チ", "ch"), ("ジ", "j"), ("ヂ", "j"))
    for small, vowel in (("ャ", "a"), ("ュ", "u"), ("ョ", "o"), ("ェ", "e"))
}

_SPELLINGS: dict[System, Mapping[str, str]] = {"hepburn": _HEPBURN, "kunrei": _KUNREI}
_LONG: dict[System, dict[str, str]] = {
    "hepburn": dict(zip(_VOWELS, "āīūēō", strict=True)),
    "kunrei": dict(zip(_VOWELS, "âîûêô", strict=True)),
}
_SYLLABLE = re.compile("|".join(sorted(_KUNREI, key=len, reverse=True)) + "|.", re.DOTALL)
_PARTICLES = {("ハ", "ワ"), ("ヘ", "エ"), ("ヲ", "オ")}  # as they are written, and as they are said


def romanized(kana: str, system: System) -> str:
    """Return kana in Latin letters, in small ones.

    Args:
        kana: hiragana or katakana; ー makes the vowel before it long. Other characters stay as they are.
    """
    spelling, long = _SPELLINGS[system], _LONG[system]
    written: list[str] = []
    doubled = False  # the next consonant is
    for syllable in _SYLLABLE.findall(to_katakana(kana)):
        if syllable == "ッ":
            doubled = True
            continue
        if syllable == "ー":
            last = written[-1] if written else ""
            if last[-1:] in long:
                written[-1] = last[:-1] + long[last[-1]]
            else:
                written.append("-")
        elif syllable == "ン":
            written.append("n")
        else:
            letters = spelling.get(syllable, syllable)
            if written and written[-1] == "n" and letters[:1] in "aiueoy":
                written[-1] = "n'"
            if doubled and "a" <= letters[0] <= "z" and letters[0] not in _VOWELS:
                letters = ("t" if letters.startswith("ch") else letters[0]) + letters
            written.append(letters)
        doubled = False
    return "".join(written)


def spelled_for_romaji(reading: str, pronunciation: str | None, *, is_verb_ending: bool = False) -> str:
    """Return a word in katakana with what the reading does not show: ー where a vowel is long, and particles as they are said.

    Args:
        reading: in kana, as it is spelled: トウキョウ, ハ.
        pronunciation: as MeCab's dictionaries write it, with ー for long vowels: トーキョー, ワ.
        is_verb_ending: the word is a verb in a form whose last ウ is an ending: 食う is kuu.
    """
    reading = to_katakana(reading)
    if pronunciation is None or len(pronunciation) != len(reading):
        return reading
    written = [
        said if (said == "ー" and kana in "アウエオ") or (kana, said) in _PARTICLES else kana
        for kana, said in zip(reading, to_katakana(pronunciation), strict=True)
    ]
    if is_verb_ending and reading.endswith("ウ"):
        written[-1] = "ウ"
    return "".join(written)
