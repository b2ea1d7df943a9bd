"""Scripts and single characters of texts. A script has its name in Unicode: Latin, Hangul, Cyrillic."""

from __future__ import annotations

import functools
import re
from bisect import bisect
from collections import Counter
from collections.abc import Iterable

LONE_SURROGATE = re.compile("[\ud800-\udfff]")
"""A code unit of UTF-16 without its other half, which JSON can spell and UTF-8 cannot hold."""

JAPANESE = frozenset(("Han", "Hiragana", "Katakana"))
"""The scripts of Japanese. Together they are called Japanese, as in ISO 15924 (Jpan)."""

_LETTERS = {
    "Arabic": "620-63F 641-6FF 750-77F 870-8C9 FB50-FEFC 1EE00-1EEBB",
    "Armenian": "531-588 FB13-FB17",
    "Bengali": "980-9FC",
    "Bopomofo": "3105-312F 31A0-31BF",
    "Canadian Aboriginal": "1401-167F 18B0-18F5 11AB0-11ABF",
    "Cherokee": "13A0-13FD AB70-ABBF",
    "Common": "B2-B9 BC-BE 2B9-2D1 2EC-2EE 374 640 1CE9-1CFA 2070 2074-2089 2100-2125 2128-2129 212C-2131 2133-214D 2150-215F "
    "2189 2460-24FF 2776-2793 2E2F 3006-3007 3021-3035 303C 30FC 3192-3195 3220-32BF A717-A71F A788 A9CF FF70 FF9E-FF9F "
    "1D400-1D7FF",
    "Cyrillic": "400-52F 1C80-1C88 1D2B 1D78 A640-A69D",
    "Devanagari": "904-97F A8F2-A8FE",
    "Ethiopic": "1200-138F 2D80-2DDE AB01-AB2E 1E7E0-1E7FE",
    "Georgian": "10A0-10FF 1C90-1CBF 2D00-2D2D",
    "Greek": "370-373 376-3E1 3F0-3FF 1D26-1D2A 1D5D-1D61 1D66-1D6A 1DBF 1F00-1FFC 2126 AB65",
    "Gujarati": "A85-AF9",
    "Gurmukhi": "A05-A74",
    "Han": "3005 303B 3400-9FFF F900-FAD9 16FE3 20000-3FFFD",
    "Hangul": "1100-11FF 3131-318E A960-A97C AC00-D7FB FFA0-FFDC",
    "Hebrew": "5D0-5F2 FB1D-FB4F",
    "Hiragana": "3041-309F 1B001-1B11F 1B150-1B152",
    "Kannada": "C80-CF2",
    "Katakana": "30A1-30FA 30FD-30FF 31F0-31FF FF66-FF6F FF71-FF9D 1AFF0-1B000 1B120-1B122 1B164-1B167",
    "Khmer": "1780-17DC",
    "Lao": "E81-EDF",
    "Latin": "41-5A 61-7A AA BA 2B0-2B8 C0-2AF 2E0-2E4 1D00-1D25 1D2C-1D5C 1D62-1D65 1D6B-1D77 1D79-1DBE 1E00-1EFF 2071 207F "
    "2090-209C 212A-212B 2132 214E 2160-2188 2C60-2C7F A722-A787 A78B-A7FF AB30-AB64 AB66-AB69 FB00-FB06 FF21-FF5A "
    "10780-107BA 1DF00-1DF1E",
    "Malayalam": "D04-D7F",
    "Mongolian": "1820-18AA",
    "Myanmar": "1000-108E A9E0-A9FE AA60-AA7F",
    "Oriya": "B05-B71",
    "Sinhala": "D85-DC6",
    "Syriac": "710-74F 860-86A",
    "Tamil": "B83-BD0",
    "Telugu": "C05-C61",
    "Thaana": "780-7B1",
    "Thai": "E01-E46",
    "Tibetan": "F00-F8C",
    "Yi": "A000-A48C",
}  # fmt: skip
"""Script -> ranges of code points that hold no letters but its own, and signs and digits. Common: letters that several scripts
share (ー), and numbers that are no digits."""

_SIGNS = r"\x00-\x26\x28-\x40\x5b-\x60\x7b-\xa9\u2010-\u2018\u201a-\u206f\u3000-\u3004\u3008-\u3020\uff00-\uff20"
"""Ranges of a pattern without letters: signs, but for apostrophes, and digits."""

_WITHOUT_BLANKS = ("Han", "Hiragana", "Katakana", "Khmer", "Lao", "Myanmar", "Thai")
"""Scripts that leave no blank between words: a letter counts as a word."""

_FEWEST_KANA = 0.05
"""Kana for each kanji, of which a Japanese text has more: a Chinese one can have の in a name."""


@functools.cache
def japanese() -> re.Pattern[str]:
    """Return the pattern of one kana or kanji. It is compiled when it is needed: that takes two milliseconds."""
    return re.compile(
        r"[\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
    )


def is_japanese(words: Iterable[str]) -> bool:
    """Return whether one of the words has kana or kanji."""
    return any(map(japanese().search, words))


def collapse_blanks(word: str) -> str:
    """Replace each run of white space by one blank, and remove it at the ends."""
    return " ".join(word.split())


def other_letters(scripts: Iterable[str]) -> re.Pattern[str]:
    """Return the pattern of a letter of another script than these. It may find one of theirs that is beyond U+FFFF:
    ranges there make a pattern slow."""
    return re.compile(rf"[^\W\d_{_SIGNS}{_ranges('Common', *scripts)}]")


def count_scripts(text: str) -> Counter[str]:
    """Count the words of a text by their script. Kanji beside kana are Japanese, and others Han.

    A kana, a kanji or a letter of another script without blanks between words counts as a word, so that Japanese with Latin
    words in it is Japanese.
    """
    counts = Counter(map(script_of, (word[0] for word in _words().findall(text))))
    del counts[""]
    kana = counts["Hiragana"] + counts["Katakana"]
    if kana > _FEWEST_KANA * counts["Han"]:
        counts = Counter({"Japanese": kana + counts["Han"]}) + counts
        for script in JAPANESE:
            del counts[script]
    return +counts


def scripts_in_use(counts: Counter[str]) -> list[str]:
    """Return the scripts of at least a hundredth of the words that were counted, the most frequent first."""
    return [script for script, n in counts.most_common() if 100 * n >= counts.total()]


def main_script(text: str) -> str:
    """Return the script of most words of a text; "" if it has no letters. Of as many words of several it is Japanese or
    Han, if that is among them, or the script that comes first."""
    counts = count_scripts(text)
    return max(counts, key=lambda script: (counts[script], script in ("Japanese", "Han")), default="")


def script_of(letter: str) -> str:
    """Return the script of a character; "" if it is no letter, or one that several scripts share."""
    if not letter.isalpha():
        return ""
    starts, ends, names = _table()
    row = bisect(starts, ord(letter)) - 1
    if row >= 0 and ord(letter) <= ends[row]:
        return "" if names[row] == "Common" else names[row]
    return _first_word_of_name(letter)


@functools.cache
def _words() -> re.Pattern[str]:
    """Return the pattern of a word: a letter of a script without blanks, or what stands from another letter to a blank or a
    sign. Marks, such as the vowels of Devanagari, do not end it."""
    single = _ranges(*_WITHOUT_BLANKS)
    return re.compile(rf"[{single}]|[^\W\d_{single}{_ranges('Common')}][^\s{_SIGNS}{single}]*")


@functools.lru_cache(maxsize=4096)
def _first_word_of_name(letter: str) -> str:
    """Return the script of a rare letter by its name, which begins with it: GOTHIC LETTER AHSA."""
    import unicodedata

    return unicodedata.name(letter, "").partition(" ")[0].capitalize()


def _code_points(ranges: str) -> Iterable[tuple[int, int]]:
    for part in ranges.split():
        first, _, last = part.partition("-")
        yield int(first, 16), int(last or first, 16)


def _ranges(*scripts: str) -> str:
    """Return what stands between the brackets of a pattern for the letters of scripts, up to U+FFFF."""
    pairs = [pair for script in scripts for pair in _code_points(_LETTERS.get(script, ""))]
    return "".join(f"\\u{first:04x}-\\u{last:04x}" for first, last in pairs if last <= 0xFFFF)


@functools.cache
def _table() -> tuple[list[int], list[int], list[str]]:
    """Return the first and the last letters of all ranges, and their scripts."""
    rows = sorted((*pair, script) for script, ranges in _LETTERS.items() for pair in _code_points(ranges))
    return [first for first, _, _ in rows], [last for _, last, _ in rows], [script for _, _, script in rows]
