"""Lines to records.

A line of text becomes ``{"text": line}``. A JSONL record keeps all its bytes as they came: it is parsed to find the text in
it, but what is written is the record's own line with the results spliced in before its last brace (``json_bytes``), so that
big integers, ``1.10``, duplicate keys and escapes survive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeGuard

from nlptool.errors import RecordError, RunError, WrongUsage
from nlptool.records.blocks import Block
from nlptool.records.json_bytes import RESERVED, find, listed, loads, path_of, type_of
from nlptool.records.line_decoder import LineDecoder
from nlptool.records.record import InputFormat, Record, lone_surrogate
from nlptool.text.scripts import LONE_SURROGATE

if TYPE_CHECKING:
    from nlptool.records.csv_rows import CsvRows
    from nlptool.records.json_values import JsonValues
    from nlptool.records.line_blocks import LineBlocks
    from nlptool.records.rows import Rows
    from nlptool.records.units import Units

_BOM = "\ufeff"
_BLANKS = " \t\r\n"
_MOST_BLANK = 100_000  # blank lines at the beginning of an input, after which it is text


class Parser:
    """Parses blocks of lines.

    The format is decided once for each source, by its first line that is not blank.

    Args:
        id_field: a field that the records are to have.
        longest: characters of a record that goes over several lines.
        report: called with a message and a hint for an input that cannot be read; the others are read all the same.
        note: called with what a person should know of an input.
    """

    def __init__(
        self,
        form: InputFormat,
        *,
        id_field: str | None = None,
        longest: int = 64_000_000,
        report: Callable[[str, str], None] = lambda message, hint: None,
        note: Callable[[str], None] = lambda message: None,
    ) -> None:
        self.form = form
        self._decoder = LineDecoder(form.encoding)
        self._path = path_of(form.field or "text")
        self._id_field = id_field
        self._longest = longest
        self._report = report
        self._note = note
        self._goes_on = False  # the last line was a piece of one
        self._begin("")

    @property
    def kind(self) -> str:
        """The format of the source that is read now; "" while it is not decided."""
        return self._kind

    def parse(self, blocks: Iterator[Block]) -> Iterator[list[Record]]:
        """Yield a list of records for each block; an empty one means that nothing new has come for a while."""
        for block in blocks:
            self._decoder.use(block.encoding or self.form.encoding)
            starts = self._source != block.source or (block.first_line == 1 and not self._goes_on)
            if starts and block.lines:
                if ended := self._end():
                    yield ended
                self._begin(block.source, block.kind)
            records: list[Record] = []
            for number, line in enumerate(block.lines, block.first_line):
                self._goes_on = block.goes_on
                self._add(line, number, records)
            if records or not block.lines:
                yield records
        if ended := self._end():
            yield ended

    def _begin(self, source: str, kind: str = "") -> None:
        """Begin with a source, of a kind that is known or one that the options say."""
        self._source = source
        self._kind = kind or ("" if self.form.kind == "auto" else self.form.kind)  # "": not decided yet
        self._blank: list[tuple[str, int]] = []  # the lines before it is decided
        self._rows: Rows | None = None
        self._unusable = False  # nothing more is read of it
        self._joiner: CsvRows | JsonValues | LineBlocks | Units | None = None
        self._values: JsonValues | None = None  # the joiner, if it is this one
        self._blocks: LineBlocks | None = None  # likewise; a line that cannot be read spoils its block
        if self._kind:
            self._decided()

    def _decided(self) -> None:
        """Make what joins the lines of this kind of input, if records go over several.

        Raises:
            WrongUsage: --field or --unit are of another kind of input.
        """
        kind, unit = self._kind, self.form.unit
        if kind == "text" and (option := "--field" if self.form.field else "--id-field" if self._id_field else ""):
            raise WrongUsage(
                f"{option} names a field, and {self._source or 'the input'} is text, which has none; "
                "-I csv and -I tsv read tables"
            )
        if kind != "text" and unit not in ("line", "block"):
            raise WrongUsage(f"--unit {unit} is of text, and {self._source or 'the input'} is {kind.upper()}")
        if kind in ("csv", "tsv"):
            from nlptool.records.rows import Rows

            self._rows = Rows(self.form, kind, self._source, self._note)
        if kind == "csv":
            from nlptool.records.csv_rows import CsvRows

            self._joiner = CsvRows(self._longest)
        elif kind == "json":
            from nlptool.records.json_values import JsonValues

            self._joiner = self._values = JsonValues(self._longest)
        elif kind == "text" and unit == "block":
            from nlptool.records.line_blocks import LineBlocks

            self._joiner = self._blocks = LineBlocks(self._longest)
        elif kind == "text" and unit != "line":
            from nlptool.records.units import Units

            self._joiner = Units(unit, self._longest)

    def _end(self) -> list[Record]:
        """Return the records that end with their source."""
        records: list[Record] = []
        if not self._kind and self._blank:
            self._decide("", records, whole=True)
        if self._joiner is not None:
            self._add_joined(self._joiner.end(), records)
        return records

    def _decide(self, first: str, records: list[Record], *, whole: bool) -> None:
        """Decide the format by the first line that is not blank, and add the blank ones before it."""
        self._kind = "text"
        if first.lstrip(_BLANKS).startswith(("{", "[")):
            from nlptool.records.json_values import kind_of

            self._kind = kind_of(first, whole=whole)
        if self._kind == "text" and self.form.table is not None:
            self._kind = self.form.table.kind_of(first)
        self._decided()
        if self._kind == "text" and self._source.lower().endswith((".csv", ".tsv")[: 1 if self.form.paired else 2]):
            how = f"a line a record; -I {self._source[-3:].lower()} reads its columns"
            if self.form.unit == "block":
                how = "a word a line and an empty line behind each sentence, not as a table"
            self._note(f"{self._source} is read as text, {how}")
        elif self._kind == "text" and self.form.paired:
            known = [cell for cell in first.split("\t") if cell in self.form.instead and not cell.isdecimal()]
            if len(known) > 1:
                self._note(f"{self._source}: the first line is taken for a pair; -I tsv --header reads it as a header")
        blank, self._blank = self._blank, []
        for text, number in blank:
            self._add_line(text, number, records)

    def _add(self, line: bytes | RecordError, number: int, records: list[Record]) -> None:
        """Add the records that end with a line."""
        if self._unusable:
            return
        text, failure = self._decoder.decode(line)
        if number == 1:
            text = text.removeprefix(_BOM)
        if not self._kind:
            if failure is None and self._is_undecided(text):
                self._blank.append((text, number))
                return
            self._decide(text, records, whole=isinstance(line, bytes))
        if failure is None:
            if self._kind == "jsonl" and self._is_passed_over(line):
                records.append(Record("", self._source, number, line))
            else:
                self._add_line(text, number, records)
            return
        if self._blocks is not None:
            self._blocks.fail(failure, number)
            return
        if self._joiner is not None:
            self._add_joined(self._joiner.end(), records)
        if self._rows is not None and self._rows.awaits_header:
            self._give_up(f"the header cannot be read: {failure.message}", failure.hint)
            return
        records.append(Record(text, self._source, number).fail(failure))

    def _is_passed_over(self, line: bytes | RecordError) -> TypeGuard[bytes]:
        """Return whether nothing is wanted of a line that could be decoded."""
        passes_over = self.form.passes_over
        return passes_over is not None and self._decoder.is_utf8 and isinstance(line, bytes) and passes_over(line)

    def _is_undecided(self, text: str) -> bool:
        """Return whether a line at the beginning of an input says nothing of its format."""
        is_blank = not text.strip(_BLANKS) or (
            self.form.table is not None and text.lstrip().startswith(self.form.table.marks)
        )
        return is_blank and len(self._blank) < _MOST_BLANK

    def _add_line(self, text: str, number: int, records: list[Record]) -> None:
        if self._values is not None:
            self._add_joined(self._values.add(text, number, goes_on=self._goes_on), records)
        elif self._joiner is not None:
            self._add_joined(self._joiner.add(text, number), records)
        elif self._kind == "text":
            records.append(Record(text, self._source, number))
        elif self._rows is not None:
            self._add_row(self._rows, text.split("\t"), number, records)
        elif text.strip(_BLANKS):
            records.append(self._json(text, number))

    def _add_joined(self, items: Iterator[tuple[int, Any]], records: list[Record]) -> None:
        """Add the records whose lines have been joined."""
        for number, item in items:
            if isinstance(item, RecordError):
                records.append(Record("", self._source, number).fail(item))
            elif self._kind == "text":
                records.append(Record(item, self._source, number))
            elif self._kind == "json":
                records.append(self._json(item, number))
            elif self._rows is not None and item != [""]:  # an empty line of CSV is no row
                self._add_row(self._rows, item, number, records)

    def _give_up(self, message: str, hint: str = "") -> None:
        """Report that a source cannot be read, and pass over the rest of it."""
        self._unusable = True
        self._report(f"{self._source}: {message}", hint)

    def _json(self, line: str, number: int) -> Record:
        record = Record(line, self._source, number)
        try:
            value = loads(line)
        except ValueError as error:
            return record.fail(
                RecordError(
                    "InvalidJSON", f"not JSON: {error}", hint="-I text takes every line as text, whatever it looks like"
                )
            )
        if not isinstance(value, dict):
            return record.fail(RecordError("NotAnObject", f"a JSONL record is an object, this is {type_of(value)}"))
        record.raw = line.strip(" \t\r\n").replace("\n", " ").replace("\r", " ").encode()
        record.text = ""
        entries = value.get(RESERVED)
        if isinstance(entries, dict):
            record.origin = _origin(entries.get("source"))
            if "error" in entries:
                record.done = True
                return record
        try:
            text = find(value, self._path)
        except KeyError:
            if self._needs_no_text(value):
                return record
            return record.fail(
                RecordError(
                    "MissingField",
                    f"the record has no field `{self.form.field or 'text'}`; its fields: {listed(value)}",
                    hint="--field names the one that holds the text",
                )
            )
        if not isinstance(text, str):
            if self._needs_no_text(value):
                return record
            return record.fail(
                RecordError(
                    "NotText",
                    f"the field `{self.form.field or 'text'}` holds {type_of(text)}, not a string",
                    hint="--field names the one that holds the text",
                )
            )
        if lone := LONE_SURROGATE.search(text):
            return record.fail(lone_surrogate(lone))
        record.text = text
        return record

    def _needs_no_text(self, value: dict[str, Any]) -> bool:
        """Return whether a record is of use without a text."""
        form = self.form
        if form.field:
            return False
        return not form.needs_text or form.table is not None or any(name in value for name in form.instead)

    def _add_row(self, rows: Rows, cells: list[str], number: int, records: list[Record]) -> None:
        """Add the record of a row of a table, if it gives one."""
        try:
            record = rows.record(cells, number)
        except RunError as error:
            self._give_up(error.message, error.hint)
        else:
            records.extend(() if record is None else (record,))


def _origin(source: Any) -> tuple[str | None, int] | None:
    """Return the file, if it is one, and the line that an earlier command has written into a record."""
    if not isinstance(source, dict):
        return None
    file, line = source.get("file"), source.get("line")
    return (file if isinstance(file, str) else None, line) if type(line) is int else None
