"""SQuAD's JSON, as it is distributed: articles, their paragraphs, and the questions about each, one below the other.

A record that holds them becomes a record for each question, with the fields that a question has by itself: ``id``, ``title``,
``context``, ``question``, ``answers``, ``is_impossible``. JSQuAD (K. Kurihara, D. Kawahara, T. Shibata: JGLUE, 2022) has the
same form.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import orjson

from nlptool.errors import RecordError
from nlptool.records.json_bytes import RESERVED, fields, listed, type_of
from nlptool.records.record import Record

_MOST = 4096  # questions that are given at once

IDS = ("id", "qid", "question_id", "qas_id")
"""Names of the id of a question."""

_DATA, _ARTICLE, _PARAGRAPH = "data", "paragraphs", "qas"


Values = dict[str, Any]


def unfolded(
    lists: Iterable[list[Record]], *, on_more: Callable[[int], None] = lambda n: None
) -> Iterator[list[Record]]:
    """Replace each record that is a SQuAD file, an article or a paragraph by the records of its questions; pass on the others.

    A part without what it needs becomes a record that fails, in its place.

    Args:
        on_more: called with the number of records that take the place of one, less one.
    """
    for pairs in questions(lists, on_more=on_more):
        for record, values in pairs:
            if record.pending and record.raw is None and values:
                record.raw = _json(values)
        yield [record for record, _ in pairs]


def questions(
    lists: Iterable[list[Record]],
    *,
    on_more: Callable[[int], None] = lambda n: None,
    on_file: Callable[[str, Any], None] = lambda source, version: None,
) -> Iterator[list[tuple[Record, Values]]]:
    """Yield the records of questions with their fields: those that are questions, and one for each question that a SQuAD file,
    an article or a paragraph holds, without the JSON of its own. The fields of a line of text are none.

    Args:
        on_more: called with the number of records that take the place of one, less one.
        on_file: called with the source of a file and the version that it says.
    """
    for records in lists:
        passed: list[tuple[Record, Values]] = []
        for record in records:
            values = fields(record.raw) if record.pending else {}
            values.pop(RESERVED, None)
            if not is_nested(values):
                passed.append((record, values))
                continue
            if isinstance(values.get(_DATA), list):
                on_file(record.source, values.get("version"))
            n_made = 0
            for question in _questions(values):
                n_made += 1
                passed.append(_record(question, record))
                if len(passed) >= _MOST:
                    yield passed
                    passed = []
            on_more(n_made - 1)
        yield passed


def taken(
    pairs: Iterable[list[tuple[Record, Values]]], take: Callable[[Record, Values], object]
) -> Iterator[list[Record]]:
    """Give each record that holds something, and its fields, to ``take``, whose RecordError is the record's; pass on the
    records."""
    for each in pairs:
        for record, values in each:
            if record.pending and (record.raw is not None or values or record.text.strip(" \r\n")):
                try:
                    take(record, values)
                except RecordError as error:
                    record.fail(_with_id(error, values, record))
        yield [record for record, _ in each]


def id_of(values: Mapping[str, Any]) -> str:
    """Return the id of a question, "" without one."""
    value = next((values[name] for name in IDS if values.get(name) is not None), "")
    return value if isinstance(value, str) else str(value)


def is_nested(values: Mapping[str, Any]) -> bool:
    """Return whether an object holds questions below it: a file, an article, or a paragraph."""
    data = values.get(_DATA)
    if isinstance(data, list):
        return any(isinstance(article, dict) and _ARTICLE in article for article in data)
    return any(isinstance(values.get(name), list) for name in (_ARTICLE, _PARAGRAPH))


def _record(question: Values | RecordError, of: Record) -> tuple[Record, Values]:
    record = Record("", of.source, of.line)
    record.number, record.origin = of.number, of.origin
    if isinstance(question, RecordError):
        return record.fail(question), {}
    return record, question


def _json(values: Values) -> bytes:
    try:
        return orjson.dumps(values)
    except TypeError:  # half a character, which JSON can spell
        return json.dumps(values).encode()


def _with_id(error: RecordError, values: Mapping[str, Any], record: Record) -> RecordError:
    """Return the error of a question with its id, if it has no line of its own."""
    found = id_of(values)
    if record.raw is not None or not found:
        return error
    return RecordError(error.type, f"question `{found[:40]}`: {error.message}", hint=error.hint)


def _questions(values: Mapping[str, Any]) -> Iterator[dict[str, Any] | RecordError]:
    """Yield the questions of a file, an article or a paragraph, and the errors of parts that have none."""
    if isinstance(values.get(_DATA), list):
        articles: list[Any] = values[_DATA]
    elif _ARTICLE in values:
        articles = [values]
    else:
        yield from _of_paragraph(values, values.get("title"), "the paragraph")
        return
    for number, article in enumerate(articles, 1):
        paragraphs = article.get(_ARTICLE) if isinstance(article, dict) else None
        if not isinstance(paragraphs, list):
            yield _missing(f"article {number}", article, _ARTICLE)
            continue
        for place, paragraph in enumerate(paragraphs, 1):
            yield from _of_paragraph(paragraph, article.get("title"), f"paragraph {place} of article {number}")


def _of_paragraph(paragraph: Any, title: Any, called: str) -> Iterator[dict[str, Any] | RecordError]:
    """Yield the questions of a paragraph; those about a context that is missing lack it, and say so themselves.

    Args:
        called: which paragraph it is, for messages.
    """
    called += f", `{title!s:.40}`," if title else ""
    questions = paragraph.get(_PARAGRAPH) if isinstance(paragraph, dict) else None
    if not isinstance(questions, list):
        yield _missing(called, paragraph, _PARAGRAPH)
        return
    shared = {name: paragraph[name] for name in ("context",) if name in paragraph}
    if title is not None:
        shared = {"title": title, **shared}
    for number, question in enumerate(questions, 1):
        if not isinstance(question, dict):
            message = f"question {number} of {called} is {type_of(question)}, not an object"
            yield RecordError("NotAnObject", message)
        elif "id" in question:
            yield {"id": question["id"], **shared, **question}
        else:
            yield {**shared, **question}


def _missing(what: str, value: Any, name: str) -> RecordError:
    if not isinstance(value, dict):
        return RecordError("NotAnObject", f"{what} is {type_of(value)}, not an object")
    found = value.get(name)
    if name in value:
        return RecordError("MissingField", f"`{name}` of {what} holds {type_of(found)}, not a list")
    return RecordError("MissingField", f"{what} has no `{name}`; its fields: {listed(value)}")
