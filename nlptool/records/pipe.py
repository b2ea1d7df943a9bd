"""One command's run: records in, records out, and the account of what went wrong.

A ``Pipe`` is what the shared options make. A command reads from it, lets its iterator work, and writes to it; the pipe
keeps order, error records, exit codes, progress and the summary on stderr the same for all commands.
"""

from __future__ import annotations

import re
import shlex
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from nlptool.errors import EXIT_FAILED, EXIT_RECORDS_FAILED, RecordError, RunError, WrongUsage
from nlptool.records.blocks import read_blocks
from nlptool.records.json_bytes import field_text
from nlptool.records.parse import Parser
from nlptool.records.record import InputFormat, Record
from nlptool.records.render import render
from nlptool.storage.output import Output
from nlptool.terminal.progress import Progress

SHOWN_ERRORS = 10  # with a format that has no room for error records


@dataclass
class Pipe:
    """The shared options of one run, and its tally."""

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
    takes_text: bool = False  # a text may be typed, so that FILE may be a text by mistake
    progress: str = "auto"  # auto | always | never
    quiet: bool = False
    verbose: bool = False

    def __post_init__(self) -> None:
        self.n_read = 0
        self.n_failed = 0
        self.n_passed = 0  # records that arrived with an error
        self._n_told = self._n_failed_told = 0  # records of other files, of which has been told: see beside
        self.n_unnamed = 0  # records without the field of --id-field
        self.input_failed = False
        self._first_error = ""
        self._first_hint = ""
        self._counts: Counter[str] = Counter()
        self._replaced: set[str] = set()
        self._skip = 0
        self._last = b""
        self.bar = Progress(self.command, self.progress, quiet=self.quiet)

    @contextmanager
    def beside(self, *paths: str) -> Iterator[Pipe]:
        """A pipe that reads other files with the same options; what fails there counts here, and is told of there."""
        own = replace(self, files=paths, takes_text=False)
        own.bar = self.bar
        try:
            yield own
        finally:
            self.n_failed += own.n_failed
            self.n_read += own.n_read
            self._n_failed_told += own.n_failed
            self._n_told += own.n_read
            self.input_failed |= own.input_failed

    def done_before(self) -> tuple[int, bytes]:
        """How many records an interrupted run has written that this one resumes, and the last of them. Whoever asks leaves them
        out itself, and reads all the input."""
        n_records, self._skip = self._skip, 0
        return n_records, self._last

    def read(self) -> Iterator[list[Record]]:
        """Yield records in lists as they arrive; an empty list means that nothing new has come for a while."""
        self.bar.total = _size_of(self.files)
        blocks = read_blocks(
            self.files,
            report=self._input_error,
            hint=self.note,
            separator=self.separator,
            encoding=self.form.encoding,
            max_line=self.max_line,
            max_latency=self.max_latency,
            on_bytes=self.bar.advance,
            on_missing=self._text_hint,
        )
        for records in Parser(self.form).parse(blocks):
            self.n_read += len(records)
            if self._skip:
                skipped = min(self._skip, len(records))
                self._skip -= skipped
                del records[:skipped]
            yield records
        if self._skip:
            raise RunError(
                f"{self.output}.part has {self._skip:,} records more than the input: it comes from another one",
                hint="without --resume all is done anew",
            )

    def write(
        self,
        lists: Iterable[list[Record]],
        to_bytes: Callable[[Record], bytes] | None = None,
        *,
        tell: Mapping[str, str] | None = None,
        terminator: bytes | None = b"\n",
        start: Callable[[Output], bytes] | None = None,
        finish: Callable[[Output], None] | None = None,
    ) -> None:
        """Write every record of ``lists`` and flush after each list.

        Args:
            to_bytes: the format; JSONL unless given. It is asked about failed records too, and their errors then also
                go to stderr, since only JSONL has room for them.
            tell: key of the records' entries -> what to say on stderr of the sum of its values.
            terminator: what ends a record in the output, by which ``--resume`` counts them; None: it cannot.
            start: is asked what to write first.
            finish: is called when all is written.
        """
        shown = to_bytes is not None
        to_bytes = to_bytes or self._json_line
        started = time.perf_counter()
        if self.resume and self.on_error == "skip":
            raise WrongUsage("--resume counts the records that are written, so it does not go with --on-error skip")
        if self.resume and terminator is None:
            raise WrongUsage("--resume does not go with this format")
        opened = Output(self.output, resume=self.resume, terminator=terminator or b"", inputs=self.files or ("-",))
        with opened as output, self.bar:
            if start is not None:
                output.write(start(output))
            self._skip, self._last = output.records, output.last
            if self._skip:
                self.note(f"going on after {self._skip:,} records of {self.output}.part")
            for records in lists:
                written = []
                failure: RunError | None = None
                for record in records:
                    if record.error is not None:
                        self._record_error(record, record.error, shown=shown)
                        if self.on_error == "fail":
                            failure = RunError(self._where(record, record.error), hint=record.error.hint)
                            break
                        if self.on_error == "skip":
                            continue
                    self.n_passed += record.done
                    for key in (tell or ()) if record.error is None else ():
                        self._counts[key] += record.entry.get(key) or 0
                    written.append(to_bytes(record))
                if written:
                    output.write(*written)
                if failure is not None:
                    raise failure
                self.bar.records(self.n_read)
            if finish is not None:
                finish(output)
        self._summary(tell or {}, time.perf_counter() - started)

    def consume(self, lists: Iterable[list[Record]]) -> None:
        """Go through ``lists``, for a command that writes no records: those that failed are counted, and said at the end."""
        started = time.perf_counter()
        for records in lists:
            for record in records:
                self.n_passed += record.done
                if record.error is not None:
                    self._record_error(record, record.error, shown=True)
                    if self.on_error == "fail":
                        raise RunError(self._where(record, record.error), hint=record.error.hint)
            self.bar.records(self.n_read)
        self._summary({}, time.perf_counter() - started, lost="left out")

    def id_of(self, record: Record) -> str:
        """What ``--id-field`` says of a record, ``""`` if it has none.

        Without that option it is its line, with the file's name before it if there are several.
        """
        if self.id_field is not None:
            name = field_text(record.raw, self.id_field)
            self.n_unnamed += not name
            return name
        return f"{record.source}:{record.line}" if len(self.files) > 1 else str(record.line)

    def refuse_binary_on_terminal(self, binary: bool, option: str) -> None:
        """A usage error if ``option`` would write binary data to a terminal."""
        if binary and self.output in (None, "-") and sys.stdout is not None and sys.stdout.isatty():
            raise WrongUsage(f"{option} is binary and stdout is a terminal: use -o FILE or a pipe")

    def refuse_failed(self, message: str) -> None:
        """
        Raises:
            RunError: most of the records that were read have failed, as of a file that is something else.
        """
        if 2 * self.n_failed > self.n_read:
            raise RunError(message)

    @property
    def exit_code(self) -> int:
        if self.input_failed:
            return EXIT_FAILED
        return EXIT_RECORDS_FAILED if self.n_failed else 0

    def note(self, message: str) -> None:
        """Say something on stderr, unless ``--quiet``."""
        if not self.quiet:
            self._say(message)

    def _say(self, message: str) -> None:
        self.bar.say(f"nlptool {self.command}: {message}")

    def _json_line(self, record: Record) -> bytes:
        return render(record, self.command, drop_input=self.drop_input, id_field=self.id_field, replaced=self._replaced)

    def _text_hint(self, path: str) -> str:
        """Return how to give ``path`` as a text, if it looks like one and the command reads texts of a person."""
        is_text = re.search(r"[^\x00-\x7f]|\s|\[MASK\]", path) and not re.search(r"/|\.[A-Za-z]\w{0,7}$", path)
        if not (is_text and self.takes_text):
            return ""
        word = path if re.fullmatch(r"\w+", path) else shlex.quote(path)
        return f"to give text: echo {word} | nlptool {self.command}"

    def _input_error(self, message: str, hint: str) -> None:
        self.input_failed = True
        self._say(message + (f"\n  {hint}" if hint else ""))

    def _record_error(self, record: Record, error: RecordError, *, shown: bool) -> None:
        self.n_failed += 1
        if shown and self.n_failed <= SHOWN_ERRORS and self.on_error != "fail":
            self._say(self._where(record, error))
        if not self._first_error:
            self._first_error, self._first_hint = self._where(record, error), error.hint

    def _where(self, record: Record, error: RecordError) -> str:
        return f"{record.source}:{record.line}: {error.message}"

    def _summary(self, tell: Mapping[str, str], seconds: float, *, lost: str = "passed on") -> None:
        n_failed, n_read = self.n_failed - self._n_failed_told, self.n_read - self._n_told
        if n_failed:
            left_out = " and were left out" if self.on_error == "skip" else ""
            self._say(f"{n_failed:,} of {n_read:,} records failed{left_out}; the first: {self._first_error}")
            if self._first_hint:
                self._say(f"  {self._first_hint}")
        if self.n_passed:
            self.note(f"{self.n_passed:,} records arrived with an error of an earlier command and were {lost}")
        for key, sentence in tell.items():
            if self._counts[key]:
                self.note(f"{sentence}: {self._counts[key]:,}")
        for name in sorted(self._replaced):
            self.note(f"the field `{name}` was there before and has been replaced")
        if self.verbose:
            rate = n_read / seconds if seconds else 0
            self._say(f"{n_read:,} records in {seconds:.2f} s ({rate:,.0f}/s)")


def _size_of(files: tuple[str, ...]) -> int | None:
    """The bytes of all files together; None where one of them cannot say."""
    try:
        sizes = [Path(name).stat().st_size for name in files if Path(name).is_file()]
    except OSError:  # a folder that may not be searched
        return None
    return sum(sizes) if files and len(sizes) == len(files) else None
