"""The entities of each record, or a tag of each of its words, by a tagger."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from nlptool.errors import RecordError
from nlptool.models.runtime.one_by_one import GOOD_TEXT
from nlptool.models.taggers.detection import PLAIN
from nlptool.models.taggers.words import words_of
from nlptool.records.formats.record_rows import Layout
from nlptool.records.json_bytes import field_value, with_member, without
from nlptool.records.notes import notes
from nlptool.records.record import InputFormat, Record
from nlptool.records.tagged_json import read_words
from nlptool.tasks.classify import TextsOf, accept_texts, as_json, keep_gold
from nlptool.tasks.each_record import EachRecord, with_read
from nlptool.tasks.entries import model_entry
from nlptool.text.spans import Place

if TYPE_CHECKING:
    from nlptool.models.heads.task import Task
    from nlptool.models.taggers.tagger import TaggedText, Tagger

NOTES = notes("n_windows", "n_cut", "n_unknown of a tagger")

WORDS = "tokens"
"""The field in which a record may hold its words, as ``nlptool tokenize`` writes them or as a list of strings."""

Read = tuple[Sequence[Place], bool]
"""Where the words of a record stand, and whether it named them itself."""


def accept_words(form: InputFormat) -> tuple[InputFormat, TextsOf]:
    """Return how records are read that have a text, under any of its usual names, or words, and what returns the text of one."""
    form, texts_of = accept_texts(form)
    return (form if form.field is not None else replace(form, instead=(*form.instead, WORDS))), texts_of


def tag(
    lists: Iterable[list[Record]],
    tagger: Tagger,
    task: Task,
    texts_of: TextsOf,
    *,
    min_score: float = 0.0,
    with_tags: bool = False,
) -> Iterator[list[Record]]:
    """Give each record its entities, or the tags of its words.

    Args:
        lists: windows of records.
        texts_of: returns the text of a record, "" if it has words alone, or raises a RecordError.
        min_score: entities with a lower score are left out.
        with_tags: write the words and their tags beside the entities.
    """
    entry = model_entry(tagger, task=task.name)
    is_plain = task.scheme == PLAIN

    def work(items: Sequence[tuple[Record, Read]]) -> None:
        found = tagger.tag([record.text for record, _ in items], task, [words for _, (words, _) in items])
        for (record, (_, are_given)), tagged in zip(items, found, strict=True):
            if not np.isfinite(tagged.scores).all():
                record.fail(RecordError("NotFinite", "the outputs of the model hold NaN or infinity"))
                continue
            results: dict[str, bytes] = {}
            if not is_plain:
                keep_gold(record, "entities")
                entities = [each for each in tagged.entities(record.text) if each["score"] >= min_score]
                results["entities"] = as_json(entities)
            if is_plain or with_tags:
                keep_gold(record, "tags")
                results |= _tags(record, tagged, with_words=not are_given)
            elif are_given:
                _keep_gold_tags(record, len(tagged.words))
            record.results = {**record.results, **results}
            record.entry = {**entry, **tagged.entry()}

    good: Read = ((0, len(GOOD_TEXT)),), False
    tag_each = EachRecord(work, good, model=tagger)
    for records in lists:
        tag_each(with_read(records, lambda record: _words(record, texts_of)))
        yield records


def _keep_gold_tags(record: Record, n_words: int) -> None:
    """Keep a list of tags of the words that a record came with, for an evaluation."""
    value = field_value(record.raw, "tags")
    if isinstance(value, list) and len(value) == n_words and all(isinstance(tag, str) for tag in value):
        keep_gold(record, "tags")


def _tags(record: Record, tagged: TaggedText, *, with_words: bool) -> dict[str, bytes]:
    words = {WORDS: orjson.dumps([record.text[start:end] for start, end in tagged.words])} if with_words else {}
    return words | {
        "tags": orjson.dumps(list(tagged.tags)),
        "scores": as_json(tagged.scores),
    }


def _words(record: Record, texts_of: TextsOf) -> Read:
    """Return where the words of a record stand: those that it names, or those that are found.

    The text of a record that has words alone is made of them, and becomes a field of it.

    Raises:
        RecordError: what it names are no words, or not those of its text.
    """
    given = field_value(record.raw, WORDS)
    try:
        (own_text,) = texts_of(record)
    except RecordError:
        if not isinstance(given, list) or field_value(record.raw, "text") is not None:
            raise
        own_text = ""
    if own_text and not isinstance(given, list):  # a field of that name for something else
        given = None
    if record.raw is None or given is None:
        return words_of(own_text), False
    text, words = read_words(given, WORDS, own_text or None)
    if not own_text:
        record.text = text
        raw, _ = without(record.raw, {"text"})
        record.raw = with_member(raw, "text", orjson.dumps(text))
    return words, True


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
            words = found.get(WORDS) or self._words(record)
            yield from map(list, zip(words, found["tags"], found["scores"], strict=True))
            return
        for each in found["entities"]:
            yield [each["label"], each["text"], each["score"], each["start"], each["end"], record.text]

    @staticmethod
    def _words(record: Record) -> list[str]:
        text, words = read_words(field_value(record.raw, WORDS) or [], WORDS, record.text)
        return [text[start:end] for start, end in words]
