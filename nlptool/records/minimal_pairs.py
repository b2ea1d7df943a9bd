"""Minimal pairs: two sentences of which one is acceptable and the other is not, as BLiMP and JBLiMP hold them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from nlptool.errors import RecordError
from nlptool.records.json_bytes import fields, find_first, path_of
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
            values: Mapping[str, Any] = dict(_columns(record.text))
        else:
            values = fields(record.raw)
        is_text = record.raw is None
        good = _sentence(values, self.good, GOOD_FIELDS, "good", is_text=is_text)
        bad = _sentence(values, self.bad, BAD_FIELDS, "bad", is_text=is_text)
        section = find_first(values, [self.section] if self.section else SECTION_FIELDS)
        is_name = isinstance(section, str | int | float) and not isinstance(section, bool)
        return MinimalPair(good, bad, str(section) if is_name else "", record.line)


def _columns(line: str) -> Iterator[tuple[str, str]]:
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


def _sentence(values: Mapping[str, Any], name: str | None, known: tuple[str, ...], which: str, *, is_text: bool) -> str:
    """Return the sentence in the field ``name``, or in the first of those that are known.

    Args:
        which: good | bad.
        is_text: the record is a line of text, whose columns have numbers.

    Raises:
        RecordError: it is missing, empty, or holds a lone surrogate.
    """
    found = find_first(values, [name] if name else known)
    if not isinstance(found, str):
        if name is not None and is_text and not name.isdecimal():
            raise RecordError(
                "NotAPair", f"a line of text has no column that is called {name}", hint="-I tsv --header reads its name"
            )
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
