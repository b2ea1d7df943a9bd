"""Bytes to records and back: what a line means, and how a command's results are written beside it.

A line of text becomes ``{"text": line}``. A JSONL record keeps all its bytes as they came: it is parsed to find the text
in it, but what is written is the record's own line with the results spliced in before its last brace, so that big
integers, ``1.10``, duplicate keys and escapes survive. Nothing here knows a model.
"""

from __future__ import annotations

import base64
import codecs
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from nlptool.errors import RecordError, RunError
from nlptool.scripts import LONE_SURROGATE
from nlptool.streams import Block, is_wide

RESERVED = "nlptool"  # the one key that the commands keep for themselves
_BOM = "\ufeff"
_JSON_WORDS = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}


class Record:
    """One line on its way through a command.

    ``raw`` is the JSON object as it came (None for a line of text, whose object is ``{"text": ...}``). A command fills
    ``results`` (field name to JSON, in the order of writing), ``entry`` (what it says about its work), or ``error``.
    ``done`` marks a record that an earlier command failed on: it passes through untouched.
    """

    __slots__ = ("done", "entry", "error", "line", "raw", "results", "source", "text")

    def __init__(self, text: str, source: str, line: int, raw: bytes | None = None) -> None:
        self.text = text
        self.source = source
        self.line = line  # 1-based
        self.raw = raw
        self.results: Mapping[str, bytes] = {}
        self.entry: Mapping[str, Any] = {}
        self.error: RecordError | None = None
        self.done = False

    @property
    def pending(self) -> bool:
        """Whether there is work to do on it."""
        return self.error is None and not self.done

    def fail(self, error: RecordError) -> Record:
        self.error = error
        return self


@dataclass(frozen=True, slots=True)
class InputFormat:
    """How lines become records: the options that every command shares."""

    kind: str = "auto"  # auto | text | jsonl | tsv
    field: str | None = None  # a name, a JSON Pointer, or the number of a column
    header: bool = False
    encoding: str = "utf-8"
    instead: tuple[
        str, ...
    ] = ()  # fields that make the text dispensable: work already done, or another form of the input


class Parser:
    """Blocks of lines to lists of records. Decides on the format once for each source, on its first line."""

    def __init__(self, form: InputFormat) -> None:
        self.form = form
        self._encoding = "utf-8" if is_wide(form.encoding) or form.encoding == "utf-8-sig" else form.encoding
        self._source: str | None = None
        self._kind = form.kind
        self._columns: list[str] | None = None
        self._path = _field_path(form.field or "text")

    def parse(self, blocks: Iterator[Block]) -> Iterator[list[Record]]:
        """Yield a list of records for each block; an empty one where nothing new has come for a while."""
        for block in blocks:
            start = self._source != block.source or block.first_line == 1
            self._source = block.source
            records = []
            for number, line in enumerate(block.lines, block.first_line):
                record = self._record(line, block.source, number, first=start and number == block.first_line)
                if record is not None:
                    records.append(record)
            if records or not block.lines:
                yield records

    def _record(self, line: bytes | RecordError, source: str, number: int, *, first: bool) -> Record | None:
        text, failure = self._text(line)
        if first:
            text = text.removeprefix(_BOM)
            self._kind = self.form.kind if self.form.kind != "auto" else _sniff(text, whole=isinstance(line, bytes))
            self._columns = None
        if failure is not None:
            if self._kind == "tsv" and self.form.header and self._columns is None:
                raise RunError(f"{source}: the header cannot be read: {failure.message}", hint=failure.hint)
            return Record(text, source, number).fail(failure)
        if self._kind == "text":
            return Record(text, source, number)
        if self._kind == "tsv":
            return self._tsv(text, source, number)
        return self._jsonl(text, source, number) if text.strip(" \t\r\n") else None

    def _text(self, line: bytes | RecordError) -> tuple[str, RecordError | None]:
        """A line as text, and what is wrong with it; where something is, as much of it as can be shown."""
        if isinstance(line, RecordError):
            return _readable(codecs.getincrementaldecoder(self._encoding)("replace").decode(line.raw)), line
        try:
            text = line.decode(self._encoding, "surrogatepass" if is_wide(self.form.encoding) else "strict")
        except UnicodeDecodeError as error:
            return _readable(line.decode(self._encoding, "replace")), _undecodable(line, error, self._encoding)
        if self.form.encoding != "utf-8" and (lone := LONE_SURROGATE.search(text)):
            return _readable(text), lone_surrogate(lone)
        return text, None

    def _jsonl(self, line: str, source: str, number: int) -> Record:
        record = Record(line, source, number)
        try:
            value = _loads(line)
        except ValueError as error:
            return record.fail(
                RecordError(
                    "InvalidJSON", f"not JSON: {error}", hint="-I text takes every line as text, whatever it looks like"
                )
            )
        if not isinstance(value, dict):
            return record.fail(RecordError("NotAnObject", f"a JSONL record is an object, this is {_kind_of(value)}"))
        record.raw = line.strip(" \t\r\n").replace("\n", " ").replace("\r", " ").encode()
        record.text = ""
        said = value.get(RESERVED)
        if isinstance(said, dict) and "error" in said:
            record.done = True
            return record
        try:
            text = _find(value, self._path)
        except KeyError:
            if not self.form.field and any(name in value for name in self.form.instead):
                return record
            return record.fail(
                RecordError(
                    "MissingField",
                    f"the record has no field `{self.form.field or 'text'}`; its fields: {_listed(value)}",
                    hint="--field names the one that holds the text",
                )
            )
        if not isinstance(text, str):
            if not self.form.field and any(name in value for name in self.form.instead):
                return record
            return record.fail(
                RecordError(
                    "NotText",
                    f"the field `{self.form.field or 'text'}` holds {_kind_of(text)}, not a string",
                    hint="--field names the one that holds the text",
                )
            )
        if lone := LONE_SURROGATE.search(text):
            return record.fail(lone_surrogate(lone))
        record.text = text
        return record

    def _tsv(self, line: str, source: str, number: int) -> Record | None:
        cells = line.split("\t")
        if self.form.header and self._columns is None:
            if len(set(cells)) < len(cells):
                raise RunError(f"{source}: the header names a column twice: {line}")
            self._columns = cells
            return None
        names = self._columns or [str(i) for i in range(1, len(cells) + 1)]
        record = Record(line, source, number)
        if len(cells) != len(names):
            return record.fail(RecordError("WrongColumns", f"{len(cells)} columns, but the header has {len(names)}"))
        wanted = self.form.field or ("text" if "text" in names else names[0])
        if wanted not in names:
            return record.fail(
                RecordError(
                    "MissingField", f"no column `{wanted}`; there are: {_listed(names)}", hint="--field names one"
                )
            )
        record.raw = orjson.dumps(dict(zip(names, cells, strict=True)))
        record.text = cells[names.index(wanted)]
        return record


def render(
    record: Record,
    command: str,
    *,
    drop_input: bool = False,
    id_field: str | None = None,
    replaced: set[str] | None = None,
) -> bytes:
    """The record as a line of JSON: as it came, with the results and the command's entry added.

    ``replaced`` is told the names of fields that were there before and gave way to a result.
    """
    if record.done and record.raw is not None:
        return record.raw + b"\n"
    failed = record.error is not None
    key, entry = ("error", _error_entry(record, record.error, command)) if record.error else (command, record.entry)
    base = record.raw
    if base is None:
        base = b'{"text":%b}' % orjson.dumps(record.text) if not drop_input or failed else b"{}"
    elif drop_input and not failed:
        base = _only_id(base, id_field)
    return splice(base, {} if failed else record.results, key, orjson.dumps(entry), replaced)


def _error_entry(record: Record, error: RecordError, command: str) -> Mapping[str, Any]:
    entry: dict[str, Any] = {
        "type": error.type,
        "message": _readable(error.message),
        "line": record.line,
        "command": command,
    }
    entry |= error.details
    if error.type == "Undecodable":
        entry["raw_base64"] = base64.b64encode(error.raw).decode()
    return entry


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


def _only_id(raw: bytes, id_field: str | None) -> bytes:
    """The object with nothing but the field that says which record it is, and what earlier commands said."""
    kept = [raw[start:end] for name, start, _, end in members(raw) if name in (id_field, RESERVED)]
    return b"{" + b",".join(kept) + b"}"


def field_text(raw: bytes, name: str) -> str:
    """The field ``name`` of a JSON object as text: a string as it reads, anything else as JSON, ``""`` if there is none."""
    found = _field(raw, name)
    if not found.startswith(b'"'):
        return found.decode()
    # A lone surrogate, which JSON can spell, is no text.
    return str(json.loads(found)).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def field_value(raw: bytes | None, name: str) -> Any:
    """The value of the field ``name`` of a JSON object; None if there is none."""
    found = _field(raw, name) if raw is not None and b'"%b"' % name.encode() in raw else b""
    return _loads(found.decode()) if found else None


def fields(record: Record) -> dict[str, Any]:
    """All fields of a record that came as JSON, parsed."""
    return dict(_loads(record.raw.decode())) if record.raw is not None else {}


def _field(raw: bytes, name: str) -> bytes:
    found = b""
    for member, _, start, end in members(raw):
        if member == name:
            found = raw[start:end].strip()
    return found


def _loads(line: str) -> Any:
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


def _field_path(field: str) -> list[str]:
    """A name is a path of one step; a JSON Pointer (RFC 6901) is one of several."""
    if not field.startswith("/"):
        return [field]
    return [step.replace("~1", "/").replace("~0", "~") for step in field[1:].split("/")]


def _find(value: Any, path: list[str]) -> Any:
    for step in path:
        if isinstance(value, dict):
            value = value[step]
        elif isinstance(value, list) and step.isascii() and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            raise KeyError(step)
    return value


def _listed(names: Iterable[str]) -> str:
    """The first few names, as a terminal can show them whatever is in them."""
    return ", ".join(f"`{repr(name)[1:-1]}`" for name in itertools.islice(names, 8) if name != RESERVED) or "none"


def _kind_of(value: Any) -> str:
    return _JSON_WORDS.get(type(value), "a number")


def _sniff(text: str, *, whole: bool) -> str:
    """Whether the first line of an input is a JSON object; of a line that is too long only the beginning is seen."""
    if not text.lstrip(" \t").startswith("{"):
        return "text"
    try:
        return "jsonl" if not whole or isinstance(_loads(text), dict) else "text"
    except ValueError:
        return "text"


def _readable(text: str) -> str:
    """Half characters, which UTF-8 cannot hold, become U+FFFD."""
    return LONE_SURROGATE.sub("\ufffd", text)


def lone_surrogate(found: re.Match[str]) -> RecordError:
    """What to say of what ``LONE_SURROGATE`` found."""
    code = f"\\u{ord(found[0]):04x}"
    return RecordError(
        "LoneSurrogate", f"half a character (the lone surrogate {code}) at character {found.start()} of the text"
    )


_LIKELY_ENCODINGS = ("iso2022_jp", "euc_jp", "cp932", "latin-1")


def _undecodable(line: bytes, error: UnicodeDecodeError, encoding: str) -> RecordError:
    """An error that holds the bytes and, where another encoding reads them as Japanese, names it."""
    likely = ""
    if encoding == "utf-8":
        if line.startswith((b"\xff\xfe", b"\xfe\xff")) or line.count(b"\0") * 3 > len(line):
            likely = "utf-16"
        else:
            likely = next(name for name in _LIKELY_ENCODINGS if _decodes(line, name))
    return RecordError(
        "Undecodable",
        f"not {encoding.upper()}: byte 0x{line[error.start]:02x} at position {error.start}",
        hint=f"perhaps --encoding {likely}" if likely else "--encoding names another one",
        raw=line,
    )


def _decodes(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
