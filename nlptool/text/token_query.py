"""Patterns over the tokens of a text, in the manner of the Corpus Query Language of the IMS Corpus Workbench (S. Evert, A.
Hardie: Twenty-first century Corpus Workbench, Corpus Linguistics 2011).

    猫 が                         two words, as they are spelled
    名詞 の 猫                    a part of speech, if the word is the name of one
    [lemma="食べる"]              a token by a field; the value is a regular expression for the whole field
    [pos="動詞" & surface!="する"]  `&`, `|`, `!` and parentheses; a part of speech includes what is below it: 動詞-一般
    "食べ.*"                      a regular expression for the spelling; "cat"%c ignores capital letters
    []                            any token
    [pos="副詞"]* 動詞            `*`, `+`, `?`, `{2}`, `{1,3}`, `{2,}`; parentheses, and `|` between alternatives

A match is the leftmost one, and of these the longest; matches do not overlap, and none is empty. All matches of a pattern are
found in time proportional to tokens x longest match x states (K. Thompson: Regular Expression Search Algorithm, CACM 11, 1968).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Token = Mapping[str, Any]
"""A token's fields: surface, lemma, pos and others. A field that is missing or None matches nothing but a negation."""

Predicate = Callable[[Token], bool]

PARTS_OF_SPEECH = frozenset((
    "名詞", "代名詞", "形状詞", "連体詞", "副詞", "接続詞", "感動詞", "動詞", "形容詞", "助動詞", "助詞",
    "接頭辞", "接尾辞", "記号", "補助記号", "空白",
))  # fmt: skip
"""The classes of UniDic that a bare word stands for."""

_MOST_STATES = 2000
_OPEN_END = -1
_BARE = re.compile(r"""[^\s\[\](){}|&!=*+?"'%]+""")
_NUMBERS = re.compile(r"\{\s*(\d+)\s*(?:(,)\s*(\d*)\s*)?\}")
_NAMES = {"word": "surface", "form": "surface"}


class QueryError(ValueError):
    """A pattern that cannot be read.

    Attributes:
        column: of the character where it goes wrong, from 1; one behind the last where something is missing.
    """

    def __init__(self, message: str, column: int) -> None:
        super().__init__(f"{message}, at column {column}")
        self.column = column


@dataclass(frozen=True, slots=True)
class _One:
    """A token."""

    predicate: Predicate


@dataclass(frozen=True, slots=True)
class _Sequence:
    parts: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class _Choice:
    parts: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class _Repeat:
    part: Any
    least: int
    most: int  # _OPEN_END: without limit


class TokenQuery:
    """A pattern that has been read.

    Args:
        text: the pattern.

    Raises:
        QueryError: it cannot be read, or is empty.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._predicates: list[Predicate | None] = []  # of each state; None: it accepts
        self._after: list[list[int]] = []  # of each state, those that it leads to
        machine = _Machine()
        tree = _Reader(text).read()
        end = machine.add(None, [])
        self._first = machine.build(tree, [end])
        self._predicates, self._after = machine.predicates, machine.after

    def matches(self, tokens: Sequence[Token]) -> Iterator[tuple[int, int]]:
        """Yield the matches in a text as pairs of the first token and the one behind the last."""
        start = 0
        while start < len(tokens):
            end = self._longest(tokens, start)
            if end > start:
                yield start, end
            start = max(end, start + 1)

    def _longest(self, tokens: Sequence[Token], start: int) -> int:
        """Return the end of the longest match that begins at ``start``; ``start`` if there is none."""
        states = self._first
        end = place = start
        while place < len(tokens) and states:
            token = tokens[place]
            following: dict[int, None] = {}
            for state in states:
                predicate = self._predicates[state]
                if predicate is not None and predicate(token):
                    following.update(dict.fromkeys(self._after[state]))
            states, place = list(following), place + 1
            if any(self._predicates[state] is None for state in states):
                end = place
        return end


class _Machine:
    """The states of a pattern: each reads a token and leads to others; one accepts."""

    def __init__(self) -> None:
        self.predicates: list[Predicate | None] = []
        self.after: list[list[int]] = []

    def add(self, predicate: Predicate | None, after: list[int]) -> int:
        if len(self.predicates) >= _MOST_STATES:
            raise QueryError(f"the pattern has more than {_MOST_STATES:,} parts", 1)
        self.predicates.append(predicate)
        self.after.append(after)
        return len(self.predicates) - 1

    def build(self, tree: Any, following: list[int]) -> list[int]:
        """Add the states of a part of a pattern, and return those that it begins with.

        Args:
            following: what comes behind the part; returned too where the part may be empty.
        """
        match tree:
            case _One():
                return [self.add(tree.predicate, following)]
            case _Sequence():
                for part in reversed(tree.parts):
                    following = self.build(part, following)
                return following
            case _Choice():
                return _distinct([state for part in tree.parts for state in self.build(part, following)])
        if tree.most == _OPEN_END:
            again: list[int] = list(following)  # what a repetition leads to: itself, or what follows
            first = self.build(tree.part, again)
            again[:] = _distinct([*first, *following])
            following = again if tree.least == 0 else first
            for _ in range(tree.least - 1):
                following = self.build(tree.part, following)
            return following
        optional = following
        for _ in range(tree.most - tree.least):
            optional = _distinct([*self.build(tree.part, optional), *following])
        for _ in range(tree.least):
            optional = self.build(tree.part, optional)
        return optional


def _distinct(states: Sequence[int]) -> list[int]:
    return list(dict.fromkeys(states))


class _Reader:
    """Reads a pattern, character by character."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0

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
        return parts[0] if len(parts) == 1 else _Choice(tuple(parts))

    def _sequence(self) -> Any:
        parts = []
        while self._peek() not in ("", "|", ")"):
            parts.append(self._repeated())
        if not parts:
            raise self._error("a token is missing")
        return _Sequence(tuple(parts))

    def _repeated(self) -> Any:
        part = self._atom()
        while True:
            sign = self._peek()
            if sign and sign in "*+?":
                self._place += 1
                part = _Repeat(part, int(sign == "+"), 1 if sign == "?" else _OPEN_END)
            elif sign == "{":
                part = self._counted(part)
            else:
                return part

    def _counted(self, part: Any) -> _Repeat:
        numbers = _NUMBERS.match(self._text, self._place)
        if numbers is None:
            raise self._error("a number of repetitions is written {2}, {1,3} or {2,}")
        least = int(numbers[1])
        most = least if numbers[2] is None else int(numbers[3]) if numbers[3] else _OPEN_END
        if most == 0 or (most != _OPEN_END and most < least) or max(least, most) > _MOST_STATES:
            raise self._error(f"{numbers[0]} is no possible number of repetitions")
        self._place = numbers.end()
        return _Repeat(part, least, most)

    def _atom(self) -> Any:
        sign = self._peek()
        if self._take("("):
            tree = self._choice()
            self._expect(")")
            return tree
        if self._take("["):
            if self._take("]"):
                return _One(lambda token: True)
            predicate = self._either()
            self._expect("]")
            return _One(predicate)
        if sign in ("'", '"'):
            return _One(self._value_of("surface", negated=False))
        bare = _BARE.match(self._text, self._place)
        if bare is None:
            raise self._error(f"unexpected {sign!r}")
        self._place = bare.end()
        return _One(_equals("pos" if bare[0] in PARTS_OF_SPEECH else "surface", bare[0]))

    def _either(self) -> Predicate:
        parts = [self._both()]
        while self._take("|"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else lambda token: any(part(token) for part in parts)

    def _both(self) -> Predicate:
        parts = [self._condition()]
        while self._take("&"):
            parts.append(self._condition())
        return parts[0] if len(parts) == 1 else lambda token: all(part(token) for part in parts)

    def _condition(self) -> Predicate:
        if self._take("!"):
            denied = self._condition()
            return lambda token: not denied(token)
        if self._take("("):
            predicate = self._either()
            self._expect(")")
            return predicate
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

    def _value_of(self, field: str, *, negated: bool) -> Predicate:
        """Read the value of a field, and return whether a token has it, or if ``negated`` has it not."""
        quote = self._peek()
        begun = self._place
        if quote in ("'", '"') and quote:
            end = self._text.find(quote, begun + 1)
            if end < 0:
                raise self._error(f"the closing {quote} is missing")
            value, self._place = self._text[begun + 1 : end], end + 1
        else:
            bare = _BARE.match(self._text, self._place)
            if bare is None:
                raise self._error(f"the value of {field} is missing")
            value, self._place = re.escape(bare[0]), bare.end()
        flags = re.IGNORECASE if self._take("%c") else re.NOFLAG
        try:
            pattern = re.compile(f"(?:{value})(?:-.*)?" if field == "pos" else value, flags)
        except re.error as error:
            self._place = begun
            raise self._error(f"{value!r} is no regular expression ({error})") from error

        def has(token: Token) -> bool:
            found = token.get(field)
            return isinstance(found, str) and pattern.fullmatch(found) is not None

        return (lambda token: not has(token)) if negated else has


def _equals(field: str, value: str) -> Predicate:
    if field == "pos":
        below = f"{value}-"
        return lambda token: (found := token.get("pos") or "") == value or found.startswith(below)
    return lambda token: token.get(field) == value
