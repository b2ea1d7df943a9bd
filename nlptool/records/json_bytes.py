"""JSON objects as bytes: members found, taken out and added without touching the others, and their values.

What is not looked at stays as it came: big integers, ``1.10``, doubled keys, escapes, the blanks between.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

RESERVED = "nlptool"  # the one key that the commands keep for themselves


def splice(raw: bytes, results: Mapping[str, bytes], key: str, entry: bytes, replaced: set[str] | None = None) -> bytes:
    """Add ``results`` and ``"nlptool": {key: entry}`` to the JSON object ``raw``, change nothing else in it, and end the line.

    A result that the object already has under the same name is replaced: two values under one name would leave it to
    each reader which of them counts. The entries of earlier commands are kept and the new one stands behind them.
    """
    said = b""
    if b'"nlptool"' in raw or b"\\u" in raw or any(b'"%b"' % name.encode() in raw for name in results):
        raw, earlier = _take_out(raw, {*results, RESERVED})
        if earlier.get(RESERVED, b"").startswith(b"{"):
            said = _without(earlier.pop(RESERVED), key)
        if replaced is not None:
            replaced.update(earlier)
    body = raw.rstrip()[:-1].rstrip()
    parts = [body]
    joiner = b"" if body == b"{" else b","
    for name, value in results.items():
        parts += (joiner, b'"%b":' % name.encode(), value)
        joiner = b","
    parts += (joiner, b'"nlptool":{', said, b'"%b":' % key.encode(), entry, b"}}\n")
    return b"".join(parts)


_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_NAME = re.compile(rb"[ \t\n\r,]*+(%b)[ \t\n\r]*+:[ \t\n\r]*+" % _STRING)
_PLAIN_VALUE = re.compile(rb"%b|[^][{}, \t\n\r]++" % _STRING)
_TO_NEXT_BRACKET = re.compile(rb'[^]["{}]*+(?:%b[^]["{}]*+)*+([][{}])' % _STRING)


def members(raw: bytes) -> Iterator[tuple[str, int, int, int]]:
    """The members of a JSON object, in order: (name, start, start of the value, end), as offsets into ``raw``.

    ``raw`` is known to be JSON. Its values are passed over, not parsed: however long a number, however deep a list.
    """
    position = raw.index(b"{") + 1
    while named := _NAME.match(raw, position):
        position = _end_of_value(raw, named.end())
        yield json.loads(named[1]), named.start(1), named.end(), position


def _end_of_value(raw: bytes, start: int) -> int:
    if plain := _PLAIN_VALUE.match(raw, start):
        return plain.end()
    depth, position = 1, start + 1
    while depth and (bracket := _TO_NEXT_BRACKET.match(raw, position)):
        depth += 1 if bracket[1] in b"[{" else -1
        position = bracket.end()
    return position


def _take_out(raw: bytes, names: set[str]) -> tuple[bytes, dict[str, bytes]]:
    """Take the members called ``names`` out of an object; return the rest, as it was, and their values (the last, if
    doubled)."""
    kept: list[bytes] = []
    taken: dict[str, bytes] = {}
    last = raw.index(b"{") + 1
    for name, start, value, end in members(raw):
        if name in names:
            taken[name] = raw[value:end]
        else:
            kept.append(raw[last:end] if kept else raw[start:end])
        last = end
    return (b"{" + b"".join(kept) + b"}") if taken else raw, taken


def _without(said: bytes, key: str) -> bytes:
    """The members of the reserved object except ``key``, each with a comma behind it."""
    return b"".join(said[start:end] + b"," for name, start, _, end in members(said) if name != key)


def only_id(raw: bytes, id_field: str | None) -> bytes:
    """The object with nothing but the field that says which record it is, and what earlier commands said."""
    kept = [raw[start:end] for name, start, _, end in members(raw) if name in (id_field, RESERVED)]
    return b"{" + b",".join(kept) + b"}"


def field_text(raw: bytes | None, name: str | None) -> str:
    """The field ``name`` of a JSON object as text: a string as it reads, anything else as JSON, ``""`` if there is none."""
    found = _field(raw, name) if raw is not None and name is not None else b""
    if not found.startswith(b'"'):
        return found.decode()
    # A lone surrogate, which JSON can spell, is no text.
    return str(json.loads(found)).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def field_value(raw: bytes | None, name: str) -> Any:
    """The value of the field ``name`` of a JSON object; None if there is none."""
    found = _field(raw, name) if raw is not None and b'"%b"' % name.encode() in raw else b""
    return loads(found.decode()) if found else None


def fields(raw: bytes | None) -> dict[str, Any]:
    """All fields of a JSON object, parsed; none of nothing."""
    return dict(loads(raw.decode())) if raw is not None else {}


def _field(raw: bytes, name: str) -> bytes:
    found = b""
    for member, _, start, end in members(raw):
        if member == name:
            found = raw[start:end].strip()
    return found


def loads(line: str) -> Any:
    """Parse JSON. orjson is fast, but refuses a lone surrogate anywhere, which is an error in the text alone, and numbers
    that are too large for a float."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        try:
            return _lenient.decode(line)
        except (json.JSONDecodeError, RecursionError):
            raise error from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")


# Numbers are never looked at, and an int of more than 4,300 digits would be an error.
_lenient = json.JSONDecoder(parse_int=float, parse_constant=_refuse_constant)


def path_of(field: str) -> list[str]:
    """A name is a path of one step; a JSON Pointer (RFC 6901) is one of several."""
    if not field.startswith("/"):
        return [field]
    return [step.replace("~1", "/").replace("~0", "~") for step in field[1:].split("/")]


def find(value: Any, path: list[str]) -> Any:
    """What stands in ``value`` at the end of ``path``.

    Raises:
        KeyError: nothing.
    """
    for step in path:
        if isinstance(value, dict):
            value = value[step]
        elif isinstance(value, list) and step.isascii() and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            raise KeyError(step)
    return value
