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

from collections.abc import Iterable, Iterator
from collections.abc import Sequence as SequenceOf
from typing import Any

from nlptool.text.query_reader import PARTS_OF_SPEECH, Reader
from nlptool.text.query_tree import OPEN_END, Choice, One, Predicate, QueryError, Sequence, Token, needs_of

__all__ = ["PARTS_OF_SPEECH", "QueryError", "Token", "TokenQuery"]

Tokens = SequenceOf[Token]

_MOST_STATES = 2000
_LONG = 200  # tokens


class TokenQuery:
    """A pattern that has been read.

    Args:
        text: the pattern.
        by: surface | lemma: the field that a word without one means.
        ignore_case: whether capital and small letters are the same.

    Attributes:
        needs: what every match must have, so that texts without it need no look.
        fields: the names of the fields that it asks for.

    Raises:
        QueryError: it cannot be read, or is empty.
    """

    def __init__(self, text: str, *, by: str = "surface", ignore_case: bool = False) -> None:
        self.text = text
        self.ignore_case = ignore_case
        self._predicates: list[Predicate | None] = []  # of each state; None: it accepts
        self._after: list[list[int]] = []  # of each state, those that it leads to
        machine = _Machine()
        reader = Reader(text, by=by, ignore_case=ignore_case)
        tree = reader.read()
        self.needs = needs_of(tree)
        self.fields = frozenset(reader.fields)
        end = machine.add(None, [])
        self._first = machine.build(tree, [end])
        self._is_endless = reader.is_endless
        self._predicates, self._after = machine.predicates, machine.after

    def matches(self, tokens: Tokens) -> Iterator[tuple[int, int]]:
        """Yield the matches in a text as pairs of the first token and the one behind the last."""
        can_begin = self._beginnings(tokens) if self._is_endless and len(tokens) > _LONG else None
        start = 0
        while start < len(tokens):
            if can_begin is not None and (start := can_begin.find(1, start)) < 0:
                return
            end = self._longest(tokens, start)
            if end > start:
                yield start, end
            start = max(end, start + 1)

    def _beginnings(self, tokens: Tokens) -> bytearray:
        """Return for each token whether a match begins with it, by one way back through all of them: to try each would take
        tokens x tokens where a repetition without limit leads to none."""
        can_begin = bytearray(len(tokens))
        accepts = {state for state, predicate in enumerate(self._predicates) if predicate is None}
        reading = [(state, predicate) for state, predicate in enumerate(self._predicates) if predicate is not None]
        ahead = accepts  # states from which the tokens behind lead to the end of a match
        for place in range(len(tokens) - 1, -1, -1):
            token = tokens[place]
            ahead = accepts | {
                state for state, predicate in reading if not ahead.isdisjoint(self._after[state]) and predicate(token)
            }
            can_begin[place] = any(state in ahead for state in self._first if state not in accepts)
        return can_begin

    def _longest(self, tokens: Tokens, start: int) -> int:
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
            case One():
                return [self.add(tree.test.holds, following)]
            case Sequence():
                for part in reversed(tree.parts):
                    following = self.build(part, following)
                return following
            case Choice():
                return _distinct([state for part in tree.parts for state in self.build(part, following)])
        if tree.most == OPEN_END:
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


def _distinct(states: Iterable[int]) -> list[int]:
    return list(dict.fromkeys(states))
