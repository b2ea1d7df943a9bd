"""Readings of numbers in katakana: 2024 is ニセンニジュウヨン, 三・一四 サンテンイチヨン.

Numbers are in digits, of half or full width, with commas between thousands and a point before decimals; in kanji (二千二十四,
二〇二四, 三・一四); or in both (1億2000万, 2.5億). A number with a zero before it is read digit by digit, as is one of more
than 52 digits. 4, 7 and 9 are ヨン, ナナ, キュウ; a zero is ゼロ by itself and レイ beside a decimal point. Numbers with
counters: ``counters``.
"""

from __future__ import annotations

import functools
import re
import unicodedata

_DIGITS = ("ゼロ", "イチ", "ニ", "サン", "ヨン", "ゴ", "ロク", "ナナ", "ハチ", "キュウ")
_UNITS = "万億兆京垓𥝱穣溝澗正載極"
_SAID = ("マン", "オク", "チョウ", "ケイ", "ガイ", "ジョ", "ジョウ", "コウ", "カン", "セイ", "サイ", "ゴク")
_KANJI = "〇一二三四五六七八九"
_OLD = str.maketrans("零壱弐参拾萬", "〇一二三十万")
_SMALL = "(?:[1-9一二三四五六七八九]?千)?(?:[1-9一二三四五六七八九]?百)?(?:[1-9一二三四五六七八九]?十)?[1-9一二三四五六七八九]?"

_PLAIN = re.compile(r"\d+|\d{1,3}(?:,\d{3})+", re.ASCII)
_DECIMAL = re.compile(r"(\d+|\d{1,3}(?:,\d{3})+)\.(\d+)", re.ASCII)
_POSITIONAL = re.compile(f"[{_KANJI}]{{3,}}|[一二三四五六七八九]〇")
_KANJI_DECIMAL = re.compile(f"([{_KANJI}]+)[・．.]([{_KANJI}]+)")
_WITH_UNITS = re.compile(rf"((?:\d{{1,4}}|\d,\d{{3}}|{_SMALL})[{_UNITS}])+(?:\d{{1,4}}|\d,\d{{3}}|{_SMALL})", re.ASCII)
_UNIT = re.compile(rf"([^{_UNITS}]*)([{_UNITS}]?)")
_DECIMAL_UNIT = re.compile(rf"([\d,]+\.\d+)([{_UNITS}])", re.ASCII)

NUMERIC = re.compile(rf"[\d\uff10-\uff19{_KANJI}零壱弐参拾十百千萬{_UNITS}]+", re.ASCII)
"""What a number is written with, but for commas and points."""

DIGITS = re.compile(r"[0-9\uff10-\uff19]+")
"""A number in digits, of half or full width."""

UNITS = re.compile(rf"[十百千{_UNITS}]+")
"""What stands behind digits in a number that is written with both."""

POINTS = frozenset(".．・")
COMMAS = frozenset(",，")


@functools.lru_cache(maxsize=10_000)
def reading(number: str) -> tuple[str, int | None] | None:
    """Return how a number is read, and its value if it is a whole one; None if it is no number that can be read."""
    text = unicodedata.normalize("NFKC", number).translate(_OLD) if "・" not in number else number.translate(_OLD)
    if _PLAIN.fullmatch(text):
        return _whole(text.replace(",", ""))
    if found := _DECIMAL.fullmatch(text):
        return _decimal(found[1].replace(",", ""), found[2]), None
    if _POSITIONAL.fullmatch(text):
        return _whole(_as_digits(text))
    if found := _KANJI_DECIMAL.fullmatch(text):
        return _decimal(_as_digits(found[1]), _as_digits(found[2])), None
    if found := _DECIMAL_UNIT.fullmatch(text):
        said = reading(found[1])
        return (joined(said[0], _SAID[_UNITS.index(found[2])]), None) if said else None
    if text == "〇":
        return "レイ", 0
    value = _value(text)
    return None if value is None else (_in_kana(value), value)


def joined(number: str, following: str) -> str:
    """Return a reading of a number with what is said behind it, the end of the number changed before k, s, t, h and p as usual
    in Sino-Japanese words: イッカイ, ロッカイ, ハッサイ, ジュットウ, ヒャッケイ. ``following`` stays as it is, but for h, which
    becomes p behind ッ: イッポン."""
    row = _row(following)
    for ending, rows in (("イチ", "ksthp"), ("ロク", "khp"), ("ハチ", "ksthp"), ("ジュウ", "ksthp"), ("ャク", "khp")):
        if number.endswith(ending) and row in rows:
            following = _TO_P.get(following[0], following[0]) + following[1:]
            return f"{number[: -len(ending)]}{ending[:-1]}ッ{following}"
    return number + following


_TO_P = dict(zip("ハヒフヘホ", "パピプペポ", strict=True))
_ROWS = {"k": "カキクケコ", "s": "サシスセソ", "t": "タチツテト", "h": "ハヒフヘホ", "p": "パピプペポ"}


def _row(kana: str) -> str:
    return next((row for row, beginnings in _ROWS.items() if kana[:1] in beginnings), "-")


def _as_digits(kanji: str) -> str:
    return "".join(str(_KANJI.index(each)) for each in kanji)


def _whole(digits: str) -> tuple[str, int | None]:
    if (digits[0] == "0" and len(digits) > 1) or len(digits) > 4 * (len(_UNITS) + 1):
        return "".join(_DIGITS[int(digit)] for digit in digits), None
    return _in_kana(int(digits)), int(digits)


def _decimal(whole: str, decimals: str) -> str:
    said = "レイ" if not int(whole) else _whole(whole)[0]
    return joined(said, "テン") + "".join("レイ" if digit in "0" else _DIGITS[int(digit)] for digit in decimals)


def _value(text: str) -> int | None:
    """Return the value of a number with kanji for tens, hundreds or larger units."""
    if not text or not (re.fullmatch(_SMALL, text) or _WITH_UNITS.fullmatch(text)):
        return None
    value, least = 0, len(_UNITS)
    for part, unit in _UNIT.findall(text):
        if unit:
            power = _UNITS.index(unit)
            if power >= least or not part:
                return None
            least = power
            value += _small(part) * 10 ** (4 * power + 4)
        elif part:
            value += _small(part)
    return value


def _small(text: str) -> int:
    """Return the value of a number below 10,000."""
    digits = text.replace(",", "")
    if digits.isdecimal():
        return int(digits)
    value = digit = 0
    for each in text:
        if each not in "十百千":
            digit = _KANJI.index(each) if each in _KANJI else int(each)
        else:
            value += (digit or 1) * 10 ** ("十百千".index(each) + 1)
            digit = 0
    return value + digit


def _in_kana(number: int) -> str:
    if not number:
        return "ゼロ"
    said = ""
    power = 0
    while number:
        number, group = divmod(number, 10_000)
        if group:
            here = _group(group, is_last=power == 0)
            said = (joined(here, _SAID[power - 1]) if power else here) + said
        power += 1
    return said


def _group(group: int, *, is_last: bool) -> str:
    """Return the reading of 1 to 9,999. 1,000 is セン, but イッセン before a larger unit."""
    said = ""
    thousands, hundreds, tens, ones = (int(digit) for digit in f"{group:04}")
    if group == 1000 and not is_last:
        said = "イッセン"
    elif thousands:
        said = {1: "セン", 3: "サンゼン", 8: "ハッセン"}.get(thousands, f"{_DIGITS[thousands]}セン")
    if hundreds:
        said += {1: "ヒャク", 3: "サンビャク", 6: "ロッピャク", 8: "ハッピャク"}.get(
            hundreds, f"{_DIGITS[hundreds]}ヒャク"
        )
    if tens:
        said += "ジュウ" if tens == 1 else f"{_DIGITS[tens]}ジュウ"
    return said + (_DIGITS[ones] if ones else "")
