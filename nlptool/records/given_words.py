"""The words that a record brings along in its field ``tokens``, and where each stands in its text."""

from __future__ import annotations

from nlptool.records.json_bytes import field_value
from nlptool.records.record import Record
from nlptool.records.tagged_json import read_words
from nlptool.text.spans import Place

FIELD = "tokens"
"""As `nlptool tokenize` writes them, or a list of strings."""


def given_words(record: Record) -> tuple[str, list[Place]] | None:
    """Return the text of a record and the places of its words; None if it names no words.

    A record without a text has the one that its words make.

    Raises:
        RecordError: what it names are no words, or not those of its text.
    """
    given = field_value(record.raw, FIELD) if record.raw is not None and b'"tokens"' in record.raw else None
    return None if given is None else read_words(given, FIELD, record.text or None)
