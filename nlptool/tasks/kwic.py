"""Words in context: the hits of a query in the texts of records, a record for each."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import orjson

from nlptool.models.words.token_maker import NOT_OF_MECAB
from nlptool.records.formats.record_rows import Layout
from nlptool.records.given_or_made import given_or_made
from nlptool.records.json_bytes import listed, without
from nlptool.records.record import InputFormat, Record
from nlptool.records.windows import joined
from nlptool.records.workers import Workers
from nlptool.tasks.kwic_hits import Finder, Found, Hit, KwicSettings
from nlptool.tasks.kwic_sieve import Sieve
from nlptool.tasks.tokenize import DEFAULT_FIELDS, EXTRA_FIELDS

LAYOUT = Layout({"start": int, "end": int, "left": str, "hit": str, "right": str, "lemma": str, "pos": str})

_CHUNK = 1000  # records of a list
_OF_WHOLE_TEXT = frozenset(("tokens", "embedding", "n_best"))  # later commands would take them for the hit's
_LIKE_A_PATTERN = re.compile(r"\[.*[\]=]|\.[*+]")
_OF_DICTIONARIES = frozenset((*DEFAULT_FIELDS, *EXTRA_FIELDS))  # fields of a word that MeCab gives


class HitRecord(Record):
    """A hit as a record, which is small as long as it waits to be written.

    Attributes:
        hit: where it stands.
        left, right: the text before and behind it.
    """

    __slots__ = ("hit", "left", "right")

    hit: Hit
    left: str
    right: str

    def set_results(self, *, named: bool) -> None:
        """Make the results.

        Args:
            named: they say its file and line too.
        """
        values = {
            **(self.named() if named else {}),
            "start": self.hit.start,
            "end": self.hit.end,
            "left": self.left,
            "hit": self.text,
            "right": self.right,
            "lemma": self.hit.lemma,
            "pos": self.hit.pos,
        }
        self.results = {name: orjson.dumps(value) for name, value in values.items()}


class Kwic:
    """Finds the hits in records.

    Args:
        workers: each a ``Finder``.
        field: the field that the text is in, "text" unless given.

    Attributes:
        n_hits: that were found.
    """

    def __init__(self, settings: KwicSettings, workers: Workers[Found], *, field: str | None = None) -> None:
        self.n_hits = 0
        self._finder = Finder(settings)
        self._sieve = Sieve(self._finder.pattern)
        self._workers = workers
        self._left_out = {field or "text", *_OF_WHOLE_TEXT}
        asked = {"words": list(settings.words)} if settings.query is None else {"query": settings.query}
        self._entry: dict[str, Any] = {**asked, "by": settings.by}
        self._words = settings.words if settings.by == "surface" else ()
        self._n_records = 0  # that were searched
        self._n_with_hits = 0  # of these
        self._n_near = 0  # of these, those that hold what is looked for, but not as tokens
        self._n_tokenized = 0
        self._n_without_lemmas = 0  # of these

    def form(self, form: InputFormat) -> InputFormat:
        """Return ``form`` for an input whose lines are parsed where they can have a hit."""
        return form if form.field is not None else replace(form, passes_over=self._sieve.passes_over)

    def __call__(self, lists: Iterable[list[Record]]) -> Iterator[list[Record]]:
        """Yield a record for each hit, in the order of the input; records that failed stay in their places."""
        searched = given_or_made(self._counting(joined(lists)), self._finder.given, self._workers, only=self._sieve)
        for records, with_found in searched:
            found_in = {id(record): found for record, found in with_found}
            hits: list[Record] = []
            for record in records:
                if not record.pending:
                    hits.append(record)
                elif (found := found_in.get(id(record))) is not None:
                    hits += self._hits(record, found)
                if len(hits) >= _CHUNK:
                    yield hits
                    hits = []
            yield hits

    def _counting(self, lists: Iterable[list[Record]]) -> Iterator[list[Record]]:
        """Count the records that are searched."""
        for records in lists:
            self._n_records += sum(record.pending for record in records)
            yield records

    def _hits(self, record: Record, found: Found) -> Iterator[HitRecord]:
        """Yield a record for each hit in a record."""
        self.n_hits += len(found.hits)
        self._n_with_hits += bool(found.hits)
        self._n_tokenized += 1
        self._n_near += not found.hits
        self._n_without_lemmas += found.lacks_lemmas
        if found.tokenizer:
            self._finder.unseen -= {"surface"} if found.tokenizer in NOT_OF_MECAB else _OF_DICTIONARIES
        if not found.hits:
            return
        base = b"{}" if record.raw is None else without(record.raw, self._left_out)[0]
        entry = {**self._entry, "model": found.tokenizer} if found.tokenizer else self._entry
        text = record.text
        for hit in found.hits:
            as_record = HitRecord(text[hit.start : hit.end], record.source, record.line, base)
            as_record.number, as_record.origin, as_record.entry = record.number, record.origin, entry
            as_record.hit = hit
            as_record.left, as_record.right = text[hit.left : hit.start], text[hit.end : hit.right]
            yield as_record

    def summary(self, *, sample: int | None = None) -> str:
        """Return how many hits there were.

        Args:
            sample: so many of them were written at most.
        """
        hits = _counted(self.n_hits, "hit")
        shown = "" if sample is None else f"{min(sample, self.n_hits):,} of "
        return f"{shown}{hits} in {self._n_with_hits:,} of {_counted(self._n_records, 'record')}"

    def messages(self) -> Iterator[str]:
        """Yield what is to be said at the end of what was not found."""
        if 2 * self._n_without_lemmas > self._n_tokenized:  # in Japanese, a line of Latin letters has none
            yield f"texts whose words have no lemmas, so that they were compared as they are spelled: {self._n_without_lemmas:,}"
        if self.n_hits or not self._n_records:
            return
        yield f"no hits in {_counted(self._n_records, 'record')}"
        if any(map(_LIKE_A_PATTERN.search, self._words)):
            yield "a WORD is found as it is spelled; a pattern is given with --query"
        if self._words and self._n_near:
            inside = shlex.quote(f'".*{re.escape(max(self._words, key=len))}.*"')
            yield f"records that have it inside of longer words: {self._n_near:,}; --query {inside} finds such words"
        unseen = self._finder.unseen if self._n_tokenized else self._finder.unseen - _OF_DICTIONARIES
        if unseen:
            yield f"fields that the query names and no word has: {listed(sorted(unseen))}"


def _counted(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'s' * (n != 1)}"
