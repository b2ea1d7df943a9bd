"""The entities of each record, or a tag of each of its words, by a tagger."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from nlptool.errors import RecordError
from nlptool.models.taggers.detection import PLAIN
from nlptool.models.taggers.words import words_of
from nlptool.records.formats.record_rows import Layout
from nlptool.records.json_bytes import fields, type_of
from nlptool.records.notes import notes
from nlptool.records.record import Record
from nlptool.tasks.classify import keep_gold
from nlptool.tasks.each_record import EachRecord
from nlptool.tasks.entries import model_entry
from nlptool.text.spans import Place

if TYPE_CHECKING:
    from nlptool.models.heads.task import Task
    from nlptool.models.taggers.tagger import TaggedText, Tagger

NOTES = notes("n_windows")

WORDS = "tokens"
"""The field in which a record may hold its words, as ``nlptool tokenize`` writes them or as a list of strings."""


def tag(
    lists: Iterable[list[Record]], tagger: Tagger, task: Task, *, min_score: float = 0.0, with_tags: bool = False
) -> Iterator[list[Record]]:
    """Give each record its entities, or the tags of its words.

    Args:
        lists: windows of records.
        min_score: entities with a lower score are left out.
        with_tags: write the words and their tags beside the entities.
    """
    entry = model_entry(tagger, task=task.name)
    is_plain = task.scheme == PLAIN

    def work(items: Sequence[tuple[Record, Sequence[Place]]]) -> None:
        found = tagger.tag([record.text for record, _ in items], task, [words for _, words in items])
        for (record, _), tagged in zip(items, found, strict=True):
            if not np.isfinite(tagged.scores).all():
                record.fail(RecordError("NotFinite", "the outputs of the model hold NaN or infinity"))
                continue
            results: dict[str, bytes] = {}
            if not is_plain:
                keep_gold(record, "entities")
                entities = [each for each in tagged.entities(record.text) if each["score"] >= min_score]
                results["entities"] = orjson.dumps(entities)
            if is_plain or with_tags:
                results |= _words(record, tagged)
            record.results = {**record.results, **results}
            record.entry = {**entry, "n_tokens": tagged.n_tokens}
            record.entry |= {"n_windows": tagged.n_windows} if tagged.n_windows > 1 else {}

    good: Sequence[Place] = ()
    tag_each = EachRecord(work, good, model=tagger)
    for records in lists:
        tag_each(_with_words(records))
        yield records


def _words(record: Record, tagged: TaggedText) -> dict[str, bytes]:
    keep_gold(record, "tags")
    return {
        "tokens": orjson.dumps([record.text[start:end] for start, end in tagged.words]),
        "tags": orjson.dumps(list(tagged.tags)),
        "scores": orjson.dumps(tagged.scores, option=orjson.OPT_SERIALIZE_NUMPY),
    }


def _with_words(records: Iterable[Record]) -> list[tuple[Record, Sequence[Place]]]:
    """Return the records that are to be worked on, each with the places of its words; one whose words are none fails."""
    found: list[tuple[Record, Sequence[Place]]] = []
    for record in records:
        if record.pending:
            try:
                found.append((record, _places(record)))
            except RecordError as error:
                record.fail(error)
    return found


def _places(record: Record) -> Sequence[Place]:
    """Return where the words of a record stand: those that it names, or those that are found.

    Raises:
        RecordError: what it names are no words of its text.
    """
    given = fields(record.raw).get(WORDS) if record.raw is not None and b'"tokens"' in record.raw else None
    if given is None:
        return words_of(record.text)
    if not isinstance(given, list):
        raise RecordError("NotWords", f"the field `{WORDS}` holds {type_of(given)}, not a list of words")
    found: list[Place] = []
    end = 0
    for number, word in enumerate(given, 1):
        start, end = _place(word, record.text, end, number)
        found.append((start, end))
    return found


def _place(word: Any, text: str, after: int, number: int) -> Place:
    if isinstance(word, Mapping) and type(word.get("start")) is type(word.get("end")) is int:
        start, end = word["start"], word["end"]
        if after <= start < end <= len(text):
            return start, end
        raise RecordError(
            "NotWords", f"word {number} of `{WORDS}` is not within the text, or not behind the one before it"
        )
    if not isinstance(word, str):
        raise RecordError(
            "NotWords", f"word {number} of `{WORDS}` is {type_of(word)}, not a string or an object with start and end"
        )
    start = text.find(word, after)
    if not word or start < 0:
        raise RecordError(
            "NotWords", f"word {number} of `{WORDS}`, {word!r:.40}, is not in the text behind the one before it"
        )
    return start, start + len(word)


def layout(task: Task, *, with_tags: bool) -> Layout:
    """Return the columns of the results: a row for each entity, or the tags of a record."""
    tags = {"tokens": dict, "tags": dict, "scores": dict}
    if task.scheme == PLAIN:
        return Layout(tags)
    columns = {
        "label": ("label", str), "text": ("entity", str), "start": ("start", int), "end": ("end", int), "score": ("score", float)
    }  # fmt: skip
    return Layout({"entities": dict, **(tags if with_tags else {})}, answers="entities", answer_columns=columns)


class TagRows:
    """The rows of a table: an entity, or a word with its tag, a row."""

    def __init__(self, task: Task) -> None:
        self._is_plain = task.scheme == PLAIN

    def columns(self) -> Sequence[tuple[str, type]]:
        if self._is_plain:
            return [("word", str), ("tag", str), ("score", float)]
        return [("label", str), ("entity", str), ("score", float), ("start", int), ("end", int), ("text", str)]

    def cells(self, record: Record) -> Iterator[list[Any]]:
        found = {name: orjson.loads(value) for name, value in record.results.items()}
        if self._is_plain:
            yield from map(list, zip(found["tokens"], found["tags"], found["scores"], strict=True))
            return
        for each in found["entities"]:
            yield [each["label"], each["text"], each["score"], each["start"], each["end"], record.text]
