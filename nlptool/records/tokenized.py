"""The tokens that a record brings along in its field ``tokens``, with their fields and offsets.

`nlptool tokenize` writes them; other tokenizers' lists of strings or of objects are read too. A token is a dict of its fields,
so that a pattern (``text.token_query``) sees all that the record says of it:

    surface     str, ``text[start:end]``
    lemma       str; None: not known
    pos         str, the part of speech with what is below it: 名詞-普通名詞-一般; None: not known
    start, end  int, in characters of the text

Records know no tokenizer: for those without tokens a task makes them of the text (``models.words.token_maker``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nlptool.errors import RecordError
from nlptool.records.given_words import FIELD
from nlptool.records.json_bytes import fields, type_of
from nlptool.records.named_columns import unpacked
from nlptool.records.record import Record, lone_surrogate
from nlptool.records.tagged_json import read_words
from nlptool.text.scripts import LONE_SURROGATE
from nlptool.text.token_forms import forms_of

Token = dict[str, Any]

_MARK = b'"%b"' % FIELD.encode()


@dataclass(frozen=True, slots=True)
class Tokenized:
    """A text and its tokens, in order, none of which overlap."""

    text: str
    tokens: list[Token]


def has_tokens(record: Record) -> bool:
    """Return whether a record may bring tokens along, by a look at its bytes: false is certain."""
    return record.raw is not None and (_MARK in record.raw or b"\\u" in record.raw)


def given_tokens(record: Record) -> Tokenized | None:
    """Return the text and the tokens of a record; None if it brings none along.

    A record without a text has the one that its words make (``token_text.joined``). Tokens without offsets are found in the
    text, which may have nothing but white space between them.

    Raises:
        RecordError: these are no tokens, or not those of the text.
    """
    value = _given(record)
    if value is None:
        return None
    text, places = read_words(value, FIELD, record.text or None)
    tokens: list[Token] = []
    for item, (start, end) in zip(value, places, strict=True):
        token: Token = item if isinstance(item, dict) else {}
        token.update(surface=text[start:end], lemma=_string(token, "lemma"), pos=_part_of_speech(token))
        token.update(start=start, end=end)
        tokens.append(token)
    return Tokenized(text, tokens)


def given_forms(record: Record, by: str = "surface") -> list[str] | None:
    """Return the surfaces or the lemmas of a record's tokens, without a look at its text; None if it brings none along.

    Args:
        by: surface | lemma; the lemma of a token that has none is its surface.

    Raises:
        RecordError: these are no tokens.
    """
    value = _given(record)
    if value is None:
        return None
    if not isinstance(value, list):
        raise RecordError("NotWords", f"`{FIELD}` holds {type_of(value)}, not a list of words")
    try:
        forms = forms_of(value, by)
    except ValueError:
        forms = [""]
    if not all(forms):
        text, places = read_words(value, FIELD, None)  # says what is wrong, or finds the words under another name
        forms = [text[start:end] for start, end in places]
    if lone := LONE_SURROGATE.search("\n".join(forms)):
        raise lone_surrogate(lone)
    return forms


def _given(record: Record) -> Any:
    """Return the value of the field; None if there is none. In a cell of a table it is JSON."""
    return unpacked(fields(record.raw).get(FIELD)) if has_tokens(record) else None


def _string(token: Token, name: str) -> str | None:
    value = token.get(name)
    return value if isinstance(value, str) and value else None


def _part_of_speech(token: Token) -> str | None:
    """Return the part of speech of a token with its detail, which `nlptool tokenize --fields pos_detail` writes apart."""
    pos, detail = _string(token, "pos"), _string(token, "pos_detail")
    return f"{pos}-{detail}" if pos and detail else pos
