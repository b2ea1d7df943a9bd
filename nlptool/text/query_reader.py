"""Reads patterns over tokens: see ``token_query``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nlptool.text.query_tree import (
    OPEN_END,
    Choice,
    One,
    QueryError,
    Repeat,
    Sequence,
    Test,
    Token,
    all_needed,
    one_needed,
)

PARTS_OF_SPEECH = frozenset((
    "名詞", "代名詞", "形状詞", "連体詞", "副詞", "接続詞", "感動詞", "動詞", "形容詞", "助動詞", "助詞",
    "接頭辞", "接尾辞", "記号", "補助記号", "空白",
))  # fmt: skip
"""The classes of UniDic that a bare word stands for."""

MOST_REPETITIONS = 2000

_BARE = re.compile(r"""[^\s\[\](){}|&!=*+?"'%]+""")
_NUMBERS = re.compile(r"\{\s*(\d+)\s*(?:(,)\s*(\d*)\s*)?\}")
_SPECIAL = re.compile(r"[.^$*+?{}\[\]\\|()]")  # what is no literal in a regular expression
_DEEPEST = 100  # parentheses
_NAMES = {"word": "surface", "form": "surface"}


class Reader:
    """Reads a pattern, character by character.

    Args:
        by: surface | lemma: the field that a word without one means.

    Attributes:
        fields: those that the pattern names.
        is_endless: whether a part may come any number of times.
    """

    def __init__(self, text: str, *, by: str, ignore_case: bool) -> None:
        self.fields: set[str] = set()
        self.is_endless = False
        self._text = text
        self._place = 0
        self._depth = 0
        self._by = by
        self._flags = re.IGNORECASE if ignore_case else re.NOFLAG

    def read(self) -> Any:
        tree = self._choice()
        if self._place < len(self._text):
            raise self._error(f"unexpected {self._text[self._place]!r}")
        return tree

    def _error(self, message: str) -> QueryError:
        return QueryError(message, self._place + 1)

    def _peek(self) -> str:
        while self._place < len(self._text) and self._text[self._place].isspace():
            self._place += 1
        return self._text[self._place : self._place + 1]

    def _take(self, wanted: str) -> bool:
        if self._peek() and self._text.startswith(wanted, self._place):
            self._place += len(wanted)
            return True
        return False

    def _expect(self, wanted: str) -> None:
        if not self._take(wanted):
            raise self._error(f"{wanted!r} is missing")

    def _choice(self) -> Any:
        parts = [self._sequence()]
        while self._take("|"):
            parts.append(self._sequence())
        return parts[0] if len(parts) == 1 else Choice(tuple(parts))

    def _sequence(self) -> Any:
        parts = []
        while self._peek() not in ("", "|", ")"):
            parts.append(self._repeated())
        if not parts:
            raise self._error("a token is missing")
        return Sequence(tuple(parts))

    def _repeated(self) -> Any:
        part = self._atom()
        while True:
            sign = self._peek()
            if sign and sign in "*+?":
                self._place += 1
                part = Repeat(part, int(sign == "+"), 1 if sign == "?" else OPEN_END)
                self.is_endless |= sign != "?"
            elif sign == "{":
                part = self._counted(part)
            else:
                return part

    def _counted(self, part: Any) -> Repeat:
        numbers = _NUMBERS.match(self._text, self._place)
        if numbers is None:
            raise self._error("a number of repetitions is written {2}, {1,3} or {2,}")
        least = int(numbers[1])
        most = least if numbers[2] is None else int(numbers[3]) if numbers[3] else OPEN_END
        if most == 0 or (most != OPEN_END and most < least) or max(least, most) > MOST_REPETITIONS:
            raise self._error(f"{numbers[0]} is no possible number of repetitions")
        self._place = numbers.end()
        self.is_endless |= most == OPEN_END
        return Repeat(part, least, most)

    def _atom(self) -> Any:
        sign = self._peek()
        if self._take("("):
            with self._deeper():
                tree = self._choice()
            self._expect(")")
            return tree
        if self._take("["):
            if self._take("]"):
                return One(Test(lambda token: True))
            test = self._either()
            self._expect("]")
            return One(test)
        if sign in ("'", '"'):
            return One(self._value_of(self._by, negated=False))
        bare = _BARE.match(self._text, self._place)
        if bare is None:
            raise self._error(f"unexpected {sign!r}")
        self._place = bare.end()
        return One(self._equals("pos" if bare[0] in PARTS_OF_SPEECH else self._by, bare[0]))

    @contextmanager
    def _deeper(self) -> Iterator[None]:
        """Read what stands in parentheses."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._error(f"parentheses stand {_DEEPEST} deep in each other at most")
        yield
        self._depth -= 1

    def _either(self) -> Test:
        parts = [self._both()]
        while self._take("|"):
            parts.append(self._both())
        if len(parts) == 1:
            return parts[0]
        holds = [part.holds for part in parts]
        return Test(lambda token: any(each(token) for each in holds), one_needed(part.needs for part in parts))

    def _both(self) -> Test:
        parts = [self._condition()]
        while self._take("&"):
            parts.append(self._condition())
        if len(parts) == 1:
            return parts[0]
        holds = [part.holds for part in parts]
        return Test(lambda token: all(each(token) for each in holds), all_needed(part.needs for part in parts))

    def _condition(self) -> Test:
        if self._take("!"):
            with self._deeper():
                denied = self._condition().holds
            return Test(lambda token: not denied(token))
        if self._take("("):
            with self._deeper():
                test = self._either()
            self._expect(")")
            return test
        self._peek()
        name = _BARE.match(self._text, self._place)
        if name is None:
            raise self._error("the name of a field is missing")
        self._place = name.end()
        if negated := self._take("!="):
            pass
        elif not self._take("="):
            raise self._error(f"= or != is missing after {name[0]}")
        return self._value_of(_NAMES.get(name[0], name[0]), negated=negated)

    def _value_of(self, field: str, *, negated: bool) -> Test:
        """Read the value of a field, and return whether a token has it, or if ``negated`` has it not."""
        quote = self._peek()
        begun = self._place
        if quote in ("'", '"') and quote:
            end = self._text.find(quote, begun + 1)
            if end < 0:
                raise self._error(f"the closing {quote} is missing")
            value, self._place = self._text[begun + 1 : end], end + 1
            literal = "" if _SPECIAL.search(value) else value
        else:
            bare = _BARE.match(self._text, self._place)
            if bare is None:
                raise self._error(f"the value of {field} is missing")
            literal, value, self._place = bare[0], re.escape(bare[0]), bare.end()
        flags = self._flags
        if self._take("%c"):
            flags, literal = re.IGNORECASE, ""
        try:
            pattern = re.compile(f"(?:{value})(?:-.*)?" if field == "pos" else value, flags)
        except (re.error, OverflowError, RecursionError) as error:
            self._place = begun
            raise self._error(f"{value!r} is no regular expression ({error})") from error
        return self._matching(field, pattern, literal, negated=negated)

    def _equals(self, field: str, value: str) -> Test:
        below = "(?:-.*)?" if field == "pos" else ""
        return self._matching(field, re.compile(re.escape(value) + below, self._flags), value)

    def _matching(self, field: str, pattern: re.Pattern[str], literal: str, *, negated: bool = False) -> Test:
        """Return whether all of a field matches a pattern.

        Args:
            literal: what stands in every value that matches; "" if nothing is known of it.
        """
        self.fields.add(field)
        fullmatch = pattern.fullmatch

        def has(token: Token) -> bool:
            found = token.get(field)
            return isinstance(found, str) and fullmatch(found) is not None

        if negated:
            return Test(lambda token: not has(token))
        literal = literal.partition("-")[0] if field == "pos" else literal
        return Test(has, (frozenset({(field, literal)}),) if literal else ())
