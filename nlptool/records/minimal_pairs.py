"""Minimal pairs: two sentences of which one is acceptable and the other is not, as BLiMP and JBLiMP hold them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from nlptool.errors import RecordError
from nlptool.records.json_bytes import fields, find, path_of
from nlptool.records.pairs import taken
from nlptool.records.record import InputFormat, Record, lone_surrogate
from nlptool.text.scripts import LONE_SURROGATE

GOOD_FIELDS = ("good", "sentence_good", "good_sentence", "acceptable", "1")
BAD_FIELDS = ("bad", "sentence_bad", "bad_sentence", "unacceptable", "2")
SECTION_FIELDS = ("section", "phenomenon", "UID", "paradigm", "linguistics_term", "type", "3")
"""Names of the two sentences, and of what the pair is an example of; the first that a record has counts."""


@dataclass(frozen=True, slots=True)
class MinimalPair:
    """A pair, and what it is an example of; "" if the record does not say."""

    good: str
    bad: str
    section: str
    line: int


@dataclass(frozen=True, slots=True)
class Names:
    """Names of fields, JSON Pointers or columns; None: those above."""

    good: str | None = None
    bad: str | None = None
    section: str | None = None

    def form(self, form: InputFormat) -> InputFormat:
        """Return ``form`` for records that need no ``text``; a line of text has columns."""
        named = [name for name in (self.good, self.bad, self.section) if name]
        known = (*named, *GOOD_FIELDS, *BAD_FIELDS)
        return replace(form, field=None, instead=tuple(path_of(name)[0] for name in known), paired=True)

    def pair(self, record: Record) -> MinimalPair:
        """Return the pair of a record; the columns of a line are 1, 2 and 3.

        Raises:
            RecordError: a sentence is missing, empty, or holds a lone surrogate.
        """
        if record.raw is None:
            values: Mapping[str, Any] = dict(enumerate_columns(record.text))
        else:
            values = fields(record.raw)
        good = _sentence(values, self.good, GOOD_FIELDS, "good")
        bad = _sentence(values, self.bad, BAD_FIELDS, "bad")
        section = _first(values, [self.section] if self.section else SECTION_FIELDS)
        return MinimalPair(good, bad, section if isinstance(section, str) else "", record.line)


def enumerate_columns(line: str) -> Iterator[tuple[str, str]]:
    """Yield the cells of a line with tabs, called 1, 2, 3 ...

    Raises:
        RecordError: there is one cell.
    """
    cells = line.split("\t")
    if len(cells) == 1:
        raise RecordError(
            "NotAPair", "a pair is a good and a bad sentence with a tab between them, this line has no tab"
        )
    yield from ((str(number), cell) for number, cell in enumerate(cells, 1))


def read(lists: Iterable[list[Record]], names: Names, take: Callable[[MinimalPair], object]) -> Iterator[list[Record]]:
    """Give the pair of each record to ``take``, and pass the records on."""
    yield from taken(lists, lambda record: take(names.pair(record)))


def _sentence(values: Mapping[str, Any], name: str | None, known: tuple[str, ...], which: str) -> str:
    found = _first(values, [name] if name else known)
    if not isinstance(found, str):
        called = name or ", ".join(each for each in known if not each.isdecimal())
        raise RecordError(
            "NotAPair",
            f"the record has no {which} sentence, called {called}",
            hint=f"--{which} NAME says what it is called",
        )
    if lone := LONE_SURROGATE.search(found):
        raise lone_surrogate(lone)
    if not found.strip():
        raise RecordError("NotAPair", f"the {which} sentence is empty")
    return found


def _first(values: Mapping[str, Any], names: Iterable[str]) -> Any:
    for name in names:
        try:
            return find(values, path_of(name))
        except KeyError:
            continue
    return None
