"""Lines to records.

A line of text becomes ``{"text": line}``. A JSONL record keeps all its bytes as they came: it is parsed to find the text in
it, but what is written is the record's own line with the results spliced in before its last brace (``json_bytes``), so that
big integers, ``1.10``, duplicate keys and escapes survive.
"""

from __future__ import annotations

import codecs
import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from nlptool.errors import RecordError, RunError
from nlptool.records.blocks import Block
from nlptool.records.decoding import CUT_OFF
from nlptool.records.json_bytes import RESERVED, find, loads, path_of
from nlptool.records.record import InputFormat, Record, lone_surrogate, readable
from nlptool.storage import encodings
from nlptool.text.scripts import LONE_SURROGATE

_BOM = "\ufeff"
_NO_TEXT = {0x00: "\ufffd", 0x1B: "\ufffd"}  # control characters of UTF-16 and ISO-2022 that are taken for UTF-8
_JSON_WORDS = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}


class Parser:
    """Parses blocks of lines; the format is decided once for each source, by its first line."""

    def __init__(self, form: InputFormat) -> None:
        self.form = form
        self._encoding = "utf-8"  # of the source, as the bytes of its lines are; UTF-16 and UTF-32 have been recoded
        self._is_wide = False
        self._source: str | None = None
        self._kind = form.kind
        self._columns: list[str] | None = None
        self._path = path_of(form.field or "text")

    def parse(self, blocks: Iterator[Block]) -> Iterator[list[Record]]:
        """Yield a list of records for each block; an empty one means that nothing new has come for a while."""
        for block in blocks:
            self._set_encoding(block.encoding or self.form.encoding)
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

    def _set_encoding(self, encoding: str) -> None:
        self._is_wide = encoding != "auto" and encodings.is_wide(encoding)
        self._encoding = "utf-8" if self._is_wide or encoding in ("auto", "utf-8-sig") else encoding

    def _text(self, line: bytes | RecordError) -> tuple[str, RecordError | None]:
        """Decode a line; return its text, or as much as can be shown of it and the error."""
        if isinstance(line, RecordError):
            text = codecs.getincrementaldecoder(self._encoding)("replace").decode(line.raw)
            return readable(text.translate(_NO_TEXT) if line.type == "Undecodable" else text), line
        try:
            text = line.decode(self._encoding, "surrogatepass" if self._is_wide else "strict")
        except UnicodeDecodeError as error:
            text = line.partition(CUT_OFF)[0].decode(errors="replace") + "\ufffd" if self._is_wide else ""
            return readable(text or line.decode(self._encoding, "replace")), self._undecodable(line, error)
        if (self._is_wide or self._encoding != "utf-8") and (lone := LONE_SURROGATE.search(text)):
            return readable(text), lone_surrogate(lone)
        if self.form.encoding == "auto" and self._encoding != "utf-8" and encodings.is_utf8_beyond_chance(line):
            return readable(text), self._mixed(line, "UTF-8")
        return text, None

    def _undecodable(self, line: bytes, error: UnicodeDecodeError) -> RecordError:
        """Make an error that holds the bytes and names the likely encoding."""
        if self._is_wide:
            return RecordError("Undecodable", "the last character is cut off", raw=line)
        what = f"not {self._encoding.upper()}: "
        if self._encoding == "utf-8" and encodings.cut_off(line):
            return RecordError(
                "Undecodable", what + "the last character is cut off", hint="its bytes are in `raw_base64`", raw=line
            )
        where = f"byte 0x{line[error.start]:02x} at position {error.start}"
        likely = encodings.likely(line)
        if self._encoding == "utf-8" and not likely:
            return RecordError(
                "Undecodable", what + where, hint="the rest of the line is UTF-8: it is damaged there", raw=line
            )
        likely = encodings.spelled(likely or "utf-8")
        if likely == self._encoding or not encodings.decodes(line, likely):
            hint = "" if self.form.encoding == "auto" else "--encoding names another one"
            return RecordError("Undecodable", what + where, hint=hint, raw=line)
        if self.form.encoding == "auto":
            return self._mixed(line, likely.upper())
        return RecordError("Undecodable", what + where, hint=f"perhaps --encoding {likely}", raw=line)

    def _mixed(self, line: bytes, likely: str) -> RecordError:
        return RecordError(
            "Undecodable",
            f"the line is not in {self._encoding.upper()} as its file is, but in {likely}",
            hint="the input mixes encodings: give each part its own --encoding",
            raw=line,
        )

    def _jsonl(self, line: str, source: str, number: int) -> Record:
        record = Record(line, source, number)
        try:
            value = loads(line)
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
        entries = value.get(RESERVED)
        if isinstance(entries, dict) and "error" in entries:
            record.done = True
            return record
        try:
            text = find(value, self._path)
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


def _listed(names: Iterable[str]) -> str:
    """List the first few names, with whatever would steer a terminal escaped."""
    return ", ".join(f"`{repr(name)[1:-1]}`" for name in itertools.islice(names, 8) if name != RESERVED) or "none"


def _kind_of(value: Any) -> str:
    return _JSON_WORDS.get(type(value), "a number")


def _sniff(text: str, *, whole: bool) -> str:
    """Return ``jsonl`` if the first line of an input is a JSON object (a too long line: begins like one), else ``text``."""
    if not text.lstrip(" \t").startswith("{"):
        return "text"
    try:
        return "jsonl" if not whole or isinstance(loads(text), dict) else "text"
    except ValueError:
        return "text"
