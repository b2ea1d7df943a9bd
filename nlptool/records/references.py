"""Generated texts and their references: pairs as records of a stream."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from nlptool.errors import RecordError
from nlptool.records.json_bytes import RESERVED, fields, find, find_first
from nlptool.records.record import Record, lone_surrogate
from nlptool.text.scripts import LONE_SURROGATE

HYPOTHESIS_FIELDS = ("/generated/0/text", "hypothesis", "first", "sentence1", "1")
"""Names of a text that is judged, in JSONL and in TSV."""

SOURCE_FIELDS = ("text", "source", "first", "sentence1", "1")
"""Names of a text that a model is to answer."""

_NUMBERED = re.compile(r"(?:reference|target)[ _]?[0-9]+|(?!1$)[0-9]+")

REFERENCE_FIELDS = ("reference", "references", "target", "second", "sentence2", "2")


@dataclass(frozen=True, slots=True)
class Names:
    """Names of the two sides of a pair: fields, JSON Pointers or columns; the first that a record has counts."""

    what: str  # hypothesis | source: what the text is
    text: Sequence[str]
    reference: Sequence[str]

    def pair(self, record: Record) -> tuple[str, list[str]]:
        """Return the text of a record and its references.

        Raises:
            RecordError: one of them is missing, or holds a lone surrogate.
        """
        if record.raw is None:
            cells = record.text.split("\t")
            if len(cells) == 1:
                raise RecordError(
                    "NotAPair", f"a pair is a {self.what} and its reference with a tab between them, this line has none"
                )
            values: dict[str, Any] = {str(number): cell for number, cell in enumerate(cells, 1)}
        else:
            values = fields(record.raw)
        text, reference = find_first(values, self.text), find_first(values, self.reference)
        if self.reference is REFERENCE_FIELDS and (reference is None or reference is values.get("2")):
            reference = _numbered(values) or reference
        if self.text is HYPOTHESIS_FIELDS and values.get("generated") == []:
            text = ""  # the source was empty, and the model did not answer
        references = [reference] if isinstance(reference, str) else reference
        if not isinstance(text, str):
            raise _missing(self.what, self.text, "first")
        if not (isinstance(references, list) and references and all(isinstance(item, str) for item in references)):
            raise _missing("reference", self.reference, "second")
        for item in (text, *references):
            if lone := LONE_SURROGATE.search(item):
                raise lone_surrogate(lone)
        return text, references


def _numbered(values: Mapping[str, Any]) -> list[Any]:
    """Return the references in columns called 2, 3 ... or reference1, reference2 ..., without empty ones."""
    columns = [value for name, value in values.items() if _NUMBERED.fullmatch(name)]
    return [value for value in columns if not isinstance(value, str) or value.strip()] or columns[:1]


def _missing(what: str, names: Sequence[str], option: str) -> RecordError:
    called = ", ".join(name for name in names if not name.isdecimal())
    return RecordError(
        "NotAPair",
        f"the record has no text that is the {what}, called {called or ' or '.join(names)}",
        hint=f"--{option} NAME says what it is called",
    )


@dataclass(slots=True)
class Pair:
    """A generated text and its references."""

    line: int
    hypothesis: str
    references: list[str]
    source: str | None = None  # the text that the model answered


@dataclass(slots=True)
class Pairs:
    """The pairs of a file."""

    name: str
    pairs: list[Pair] = field(default_factory=list)
    n_skipped: int = 0  # without a reference, or with an error of an earlier command
    models: set[str] = field(default_factory=set)  # those that generated the hypotheses, as records say


def read(
    lists: Iterable[list[Record]],
    names: Names,
    pairs: Pairs,
    answer: Callable[[list[Record], list[int]], None] | None = None,
    *,
    start: int = 0,
) -> Iterator[list[Record]]:
    """Add the pairs of the records to ``pairs``, and pass the records on.

    Args:
        lists: windows of records.
        answer: gives records, whose texts are the sources, the result ``generated``, or makes them fail; its second argument are
            their numbers.
        start: the number of the first record.
    """
    for records in lists:
        with_references, numbers = [], []
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
            if any(reference.strip() for reference in references):
                with_references.append((record, references))
                numbers.append(number)
            else:
                pairs.n_skipped += 1
        start += len(records)
        if answer is not None:
            answer([record for record, _ in with_references], numbers)
        for record, references in with_references:
            if not record.pending:
                continue
            pair = Pair(record.line, record.text, references)
            if answer is not None:
                pair.source, pair.hypothesis = record.text, _first_generated(record)
            elif model := _model(record):
                pairs.models.add(model)
            pairs.pairs.append(pair)
        yield records


def _first_generated(record: Record) -> str:
    """Return the first generated text of a record, "" for an empty source."""
    texts = [generated["text"] for generated in orjson.loads(record.results["generated"])]
    return texts[0] if texts else ""


def _model(record: Record) -> str | None:
    """Return the model that ``nlptool generate`` named in the record's entry."""
    try:
        return str(find(fields(record.raw), [RESERVED, "generate", "model"]))
    except KeyError:
        return None
