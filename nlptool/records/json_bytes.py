"""JSON objects as bytes: members are found, removed, added and parsed without touching the others.

All other bytes stay as they came: big integers, ``1.10``, duplicate keys, escapes, white space.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any

import orjson

from nlptool.text.numbers import whole_number

RESERVED = "nlptool"  # the one key that the commands keep for themselves
_TYPES = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}


def splice(
    raw: bytes,
    results: Mapping[str, bytes],
    key: str,
    entry: bytes,
    replaced: set[str] | None = None,
    *,
    before: bytes = b"",
) -> bytes:
    """Add ``results`` and ``"nlptool": {key: entry}`` to the JSON object ``raw`` and end the line; change nothing else.

    A field that has the name of a result is replaced, and its name is added to ``replaced``: with two values under one name
    each reader would choose another. The entries of earlier commands are kept before the new one, and ``before``, which ends with
    a comma, before all.
    """
    earlier_entries = b""
    if b'"nlptool"' in raw or b"\\u" in raw or any(b'"%b"' % name.encode() in raw for name in results):
        raw, earlier = _take_out(raw, {*results, RESERVED})
        if earlier.get(RESERVED, b"").startswith(b"{"):
            earlier_entries = _without(earlier.pop(RESERVED), key)
        if replaced is not None:
            replaced.update(earlier)
    body = raw.rstrip()[:-1].rstrip()
    parts = [body]
    joiner = b"" if body == b"{" else b","
    for name, value in results.items():
        parts += (joiner, b'"%b":' % name.encode(), value)
        joiner = b","
    parts += (joiner, b'"nlptool":{', before, earlier_entries, b'"%b":' % key.encode(), entry, b"}}\n")
    return b"".join(parts)


_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_NAME = re.compile(rb"[ \t\n\r,]*+(%b)[ \t\n\r]*+:[ \t\n\r]*+" % _STRING)
_PLAIN_VALUE = re.compile(rb"%b|[^][{}, \t\n\r]++" % _STRING)
_TO_NEXT_BRACKET = re.compile(rb'[^]["{}]*+(?:%b[^]["{}]*+)*+([][{}])' % _STRING)


def members(raw: bytes) -> Iterator[tuple[str, int, int, int]]:
    """Yield the members of a JSON object in order: (name, start, start of the value, end), offsets into ``raw``.

    ``raw`` must be JSON. Values are skipped, not parsed, however long a number and however deep a list.
    """
    position = raw.index(b"{") + 1
    while named := _NAME.match(raw, position):
        position = _end_of_value(raw, named.end())
        quoted = named[1]
        name = json.loads(quoted) if b"\\" in quoted else quoted[1:-1].decode()
        yield name, named.start(1), named.end(), position


def _end_of_value(raw: bytes, start: int) -> int:
    if plain := _PLAIN_VALUE.match(raw, start):
        return plain.end()
    depth, position = 1, start + 1
    while depth and (bracket := _TO_NEXT_BRACKET.match(raw, position)):
        depth += 1 if bracket[1] in b"[{" else -1
        position = bracket.end()
    return position


def without(raw: bytes, names: set[str]) -> tuple[bytes, set[str]]:
    """Return the object without the members called ``names``, and those of the names that it had."""
    rest, taken = _take_out(raw, names)
    return rest, set(taken)


def _take_out(raw: bytes, names: set[str]) -> tuple[bytes, dict[str, bytes]]:
    """Remove the members called ``names`` from an object; return the rest, as it was, and their values (the last of
    duplicates)."""
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


def _without(raw: bytes, key: str) -> bytes:
    """Return the members of an object except ``key``, each with a comma behind it."""
    return b"".join(raw[start:end] + b"," for name, start, _, end in members(raw) if name != key)


def renamed(raw: bytes, name: str, new: str) -> bytes:
    """Return the object with its member ``name`` called ``new``; as it was without ``name``, or if it has a member ``new``."""
    names = {found: (start, value) for found, start, value, _ in members(raw)}
    if name not in names or new in names:
        return raw
    start, value = names[name]
    return b'%b"%b":%b' % (raw[:start], new.encode(), raw[value:])


def with_member(raw: bytes, name: str, value: bytes) -> bytes:
    """Return the object with one more member behind the others, whose value is JSON."""
    body = raw.rstrip()[:-1].rstrip()
    return b'%b%b"%b":%b}' % (body, b"" if body == b"{" else b",", name.encode(), value)


def only_id(raw: bytes, id_field: str | None) -> bytes:
    """Return the object with its id field and the entries of earlier commands alone."""
    kept = [raw[start:end] for name, start, _, end in members(raw) if name in (id_field, RESERVED)]
    return b"{" + b",".join(kept) + b"}"


def field_text(raw: bytes | None, name: str | None) -> str:
    """Return the field ``name`` of a JSON object as text: a string as it is, anything else as JSON, "" if there is none."""
    value = _field(raw, name) if raw is not None and name is not None else b""
    if not value.startswith(b'"'):
        return value.decode()
    # JSON can spell a lone surrogate; it becomes U+FFFD.
    return str(json.loads(value)).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def field_json(raw: bytes | None, name: str | None) -> bytes:
    """Return the field ``name`` of a JSON object as it stands there, b"" if there is none or it is null or empty."""
    value = _field(raw, name) if raw is not None and name is not None else b""
    return b"" if value in (b"null", b'""') else value


def field_value(raw: bytes | None, name: str) -> Any:
    """Parse the value of the field ``name`` of a JSON object; None if there is none."""
    value = _field(raw, name) if raw is not None and b'"%b"' % name.encode() in raw else b""
    return loads(value.decode()) if value else None


def fields(raw: bytes | None) -> dict[str, Any]:
    """Parse a JSON object into a dict; None becomes an empty one."""
    return dict(loads(raw.decode())) if raw is not None else {}


def _field(raw: bytes, name: str) -> bytes:
    """Return the bytes of a field's value, the last of duplicates, or none."""
    value = b""
    for member, _, start, end in members(raw):
        if member == name:
            value = raw[start:end].strip()
    return value


def loads(line: str) -> Any:
    """Parse JSON with orjson, and with a lenient parser what it refuses: a lone surrogate, which is an error in the text alone,
    and numbers beyond a float."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        try:
            return _lenient.decode(line)
        except (json.JSONDecodeError, RecursionError):
            raise error from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")


# No number is used, and an int of more than 4,300 digits would be an error.
_lenient = json.JSONDecoder(parse_int=float, parse_constant=_refuse_constant)


def type_of(value: Any) -> str:
    """Return the type of a value of JSON in words."""
    return _TYPES.get(type(value), "a number")


def first_of(names: Iterable[str], values: Container[str]) -> str | None:
    """Return the first of some names that a record has; None if it has none of them."""
    return next((name for name in names if name in values), None)


def listed(names: Iterable[str]) -> str:
    """List the first few names of fields, with whatever would steer a terminal escaped."""
    return ", ".join(f"`{repr(name)[1:-1]}`" for name in itertools.islice(names, 8) if name != RESERVED) or "none"


def path_of(field: str) -> list[str]:
    """Split a field into the steps of a path: a name is one step, a JSON Pointer (RFC 6901) several."""
    if not field.startswith("/"):
        return [field]
    return [step.replace("~1", "/").replace("~0", "~") for step in field[1:].split("/")]


def find(value: Any, path: list[str]) -> Any:
    """Return the value in ``value`` at the end of ``path``.

    Raises:
        KeyError: there is none.
    """
    for step in path:
        if isinstance(value, dict):
            value = value[step]
        elif isinstance(value, list) and step.isascii() and step.isdecimal() and whole_number(step) < len(value):
            value = value[whole_number(step)]
        else:
            raise KeyError(step)
    return value


def find_first(value: Any, names: Iterable[str]) -> Any:
    """Return the value of the first of some fields, names or JSON Pointers, that there is; None if there is none of them."""
    for name in names:
        try:
            return find(value, path_of(name))
        except KeyError:
            continue
    return None
