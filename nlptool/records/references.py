"""Generated texts and what they should be: pairs as records of a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from nlptool.errors import RecordError
from nlptool.records.json_bytes import RESERVED, fields, find, path_of
from nlptool.records.record import Record, lone_surrogate
from nlptool.text.scripts import LONE_SURROGATE

HYPOTHESIS_FIELDS = ("/generated/0/text", "hypothesis", "first", "sentence1", "1")
"""What a text to be judged is called, in JSONL and in TSV."""

SOURCE_FIELDS = ("text", "source", "first", "sentence1", "1")
"""What a text is called that a model is to answer."""

REFERENCE_FIELDS = ("reference", "references", "target", "second", "sentence2", "2")


@dataclass(frozen=True, slots=True)
class Names:
    """What the two sides of a pair are called: fields, JSON Pointers or columns, of which the first that a record has counts."""

    what: str  # hypothesis | source: what the text is
    text: Sequence[str]
    reference: Sequence[str]

    def pair(self, record: Record) -> tuple[str, list[str]]:
        """The text and its references.

        Raises:
            RecordError: there are not both.
        """
        if record.raw is None:
            cells = record.text.split("\t")
            if len(cells) != 2:
                raise RecordError(
                    "NotAPair",
                    f"a pair is a {self.what} and its reference with one tab between them, this line has {len(cells) - 1}",
                    hint="of a table with more columns: -I tsv --first 1 --second 3",
                )
            return cells[0], cells[1:]
        known = fields(record.raw)
        text, reference = self._find(known, self.text), self._find(known, self.reference)
        if self.text is HYPOTHESIS_FIELDS and known.get("generated") == []:
            text = ""  # the model was not asked: the source was empty
        references = [reference] if isinstance(reference, str) else reference
        if not isinstance(text, str):
            raise _missing(self.what, self.text, "first")
        if not (isinstance(references, list) and references and all(isinstance(each, str) for each in references)):
            raise _missing("reference", self.reference, "second")
        for each in (text, *references):
            if lone := LONE_SURROGATE.search(each):
                raise lone_surrogate(lone)
        return text, references

    @staticmethod
    def _find(known: Mapping[str, Any], names: Iterable[str]) -> Any:
        for name in names:
            try:
                return find(known, path_of(name))
            except KeyError:
                continue
        return None


def _missing(what: str, names: Sequence[str], option: str) -> RecordError:
    called = ", ".join(name for name in names if not name.isdecimal())
    return RecordError(
        "NotAPair",
        f"the record has no text that is the {what}, called {called or ' or '.join(names)}",
        hint=f"--{option} NAME says what it is called",
    )


@dataclass(slots=True)
class Pair:
    """A text that was generated, and those that it should be."""

    line: int
    hypothesis: str
    references: list[str]
    source: str | None = None  # which the model answered


@dataclass(slots=True)
class Pairs:
    """Those of a file, and what they say of themselves."""

    name: str
    found: list[Pair] = field(default_factory=list)
    n_skipped: int = 0  # without a reference, or with an error of an earlier command
    models: set[str] = field(default_factory=set)  # that generated the hypotheses, as records say


def read(
    lists: Iterable[list[Record]],
    names: Names,
    pairs: Pairs,
    answer: Callable[[list[Record], list[int]], None] | None = None,
    *,
    start: int = 0,
) -> Iterator[list[Record]]:
    """Add the pairs of the records to ``pairs``.

    Args:
        lists: windows of records.
        answer: gives records, whose texts are the sources, the result ``generated``, or makes them fail; is told their numbers.
        start: the number of the first record.
    """
    for records in lists:
        asked, numbers = [], []
        for number, record in enumerate(records, start):
            pairs.n_skipped += record.done
            if record.error is not None and record.error.type in ("MissingField", "NotText"):
                record.fail(_missing(names.what, names.text, "first"))
            if not record.pending or not (record.text or record.raw):  # an empty line is no pair
                continue
            try:
                record.text, references = names.pair(record)
            except RecordError as error:
                record.fail(error)
                continue
            if any(each.strip() for each in references):
                asked.append((record, references))
                numbers.append(number)
            else:
                pairs.n_skipped += 1
        start += len(records)
        if answer is not None:
            answer([record for record, _ in asked], numbers)
        for record, references in asked:
            if not record.pending:
                continue
            pair = Pair(record.line, record.text, references)
            if answer is not None:
                pair.source, pair.hypothesis = record.text, _best(record)
            elif name := _model(record):
                pairs.models.add(name)
            pairs.found.append(pair)
        yield records


def _best(record: Record) -> str:
    """The text that was generated first; none of an empty source."""
    texts = [each["text"] for each in orjson.loads(record.results["generated"])]
    return texts[0] if texts else ""


def _model(record: Record) -> str | None:
    """Which model ``nlptool generate`` says it took."""
    try:
        return str(find(fields(record.raw), [RESERVED, "generate", "model"]))
    except KeyError:
        return None
