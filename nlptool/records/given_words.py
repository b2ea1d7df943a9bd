"""The words that a record brings along in its field ``tokens``, and where each stands in its text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nlptool.errors import RecordError
from nlptool.records.json_bytes import field_value, type_of
from nlptool.records.record import Record
from nlptool.records.token_text import joined
from nlptool.text.spans import Place

FIELD = "tokens"
"""As `nlptool tokenize` writes them, or a list of strings."""

_HINT = "tokens are strings, or objects with surface, start and end, as nlptool tokenize writes them"


def given_words(record: Record) -> tuple[str, list[Place]] | None:
    """Return the text of a record and the places of its words; None if it names no words.

    A record without a text has the one that its words make.

    Raises:
        RecordError: what it names are no words of its text.
    """
    given = field_value(record.raw, FIELD) if record.raw is not None and b'"tokens"' in record.raw else None
    if given is None:
        return None
    if not isinstance(given, list):
        raise RecordError("NotWords", f"`{FIELD}` holds {type_of(given)}, not a list of words", hint=_HINT)
    if not record.text:
        return joined([_surface(word, number) for number, word in enumerate(given, 1)])
    places: list[Place] = []
    end = 0
    for number, word in enumerate(given, 1):
        start, end = _place(word, record.text, end, number)
        places.append((start, end))
    return record.text, places


def _surface(word: Any, number: int) -> str:
    surface = word.get("surface", word.get("text")) if isinstance(word, Mapping) else word
    if not isinstance(surface, str) or not surface:
        raise RecordError("NotWords", f"word {number} of `{FIELD}` is {type_of(word)}, not a word", hint=_HINT)
    return surface


def _place(word: Any, text: str, after: int, number: int) -> Place:
    if isinstance(word, Mapping) and type(word.get("start")) is type(word.get("end")) is int:
        start, end = word["start"], word["end"]
        if after <= start < end <= len(text):
            return start, end
        raise RecordError(
            "NotWords", f"word {number} of `{FIELD}` is not within the text, or not behind the one before it"
        )
    surface = _surface(word, number)
    start = text.find(surface, after)
    if start < 0:
        raise RecordError(
            "NotWords", f"word {number} of `{FIELD}`, {surface!r:.40}, is not in the text behind the one before it"
        )
    return start, start + len(surface)
