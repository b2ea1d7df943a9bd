"""The parts of a pattern over tokens (``token_query``), and the words that every match of it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

Token = Mapping[str, Any]
"""A token's fields: surface, lemma, pos and others. A field that is missing or None matches nothing but a negation."""

Predicate = Callable[[Token], bool]

Literal = tuple[str, str]
"""A field and a value that it has; of a part of speech that is the value's beginning."""

Needs = tuple[frozenset[Literal], ...]
"""What a match must have: of each set at least one."""


class QueryError(ValueError):
    """A pattern that cannot be read.

    Attributes:
        column: of the character where it goes wrong, from 1; one behind the last where something is missing.
    """

    def __init__(self, message: str, column: int) -> None:
        super().__init__(f"{message}, at column {column}")
        self.column = column


class Test(NamedTuple):
    """What is asked of a token, and what a token needs to pass."""

    holds: Predicate
    needs: Needs = ()


@dataclass(frozen=True, slots=True)
class One:
    """A token."""

    test: Test


@dataclass(frozen=True, slots=True)
class Sequence:
    """Parts, one behind the other."""

    parts: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several parts."""

    parts: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """A part that comes several times.

    Attributes:
        most: ``OPEN_END``: without limit.
    """

    part: Any
    least: int
    most: int


OPEN_END = -1


def needs_of(tree: Any) -> Needs:
    """Return what every match of a part of a pattern must have."""
    match tree:
        case One():
            return tree.test.needs
        case Sequence():
            return all_needed(map(needs_of, tree.parts))
        case Choice():
            return one_needed(map(needs_of, tree.parts))
    return needs_of(tree.part) if tree.least else ()


def all_needed(parts: Iterable[Needs]) -> Needs:
    """Return what several parts need together."""
    return tuple(dict.fromkeys(clause for needs in parts for clause in needs))


def one_needed(parts: Iterable[Needs]) -> Needs:
    """Return what is needed where one of several parts is enough: a set of each of them, made to one."""
    each = list(parts)
    if not all(each):
        return ()
    chosen = [min(needs, key=lambda clause: (len(clause), -max(len(value) for _, value in clause))) for needs in each]
    return (frozenset().union(*chosen),)
