"""One command's run: records in, records out.

``Pipe`` is what the shared options make. A command reads from it, lets its iterator work, and writes to it; the pipe keeps
order, error records, exit codes, progress and the summary on stderr the same for all commands.
"""

from __future__ import annotations

import re
import shlex
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

from nlptool.errors import RecordError, RunError, WrongUsage
from nlptool.records.blocks import read_blocks
from nlptool.records.formats import FORMATS, Lines, RowWriter
from nlptool.records.inputs import files_of
from nlptool.records.json_bytes import field_json, field_text
from nlptool.records.notes import Note
from nlptool.records.parse import Parser
from nlptool.records.part import MergeRun, Part, PartRun
from nlptool.records.record import InputFormat, Record
from nlptool.records.render import render
from nlptool.records.tally import Tally, located
from nlptool.records.work_done import WorkDone
from nlptool.storage.output import Output
from nlptool.terminal.progress import Progress

_MOST_AHEAD = 256  # records that are looked at before the first is answered


@dataclass
class Pipe:
    """The shared options of one run, with its progress bar and its tally."""

    command: str
    files: tuple[str, ...] = ()
    form: InputFormat = field(default_factory=InputFormat)
    separator: bytes = b"\n"
    max_line: int = 64_000_000  # bytes
    max_latency: float = 0.1  # seconds
    output: str | None = None
    resume: bool = False
    on_error: str = "record"  # record | skip | fail
    drop_input: bool = False
    id_field: str | None = None
    id_is_optional: bool = False  # another input may have that field
    globs: tuple[str, ...] = ()  # which files of a folder are read
    source: bool = False  # say where each record comes from, even if there is one FILE
    takes_text: bool = False  # a text may be typed, so that FILE may be a text by mistake
    progress: str = "auto"  # auto | always | never
    quiet: bool = False
    verbose: bool = False
    part_run: PartRun | None = None  # of a part of an input that several processes read; FILE is none then
    merge_run: MergeRun | None = None  # of what was counted in the parts of an input, which is not read then

    def __post_init__(self) -> None:
        self.bar = Progress(self.command, self.progress, quiet=self.quiet)
        self.tally = Tally(self._say, self.note)
        self.given = self.files
        if self.part_run is None and self.merge_run is None:
            self.files = files_of(self.files, globs=self.globs, parquet=self.form.kind == "parquet", note=self.note)
        self._parsed: Iterator[list[Record]] | None = None
        self._ahead: list[list[Record]] = []  # what was read before ``read``
        self.n_read = 0  # records of the input; the tally counts those of other files too
        self._opened: Output | None = None
        self.work_done = WorkDone(self.tally, several=self.with_place, kept=self.output not in (None, "-"))

    def read(self) -> Iterator[list[Record]]:
        """Yield records in lists as they arrive; an empty list means that nothing new has come for a while.

        The records that an interrupted run has done are left out, unless ``work_done.before`` was called.

        Raises:
            WrongUsage: the input is not that of the interrupted run.
        """
        if self.resume:
            self._open_output()
        lacks_id = self.id_field is not None and not self.id_is_optional
        ahead, self._ahead = self._ahead, []
        lists, self._parsed = self._parsed or self._parse(), None
        for records in chain(ahead, lists):
            first = self.n_read + (self.part_run.part.first_record if self.part_run else 0)
            for number, record in enumerate(records, first):
                record.number = number
            self.n_read += len(records)
            self.tally.n_read += len(records)
            if self.work_done.kept:
                self.work_done.input.add(records)
            lacks_id = lacks_id and not any(field_json(record.raw, self.id_field) for record in records)
            self.work_done.skip(records)
            yield records
        if lacks_id and self.tally.n_read:
            self.note(f"no record has an id in the field `{self.id_field}` (--id-field)")
        if self.work_done.kept:
            self.work_done.input.end()

    def peek(self) -> Iterator[Record]:
        """Yield the first records of the input, to its first pause at most; ``read`` will yield them too.

        Of a part of an input it is the whole input whose first records are yielded.
        """
        if self.part_run is not None and self.part_run.part.file:
            n_records = 0
            for record in self._whole(self.part_run.part).peek():
                n_records += 1
                self.part_run.looked_at(record.source)
                yield record
            if n_records < _MOST_AHEAD:
                self.part_run.looked_at(None)
            return
        self._parsed = self._parsed or self._parse()
        for records in self._parsed:
            self._ahead.append(records)
            yield from records
            if not records or sum(map(len, self._ahead)) >= _MOST_AHEAD:
                return

    def beginning(self) -> Iterator[list[Record]] | None:
        """Return the records of the whole input of which a part is read, in lists; None: all of it is."""
        return self._beginning(self.part_run) if self.part_run is not None and self.part_run.part.file else None

    def _beginning(self, run: PartRun) -> Iterator[list[Record]]:
        for records in self._whole(run.part).read():
            for file in {record.source for record in records}:
                run.looked_at(file)
            yield records
        run.looked_at(None)

    def _whole(self, part: Part) -> Pipe:
        """Return a pipe that reads, with the same options, all of an input of which this one reads a part."""
        of_all = PartRun(Part("", part.files))
        return replace(self, files=part.files, part_run=of_all, output=None, resume=False, quiet=True, progress="never")

    def _parse(self) -> Iterator[list[Record]]:
        """Yield all records of the input."""
        part = self.part_run.part if self.part_run else None
        if part is None:
            self.bar.total = _total_size(self.files)
        form = replace(self.form, kind=part.kind) if part and part.kind else self.form
        blocks = read_blocks(
            self.files,
            report=self.tally.fail_input,
            hint=self.note,
            separator=self.separator,
            encoding=self.form.encoding,
            kind=form.kind,
            max_line=self.max_line,
            max_latency=self.max_latency,
            on_bytes=self.bar.advance,
            on_missing=self._text_hint,
            part=part,
        )
        parser = Parser(
            form,
            id_field=None if self.id_is_optional else self.id_field,
            longest=self.max_line,
            report=self.tally.fail_input,
            note=self.note,
        )
        yield from parser.parse(blocks)

    def beside(self, *paths: str) -> AbstractContextManager[Pipe]:
        """Give a pipe that reads other files with the same options."""
        return self._another(files=paths, part_run=None)

    def without_failed(self) -> AbstractContextManager[Pipe]:
        """Give a pipe that reads the same input, for an output that has no place for records that fail: they are left out."""
        return self._another(on_error="fail" if self.on_error == "fail" else "skip")

    @contextmanager
    def _another(self, **changes: Any) -> Iterator[Pipe]:
        """Give a pipe with the same options but for ``changes``. What fails there is said there, and counts here too."""
        other = replace(self, takes_text=False, output=None, resume=False, **changes)
        other.bar = self.bar
        try:
            yield other
        finally:
            self.tally.include(other.tally)

    def write(
        self,
        lists: Iterable[list[Record]],
        to_bytes: Callable[[Record], bytes] | None = None,
        *,
        notes: Mapping[str, Note] | None = None,
        resumes: bool = True,
    ) -> None:
        """Write every record of ``lists`` as ``to_bytes`` gives it, failed ones too; None: as JSONL. See ``write_rows``.

        Args:
            resumes: a run can go on with an unfinished output; not if ``lists`` come when all of the input has been read.
        """
        writer = Lines(self._to_json, holds_errors=True) if to_bytes is None else Lines(to_bytes)
        writer.resumes = resumes
        self.write_rows(lists, writer, notes=notes)

    def write_rows(
        self,
        lists: Iterable[list[Record]],
        writer: RowWriter | None,
        *,
        notes: Mapping[str, Note] | None = None,
        mark: Callable[[Record], Any] = lambda record: None,
    ) -> None:
        """Write every record of ``lists``, flush after each list, and say the summary at the end.

        Args:
            writer: of a format; None is JSONL.
            notes: field of the records' entries -> what is said of its values on stderr.
            mark: returns, as JSON, what a run has to know that goes on behind a record; it is ``work_done.last_mark`` then.

        Raises:
            WrongUsage: ``--resume`` does not go with the format, or the unfinished output is of another run.
            RunError: the output cannot be written, or a record failed and ``--on-error fail`` was chosen.
        """
        notes = notes or {}
        writer = Lines(self._to_json, holds_errors=True) if writer is None else writer
        started = time.perf_counter()
        with self._open_output(resumes=writer.resumes) as output, self.bar:
            head = writer.start(output)
            if output.done:
                writer.restore(output.done["format"])
            elif head:
                output.write(head)
            for records in lists:
                failure = self._write_list(records, writer, output, notes, mark)
                if failure is not None:
                    raise failure
                self.bar.records(self.tally.n_read)
            writer.finish(output)
        self._summary(notes, time.perf_counter() - started, passed="passed on")
        for message in writer.notes():
            self.note(message)
        if writer.n_empty:
            self.note(f"{writer.empty}, whose records have no text or failed: {writer.n_empty:,}")
        if self.tally.n_unnamed:
            self.note(f"rows without a name, whose records lack the --id-field: {self.tally.n_unnamed:,}")

    def _write_list(
        self,
        records: list[Record],
        writer: RowWriter,
        output: Output,
        notes: Mapping[str, Note],
        mark: Callable[[Record], Any],
    ) -> RunError | None:
        """Write the records of a list and mark them as done; return the error at which ``--on-error fail`` stops."""
        parts: list[bytes] = []
        done = records
        failure: RunError | None = None
        for index, record in enumerate(records):
            if record.error is None:
                self.tally.add(record, notes)
            elif self.on_error == "fail":
                failure, done = _as_failure(record, record.error), records[:index]
                break
            else:
                self.tally.fail(record, record.error, shown=not writer.holds_errors)
                if self.on_error == "skip":
                    continue
            parts.append(writer.row(record))
        if parts:
            output.write(*parts, writer.flush())
        self.work_done.add(done)
        if done and output.is_marked and (state := writer.state()) is not None:
            output.mark(self.work_done.state(state, mark(done[-1])))
        elif not records:  # nothing new has come for a while
            output.keep()
        return failure

    @property
    def with_place(self) -> bool:
        """Whether each record says its file and its line."""
        return self.source or (self.part_run.part.several if self.part_run else len(self.files) > 1)

    def consume(self, lists: Iterable[list[Record]], *, notes: Mapping[str, Note] | None = None) -> None:
        """Run through ``lists``, for a command that writes no records, and say the summary.

        Args:
            notes: field of the records' entries -> what is said of its values on stderr.

        Raises:
            RunError: a record failed and ``--on-error fail`` was chosen.
        """
        started = time.perf_counter()
        with self.bar:
            for records in lists:
                for record in records:
                    if record.error is None:
                        self.tally.add(record, notes or {})
                    else:
                        self.tally.fail(record, record.error, shown=self.on_error != "fail")
                        if self.on_error == "fail":
                            raise _as_failure(record, record.error)
                self.bar.records(self.tally.n_read)
        self._summary(notes or {}, time.perf_counter() - started, passed="left out")

    def summary_of_parts(self) -> None:
        """Say the summary of the runs over the parts of the input, and count what failed in them."""
        if self.merge_run is not None:
            account = self.merge_run.account
            self.tally.include_parts(account, input_failed=self.merge_run.input_failed)
            account.tell(self._say, self.note, skipped=self.on_error == "skip", passed="left out")

    def id_of(self, record: Record) -> str:
        """Return the value of a record's ``--id-field``, "" if it has none.

        Without that option it is the record's line, with the file's name before it if there are several or the record names it.
        """
        if self.id_field is not None:
            name = field_text(record.raw, self.id_field)
            self.tally.n_unnamed += not name
            return name
        file, line = record.place
        return f"{file or record.source}:{line}" if len(self.files) > 1 or (record.origin and file) else str(line)

    def refuse_binary_on_terminal(self, format: str) -> None:
        """Refuse to write a binary format to a terminal.

        Raises:
            WrongUsage: stdout is one.
        """
        is_stdout = self.output in (None, "-") and sys.stdout is not None
        if FORMATS[format].binary and is_stdout and sys.stdout.isatty():
            raise WrongUsage(f"-f {format} is binary and stdout is a terminal: use -o FILE or a pipe")

    def refuse_failed(self, message: str) -> None:
        """Refuse an input most of whose records have failed: it is something else.

        Raises:
            RunError: with this ``message``.
        """
        if 2 * self.tally.n_failed > self.tally.n_read:
            raise RunError(message)

    def hide_bar(self) -> None:
        """Show no progress from here on."""
        self.bar = Progress(self.command, "never")

    def note(self, message: str) -> None:
        """Say something on stderr, unless ``--quiet``."""
        if not self.quiet:
            self._say(message)

    def _say(self, message: str) -> None:
        self.bar.say(f"nlptool {self.command}: {message}")

    def _open_output(self, *, resumes: bool = True) -> Output:
        """Return the output, opened at the first call.

        Args:
            resumes: an unfinished one can be gone on with.
        """
        if self.resume and not resumes:
            raise WrongUsage("--resume does not go with this format")
        if self._opened is None:
            resumes = resumes and self.part_run is None
            self._opened = Output(
                self.output,
                made_by={"command": self.command, **self.work_done.made_by} if resumes else None,
                resume=self.resume,
                inputs=self.files or ("-",),
                before_write=self.bar.clear,
                note=self.note,
            )
            if self.part_run is None:
                self.work_done.keep_in(self._opened)
            if self.work_done.n_done:
                self.note(f"going on after {self.work_done.n_done:,} records of {self.output}.part")
        return self._opened

    def _to_json(self, record: Record) -> bytes:
        return render(
            record,
            self.command,
            drop_input=self.drop_input,
            id_field=self.id_field,
            with_source=self.with_place,
            replaced=self.tally.replaced,
        )

    def _text_hint(self, path: str) -> str:
        """Return how to give ``path`` as a text, if it looks like one and the command reads texts of a person."""
        is_text = re.search(r"[^\x00-\x7f]|\s|\[MASK\]", path) and not re.search(r"/|\.[A-Za-z]\w{0,7}$", path)
        if not (is_text and self.takes_text):
            return ""
        word = path if re.fullmatch(r"\w+", path) else shlex.quote(path)
        return f"to give text: echo {word} | nlptool {self.command}"

    def _summary(self, notes: Mapping[str, Note], seconds: float, *, passed: str) -> None:
        if self.part_run is not None:
            self.part_run.account = self.tally.account(notes)
            self.part_run.models = dict(self.work_done.made_by.get("models", {}))
            return
        self.tally.summary(
            notes, skipped=self.on_error == "skip", passed=passed, seconds=seconds if self.verbose else None
        )


def _as_failure(record: Record, error: RecordError) -> RunError:
    return RunError(located(record, error), hint=error.hint)


def _total_size(files: tuple[str, ...]) -> int | None:
    """Return the bytes of all files together, or None where one of them cannot say."""
    try:
        sizes = [Path(name).stat().st_size for name in files if Path(name).is_file()]
    except OSError:  # a folder that may not be searched
        return None
    return sum(sizes) if files and len(sizes) == len(files) else None
