"""Numbers with their counters in the tokens of a text, and how they are read: 2024年 is ニセンニジュウヨネン.

MeCab reads each token by itself: digits have no reading, and 本 has the same one behind every number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from nlptool.tasks.tokens import Token
from nlptool.text import counters
from nlptool.text.kana import KANA
from nlptool.text.number_readings import COMMAS, DIGITS, NUMERIC, POINTS, UNITS

_MOST_TOKENS = 24  # of a number: a longer run of numerals is several


class ReadAmount(NamedTuple):
    """Tokens ``first`` to ``last``, last excluded, that are a number with its counter, and their reading in katakana."""

    first: int
    last: int
    reading: str


def read_amounts(text: str, tokens: Sequence[Token]) -> list[ReadAmount]:
    """Return the numbers of a text, in order."""
    found: list[ReadAmount] = []
    month_ends = -1  # where the month before stands: 1日 behind it is a date
    index = 0
    while index < len(tokens):
        last = _end_of_number(tokens, index)
        amount = None
        while last > index and amount is None:
            amount = _read(text, tokens, index, last, is_date=tokens[index].start == month_ends)
            last -= amount is None
        if amount is None:
            index += 1
            continue
        found.append(amount)
        index = amount.last
        if tokens[index - 1].surface == "月" and index - 1 > amount.first:
            month_ends = tokens[index - 1].end
    return found


def _is_number(token: Token) -> bool:
    """Whether a token is a number: a numeral, or digits, which UniDic also takes for words (１０, テン)."""
    return token.morpheme.columns[1:2] in (("数詞",), ("数",)) or DIGITS.fullmatch(token.surface) is not None


def _end_of_number(tokens: Sequence[Token], first: int) -> int:
    """Return the index behind the last token of the number that begins at ``first``; ``first`` if none does."""
    last = first
    while last < min(len(tokens), first + _MOST_TOKENS) and (last == first or _touch(tokens, last)):
        if _is_number(tokens[last]) or (last > first and _is_unit(tokens, last)):
            last += 1
        elif last > first and _is_joint(tokens, last):
            last += 2
        else:
            break
    return last


def _is_unit(tokens: Sequence[Token], place: int) -> bool:
    """Whether the token is 千, 百万 or the like behind a digit, whatever MeCab takes it for: 3千, with 千 as a name."""
    return (
        UNITS.fullmatch(tokens[place].surface) is not None and DIGITS.fullmatch(tokens[place - 1].surface) is not None
    )


def _is_joint(tokens: Sequence[Token], place: int) -> bool:
    """Whether the token is a comma or a point between two numbers."""
    is_mark = tokens[place].surface in POINTS | COMMAS
    return is_mark and place + 1 < len(tokens) and _touch(tokens, place + 1) and _is_number(tokens[place + 1])


def _touch(tokens: Sequence[Token], place: int) -> bool:
    return tokens[place].start == tokens[place - 1].end


def _read(text: str, tokens: Sequence[Token], first: int, last: int, *, is_date: bool) -> ReadAmount | None:
    number = text[tokens[first].start : tokens[last - 1].end]
    if KANA.search(number) or not (NUMERIC.match(number[-1]) or last == first + 1):
        return None  # ひと, いち: words like others
    if last < len(tokens) and _touch(tokens, last):
        counter = tokens[last]
        reading = counter.morpheme.feature("reading") or ""
        if counter.surface == "分" and _is_fraction(tokens, last):
            amount = counters.amount(number)
            return None if amount is None else ReadAmount(first, last + 1, f"{amount.reading}ブン")
        if counters.is_counter(counter.surface) or (reading and "助数詞" in "-".join(counter.morpheme.columns[:4])):
            said = "".join(token.morpheme.feature("reading") or "?" for token in tokens[first:last])  # 数百
            amount = counters.amount(
                number,
                counter.surface,
                number_reading="" if "?" in said else said,
                counter_reading=reading,
                is_date=is_date,
            )
            return None if amount is None else ReadAmount(first, last + 1, amount.reading)
    amount = counters.amount(number)
    return None if amount is None else ReadAmount(first, last, amount.reading)


def _is_fraction(tokens: Sequence[Token], place: int) -> bool:
    """Whether の and a number follow: 三分の一."""
    return place + 2 < len(tokens) and tokens[place + 1].surface == "の" and _is_number(tokens[place + 2])
