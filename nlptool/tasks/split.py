"""Cut the text of each record into sentences or paragraphs, a record for each."""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import orjson

from nlptool.records.formats.record_rows import Layout
from nlptool.records.json_bytes import members, without
from nlptool.records.notes import notes
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.records.units import Units
from nlptool.tasks.wrapped_lines import WrappedLines
from nlptool.text.aozora import Body, Note, Plain, Ruby, markup_of_parts, plain
from nlptool.text.paragraphs import paragraphs
from nlptool.text.scripts import japanese
from nlptool.text.sentences import sentences

NOTES = notes("n_gaiji")

_CHUNK = 1000  # records of a list
_LONGEST_PARAGRAPH = 64_000_000  # characters
_OF_WHOLE_TEXT = frozenset(("embedding", "tokens"))  # later commands would take them for the part's


@dataclass(frozen=True, slots=True)
class SplitSettings:
    """What a text is cut into."""

    into: str = "sentence"  # sentence | paragraph
    aozora: bool = False  # take out the markup of Aozora Bunko
    keep_markup: bool = False  # in the fields ``ruby`` and ``notes``


def split(pipe: Pipe, settings: SplitSettings) -> Iterator[list[Record]]:
    """Yield a record for each sentence or paragraph of the input, but for those that an interrupted run has written.

    Failed records stay in their places. What gave no record is said at the end.
    """
    splitter = Splitter(settings, field=pipe.form.field)
    lists: Iterable[list[Record]] = pipe.read()
    if settings.into == "paragraph" and not settings.aozora and pipe.form.unit == "line":
        lists = joined_lines(lists)
    yield from pipe.work_done.rest(splitter(lists))
    for message in splitter.messages():
        pipe.note(message)


def joined_lines(lists: Iterable[list[Record]]) -> Iterator[list[Record]]:
    """Join the lines of text files to paragraphs; other records stay as they are."""
    joiner, source, number = Units("paragraph", _LONGEST_PARAGRAPH), "", 0

    def as_records(found: Iterable[tuple[int, str]]) -> list[Record]:
        paragraphs = [Record(text, source, line) for line, text in found]
        for paragraph in paragraphs:
            paragraph.number = number
        return paragraphs

    for records in lists:
        joined: list[Record] = []
        for record in records:
            is_line = record.raw is None and record.pending
            if not is_line or record.source != source:
                joined += as_records(joiner.end())
                source = record.source
            number = record.number
            joined += as_records(joiner.add(record.text, record.line)) if is_line else [record]
        yield joined
    yield as_records(joiner.end())


def layout(settings: SplitSettings) -> Layout:
    """Return the columns of the results."""
    markup = {"ruby": dict, "notes": dict} if settings.keep_markup else {}
    return Layout({"text": str, "start": int, "end": int, **markup}, entry={"index": int, "n": int})


class Splitter:
    """Makes a record of each part of each record's text.

    Args:
        field: the field that the text is in, "text" unless given.
    """

    def __init__(self, settings: SplitSettings, *, field: str | None = None) -> None:
        self._settings = settings
        self._field = field
        self._units: Callable[[str], Iterable[tuple[int, int]]] = (
            sentences if settings.into == "sentence" else paragraph_spans
        )
        self._n_empty = 0  # records that gave none
        self._left_out: set[str] = set()  # fields that were about the whole text
        self._frame = _Frame()
        self._wrapped = WrappedLines()

    def __call__(self, lists: Iterable[list[Record]]) -> Iterator[list[Record]]:
        for records in lists:
            parts: list[Record] = []
            for record in records:
                if record.pending:
                    for part in self._parts(record):
                        parts.append(part)
                        if len(parts) >= _CHUNK:
                            yield parts
                            parts = []
                else:
                    parts.append(record)
            yield parts

    def messages(self) -> Iterator[str]:
        """Yield what is to be said at the end: of the records that gave none, and of what was left out."""
        if self._n_empty:
            yield f"records without a {self._settings.into}: {self._n_empty:,}"
        if self._frame.n_lines:
            yield f"lines of heads (explanation of symbols), rules and colophons (底本：…) left out: {self._frame.n_lines:,}"
        for name in sorted(self._left_out):
            yield f"the field `{name}` was about the whole text and has been left out"
        if self._wrapped.are_many:
            yield "many lines end within a sentence; --unit paragraph joins the lines of a paragraph"

    def _parts(self, record: Record) -> Iterator[Record]:
        if self._settings.aozora:
            texts = [(plain(record.text[start:end]), start) for start, end in self._frame.body(record)]
        else:
            texts = [(Plain(record.text), 0)]
            if record.raw is None:
                self._wrapped.add(record)
        found = [list(self._units(text.text)) for text, _ in texts]
        n_parts = sum(map(len, found))
        if not n_parts:
            self._n_empty += bool(texts)
            return
        base = self._base(record)
        index = counted = 0
        line = record.line
        for (text, offset), spans in zip(texts, found, strict=True):
            markup = markup_of_parts(text, spans) if self._settings.keep_markup else None
            for start, end in spans:
                original_start, original_end = text.span(start, end)
                if record.raw is None:  # of a text file, which may be several lines
                    line += record.text.count("\n", counted, offset + original_start)
                    counted = offset + original_start
                part = Record(text.text[start:end], record.source, line, base)
                part.origin, part.number = record.origin, record.number
                part.results = {
                    "text": orjson.dumps(part.text),
                    "start": b"%d" % (offset + original_start),
                    "end": b"%d" % (offset + original_end),
                    **(_markup(part.text, *next(markup)) if markup else {}),
                }
                part.entry = {"unit": self._settings.into, "index": index, "n": n_parts}
                if n_gaiji := bisect_left(text.unnamed, end) - bisect_left(text.unnamed, start):
                    part.entry |= {"n_gaiji": n_gaiji}
                index += 1
                yield part

    def _base(self, record: Record) -> bytes:
        """Return the record's object without its text, and without what would be taken for the part's."""
        if record.raw is None:
            return b"{}"
        name = self._field or "text"
        base, found = without(record.raw, {name, *_OF_WHOLE_TEXT})
        self._left_out |= found & _OF_WHOLE_TEXT - {name}
        if name not in found and not name.startswith("/"):  # the text of a table is in its first column
            for column, _, start, end in members(base):
                if base[start : start + 1] == b'"' and json.loads(base[start:end]) == record.text:
                    return without(base, {column})[0]
        return base


class _Frame:
    """Finds the works of Aozora Bunko between their heads and colophons.

    Attributes:
        n_lines: lines of heads, rules and colophons.
    """

    def __init__(self) -> None:
        self.n_lines = 0
        self._source = ""
        self._body = Body()

    def body(self, record: Record) -> list[tuple[int, int]]:
        """Return the lines of a record's text that belong to a work: (start, end). A file is given from its first line on.

        In these files a line is a paragraph, so a sentence ends with it.
        """
        if record.raw is not None or record.line == 1 or record.source != self._source:
            self._body, self._source = Body(), record.source
        spans: list[tuple[int, int]] = []
        start = 0
        for line in record.text.splitlines(keepends=True) or [""]:
            end = start + len(line)
            if self._body.holds(line):
                spans.append((start, end))
            else:
                self.n_lines += 1
            start = end
        return spans


def paragraph_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield the paragraphs of a text as (start, end), without the line end behind each."""
    lines = text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    for number, found in paragraphs(lines):
        length = len("\n".join(found).rstrip("\r\n"))
        yield starts[number], starts[number] + length


def _markup(text: str, ruby: list[Ruby], text_notes: list[Note]) -> dict[str, bytes]:
    return {
        "ruby": orjson.dumps(
            [
                {"text": text[item.start : item.end], "reading": item.reading, "start": item.start, "end": item.end}
                for item in ruby
            ]
        ),
        "notes": orjson.dumps([{"note": item.note, "position": item.position} for item in text_notes]),
    }


_LINE_BREAK = re.compile(r"\s*[\r\n\x0b\x0c\x1c-\x1e\x85\u2028\u2029]\s*")


def as_text(record: Record) -> bytes:
    """Return the text in one line, an empty one for a record that failed.

    A line break between two Japanese characters is left out, any other becomes a blank.
    """
    text = record.text if record.pending else ""

    def joint(found: re.Match[str]) -> str:
        before, after = text[found.start() - 1 : found.start()], text[found.end() : found.end() + 1]
        return "" if _is_wide(before) and _is_wide(after) else " "

    return _LINE_BREAK.sub(joint, text).encode() + b"\n"


def _is_wide(character: str) -> bool:
    return bool(japanese().match(character)) or "\u3000" <= character <= "\u303f" or "\uff01" <= character <= "\uff60"
