"""Bytes to records and back: what a line means, and how a command's results are written beside it.

A line of text becomes ``{"text": line}``. A JSONL record keeps all its bytes as they came: it is parsed to find the text
in it, but what is written is the record's own line with the results spliced in before its last brace, so that big
integers, ``1.10``, duplicate keys and escapes survive. Nothing here knows a model.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from nlptool.errors import RecordError, RunError
from nlptool.streams import Block, is_wide

RESERVED = "nlptool"  # the one key that the commands keep for themselves
_BOM = "\ufeff"
_SURROGATE = re.compile("[\ud800-\udfff]")
_SPACE = re.compile(r"[ \t\n\r]*")
_JSON_WORDS = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
_decoder = json.JSONDecoder()


class Record:
    """One line on its way through a command.

    ``raw`` is the JSON object as it came (None for a line of text, whose object is ``{"text": ...}``). A command fills
    ``results`` (field name to JSON, in the order of writing), ``entry`` (what it says about its work), or ``error``.
    ``done`` marks a record that an earlier command failed on: it passes through untouched.
    """

    __slots__ = ("base", "done", "entry", "error", "line", "raw", "results", "source", "text")

    def __init__(self, text: str, source: str, line: int, raw: bytes | None = None) -> None:
        self.text = text
        self.source = source
        self.line = line  # 1-based
        self.raw = raw
        self.base: bytes | None = None
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


class Parser:
    """Blocks of lines to lists of records. Decides on the format once for each source, on its first line."""

    def __init__(self, form: InputFormat) -> None:
        self.form = form
        self._encoding = "utf-8" if is_wide(form.encoding) else form.encoding
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
        if isinstance(line, RecordError):
            if first:
                self._kind = self.form.kind if self.form.kind != "auto" else "text"
            return Record(line.raw.decode(), source, number).fail(line)
        failure: RecordError | None = None
        try:
            text = line.decode(self._encoding)
        except UnicodeDecodeError as error:
            text, failure = line.decode(self._encoding, errors="replace"), _undecodable(line, error, self._encoding)
        if first:
            text = text.removeprefix(_BOM)
            self._kind = self.form.kind if self.form.kind != "auto" else _sniff(text)
            self._columns = None
        if failure is not None:
            return Record(text, source, number).fail(failure)
        if self._kind == "text":
            return Record(text, source, number)
        if self._kind == "tsv":
            return self._tsv(text, source, number)
        return self._jsonl(text, source, number) if text.strip(" \t\r\n") else None

    def _jsonl(self, line: str, source: str, number: int) -> Record:
        record = Record(line, source, number)
        try:
            value = _loads(line)
        except (ValueError, RecursionError) as error:
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
            names = ", ".join(f"`{name}`" for name in list(value)[:8] if name != RESERVED) or "none"
            return record.fail(
                RecordError(
                    "MissingField",
                    f"the record has no field `{self.form.field or 'text'}`; its fields: {names}",
                    hint="--field names the one that holds the text",
                )
            )
        if not isinstance(text, str):
            return record.fail(
                RecordError(
                    "NotText",
                    f"the field `{self.form.field or 'text'}` holds {_kind_of(text)}, not a string",
                    hint="--field names the one that holds the text",
                )
            )
        if lone := _SURROGATE.search(text):
            return record.fail(
                RecordError(
                    "LoneSurrogate",
                    f"half a character (the lone surrogate \\u{ord(lone[0]):04x}) at character {lone.start()} of the text",
                )
            )
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
                    "MissingField", f"no column `{wanted}`; there are: {', '.join(names[:8])}", hint="--field names one"
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
    entry: Mapping[str, Any] = record.entry
    key = command
    if record.error is not None:
        error = record.error
        key, entry = "error", {"type": error.type, "message": error.message, "line": record.line, "command": command}
        if error.type == "Undecodable":
            entry["raw_base64"] = base64.b64encode(error.raw).decode()
    base = record.raw
    if base is None:
        base = b'{"text":%b}' % orjson.dumps(record.text) if not drop_input or record.error else b"{}"
    elif drop_input and not record.error:
        base = _only_id(base, id_field)
    return splice(base, record.results if record.error is None else {}, key, orjson.dumps(entry), replaced) + b"\n"


def splice(raw: bytes, results: Mapping[str, bytes], key: str, entry: bytes, replaced: set[str] | None = None) -> bytes:
    """Add ``results`` and ``"nlptool": {key: entry}`` to the JSON object ``raw`` and change nothing else in it.

    A result that the object already has under the same name is replaced: two values under one name would leave it to
    each reader which of them counts. The entries of earlier commands are kept and the new one stands behind them.
    """
    if b'"nlptool"' in raw or any(b'"%b"' % name.encode() in raw for name in results):
        raw, earlier = _take_out(raw, {*results, RESERVED})
        said = _without(earlier.pop(RESERVED, b""), key)
        if replaced is not None:
            replaced.update(earlier)
    else:
        said = b""
    body = raw.rstrip()[:-1].rstrip()
    parts = [body]
    joiner = b"" if body == b"{" else b","
    for name, value in results.items():
        parts += (joiner, b'"%b":' % name.encode(), value)
        joiner = b","
    parts += (joiner, b'"nlptool":{', said, b'"%b":' % key.encode(), entry, b"}}")
    return b"".join(parts)


def members(text: str) -> Iterator[tuple[str, int, int, int]]:
    """The members of a JSON object, in order: (name, start, start of the value, end), as offsets into ``text``."""
    position = _SPACE.match(text, text.index("{") + 1).end()  # type: ignore[union-attr]
    while text[position] != "}":
        start = position
        name, position = _decoder.raw_decode(text, position)
        position = _SPACE.match(text, position).end() + 1  # type: ignore[union-attr]  # the colon
        value = position = _SPACE.match(text, position).end()  # type: ignore[union-attr]
        _, position = _decoder.raw_decode(text, position)
        yield name, start, value, position
        position = _SPACE.match(text, position).end()  # type: ignore[union-attr]
        if text[position] == ",":
            position = _SPACE.match(text, position + 1).end()  # type: ignore[union-attr]


def _take_out(raw: bytes, names: set[str]) -> tuple[bytes, dict[str, bytes]]:
    """Take the members called ``names`` out of an object; return the rest, as it was, and their values (the last, if
    doubled)."""
    text = raw.decode()
    kept: list[str] = []
    taken: dict[str, bytes] = {}
    last = text.index("{") + 1
    for name, start, value, end in members(text):
        if name in names and (name != RESERVED or text[value] == "{"):
            taken[name] = text[value:end].encode()
        else:
            kept.append(text[last:end] if kept else text[start:end])
        last = end
    return ("{" + "".join(kept) + "}").encode() if taken else raw, taken


def _without(said: bytes, key: str) -> bytes:
    """The members of the reserved object except ``key``, each with a comma behind it."""
    if not said:
        return b""
    text = said.decode()
    return "".join(text[start:end] + "," for name, start, _, end in members(text) if name != key).encode()


def _only_id(raw: bytes, id_field: str | None) -> bytes:
    """The object with nothing but the field that says which record it is, and what earlier commands said."""
    text = raw.decode()
    kept = [text[start:end] for name, start, _, end in members(text) if name in (id_field, RESERVED)]
    return ("{" + ",".join(kept) + "}").encode()


def _loads(line: str) -> Any:
    """Parse JSON. orjson is fast and strict; it refuses a lone surrogate anywhere, which is an error in the text alone."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        if "\\u" not in line:
            raise
        return json.loads(line, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")


def _field_path(field: str) -> list[str]:
    """A name is a path of one step; a JSON Pointer (RFC 6901) is one of several."""
    if not field.startswith("/"):
        return [field]
    return [step.replace("~1", "/").replace("~0", "~") for step in field[1:].split("/")]


def _find(value: Any, path: list[str]) -> Any:
    for step in path:
        if isinstance(value, dict):
            value = value[step]
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            raise KeyError(step)
    return value


def _kind_of(value: Any) -> str:
    return _JSON_WORDS.get(type(value), "a number")


def _sniff(text: str) -> str:
    if text.lstrip(" \t").startswith("{"):
        try:
            return "jsonl" if isinstance(_loads(text), dict) else "text"
        except (ValueError, RecursionError):
            return "text"
    return "text"


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
