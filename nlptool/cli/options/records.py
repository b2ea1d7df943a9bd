"""Options of reading and writing records: FILE, the input, the output, progress and notes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from nlptool.cli import debugging
from nlptool.cli.help import shared_option
from nlptool.cli.options.types import Command, Decorator, IntRange, all_of, parse_encoding
from nlptool.errors import WrongUsage
from nlptool.records import formats
from nlptool.records.formats import results
from nlptool.records.part import MergeRun, PartRun
from nlptool.records.pipe import Pipe
from nlptool.records.record import InputFormat
from nlptool.storage.output import check_resume

_FILES = click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(readable=False))

_INPUT = (
    shared_option(
        "Input", "-I", "--input-format", type=click.Choice(["auto", "text", "jsonl", "json", "csv", "tsv", "parquet"]),
        default="auto", show_default=True, help="Format of the input; auto: JSON if it begins so (a record a line, an array of "
        "records, or pretty-printed), Parquet, else text.",
    ),
    shared_option("Input", "--unit", type=click.Choice(["line", "paragraph", "sentence", "document"]), default="line",
                  show_default=True, help="What a record of a text file is; a paragraph ends at an empty line."),
    shared_option("Input", "--field", metavar="NAME",
                  help="Field, JSON Pointer (/meta/title) or column (name or number) that holds the text."),
    shared_option("Input", "--id-field", metavar="NAME",
                  help="Field with the id of a record; it is kept with --drop-input."),
    shared_option("Input", "--header/--no-header", default=None, show_default="--header for CSV, --no-header for TSV",
                  help="The first line of a table holds the names of the columns."),
    shared_option("Input", "--glob", multiple=True, metavar="PATTERN",
                  help="Which files of a folder are read (*.md); !PATTERN leaves files out; repeatable."),
    shared_option("Input", "-0", "--null", is_flag=True, help="Records end with a NUL byte instead of a line end."),
    shared_option("Input", "--encoding", default="utf-8", show_default=True, metavar="NAME", callback=parse_encoding,
                  help="Character encoding of the input; auto: found out for each file."),
    shared_option("Input", "--max-line", default=64_000_000, show_default=True, metavar="BYTES", type=click.IntRange(min=1),
                  help="Longest line in bytes; a longer one becomes an error record."),
    shared_option("Input", "--max-latency", default=100, show_default=True, metavar="MS", type=IntRange(0, 3_600_000),
                  help="Milliseconds without new input after which an unfilled batch is processed."),
)  # fmt: skip

_OUTPUT = (
    shared_option("Output", "-o", "--output", metavar="FILE", type=click.Path(readable=False),
                  help="Output file, replaced as a whole at the end (until then FILE.part); its ending (.csv, .tsv, .parquet, "
                  ".npy ...) chooses the format unless -f does."),
    shared_option("Output", "--source", is_flag=True,
                  help="Write the file and the line of each record into it, as with several FILEs."),
    shared_option("Output", "--resume", is_flag=True,
                  help="Continue from FILE.part of an interrupted run with the same options and input."),
    shared_option("Output", "--drop-input", is_flag=True, help="Write only the results, without the input's fields."),
    shared_option(
        "Output", "--on-error", type=click.Choice(["record", "skip", "fail"]), default="record", show_default=True,
        help="A record that fails: write it with its error, leave it out, or stop.",
    ),
)  # fmt: skip

_NO_OUTPUT = (
    shared_option(
        "Input", "--on-error", type=click.Choice(["skip", "fail"]), default="skip", show_default=True,
        help="A record that fails: leave it out and count it, or stop.",
    ),
)  # fmt: skip

progress = shared_option(
    "Common", "--progress", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True,
    help="Progress bar on stderr; auto: if stderr is a terminal.",
)  # fmt: skip
quiet = shared_option("Common", "-q", "--quiet", is_flag=True, help="Print only errors on stderr, no notes.")
debug = shared_option(
    "Common", "--debug", is_flag=True, expose_value=False, is_eager=True, callback=debugging.switch,
    help="Print the traceback of an error and the warnings of libraries.",
)  # fmt: skip

_TALK = (
    progress,
    quiet,
    shared_option("Common", "-v", "--verbose", is_flag=True, help="Print the running time at the end."),
    debug,
)


def records(
    command: str, *, arguments: Decorator | None = None, writes: bool = True, instead: tuple[str, ...] = ()
) -> Callable[[Command], Command]:
    """Add FILE and the options of reading and writing; the callback gets a ``Pipe`` as its first argument.

    Args:
        arguments: what the command takes instead of FILE.
        writes: whether it gives records; else it has no options for them.
        instead: fields of a record that make its text dispensable.
    """
    shared = [arguments or _FILES, *_INPUT, *(_OUTPUT if writes else _NO_OUTPUT), *_TALK]

    def decorate(callback: Command) -> Command:
        @functools.wraps(callback)
        def run(**values: Any) -> None:
            context = click.get_current_context()
            own = () if writes else ("output", "resume")  # of a command that writes something else than records
            given = {name: values.pop(name) for name in _FIELDS if name in values and name not in own}
            if given.get("resume") and not given["output"]:
                raise click.UsageError("--resume needs -o FILE")
            if values["null"] and values["input_format"] == "csv":
                raise click.UsageError("-0 is of text and JSONL: the rows of CSV end with line ends")
            if isinstance(context.obj, PartRun):  # of an input that several processes read
                given |= {"part_run": context.obj, "files": (context.obj.part.file,)}
            if isinstance(context.obj, MergeRun):
                given |= {"merge_run": context.obj, "files": context.obj.files}
            pipe = Pipe(
                command=command,
                form=InputFormat(
                    kind=values.pop("input_format"),
                    unit=values.pop("unit"),
                    field=values.pop("field"),
                    header=values.pop("header"),
                    encoding=values.pop("encoding"),
                    instead=instead,
                ),
                globs=values.pop("glob"),
                separator=b"\0" if values.pop("null") else b"\n",
                takes_text=writes,
                max_latency=values.pop("max_latency") / 1000,
                **given,
            )
            try:
                if writes:
                    choose_format(pipe, values)
                if output := context.params.get("output"):
                    from nlptool.cli.options.made_by import made_by

                    pipe.work_done.made_by = made_by({**context.params, "format": values.get("format")}, pipe.given)
                    if pipe.resume:
                        check_resume(output, pipe.work_done.made_by)
                callback(pipe, **values)
            except WrongUsage as error:
                raise click.UsageError(error.with_hint) from error
            context.exit(pipe.tally.exit_code)

        # Own options come first in --help, then those of reading, then those of writing.
        for option in reversed(shared):
            run = option(run)
        own = run.__dict__["__click_params__"]
        run.__dict__["__click_params__"] = own[-len(shared) :] + own[: -len(shared)]
        return run

    return decorate


def run(command: str, *, takes_files: bool = False) -> Callable[[Command], Command]:
    """Add the options of progress and notes alone; the callback gets a ``Pipe`` whose options of reading are the defaults.

    Args:
        takes_files: the command takes FILE.
    """

    def decorate(callback: Command) -> Command:
        @functools.wraps(callback)
        def called(**values: Any) -> None:
            pipe = Pipe(command, **{name: values.pop(name) for name in _FIELDS if name in values and name != "output"})
            try:
                callback(pipe, **values)
            except WrongUsage as error:
                raise click.UsageError(error.with_hint) from error
            click.get_current_context().exit(pipe.tally.exit_code)

        return all_of(*([_FILES] if takes_files else []), *_TALK)(called)

    return decorate


_FIELDS = (
    "files", "id_field", "max_line", "output", "source", "resume", "drop_input", "on_error", "progress", "quiet",
    "verbose",
)  # fmt: skip
"""Options that are fields of a ``Pipe`` under the same name."""


def choose_format(pipe: Pipe, values: dict[str, Any]) -> None:
    """Set ``format`` among the option values of the running command: what was given, what the ending of -o means, or the
    default: a table on a terminal, if the command has one, else JSONL.

    Raises:
        WrongUsage: the command does not write what the ending means, or it is binary and would go to a terminal.
    """
    options = click.get_current_context().command.params
    choices = next((option.type.choices for option in options if option.name == "format"), ("jsonl",))  # type: ignore[attr-defined]
    given = values.get("format")
    if pipe.output is not None:
        formats.refuse_compressed(pipe.output)
        given = given or formats.of_file(pipe.output, choices)
    if "format" in values:
        values["format"] = given or (results.format_or_default(None, pipe.output) if "table" in choices else choices[0])
        if values["format"] in formats.FORMATS:
            pipe.refuse_binary_on_terminal(values["format"])
    if pipe.resume:
        formats.refuse_resume(values.get("format", "jsonl"))


def format_choice(*formats: str, text: str) -> Decorator:
    """Add ``-f``; the first of ``formats`` is the default."""
    return shared_option(
        "Output", "-f", "--format", type=click.Choice(formats), show_default=f"the ending of -o, else {formats[0]}",
        help=text,
    )  # fmt: skip


def record_format(*more: str, text: str = "", rows: str = "a record a row") -> Decorator:
    """Add ``-f`` of a command that maps records to records: table, jsonl, csv, tsv, parquet, and ``more`` formats.

    Args:
        text: explains these.
        rows: what the rows of csv, tsv and parquet are.
    """
    choices = list(dict.fromkeys(["table", *formats.names("records"), *more]))
    return shared_option(
        "Output", "-f", "--format", type=click.Choice(choices), show_default=_BY_ENDING,
        help=f"Output format; jsonl: a JSON object a line; csv, tsv, parquet: {rows}, with all columns of the input{text}.",
    )  # fmt: skip


_BY_ENDING = "the ending of -o, else table on a terminal, else jsonl"


def table_choice(*more: str, text: str = "", by_ending: bool = False) -> Decorator:
    """Add ``-f`` of a command that has all its results at once: table, jsonl, csv, tsv, and ``more`` formats, which ``text``
    explains.

    Args:
        by_ending: the command has -o, whose ending chooses too.
    """
    return shared_option(
        "Output", "-f", "--format", type=click.Choice(["table", "jsonl", "csv", "tsv", *more]),
        show_default=_BY_ENDING if by_ending else "table on a terminal, else jsonl",
        help=f"Output format; jsonl: a JSON object a line{text}.",
    )  # fmt: skip


def details(thing: str) -> Decorator:
    """Add ``--details``, the file for a record of each ``thing``; the callback gets it as ``details_file``."""

    def refuse_stdout(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
        if value == "-":
            raise click.UsageError("--details - would be mixed with the scores on stdout: name a file")
        return value

    return click.option(
        "--details", "details_file", metavar="FILE", type=click.Path(), callback=refuse_stdout,
        help=f"Output file for a record of each {thing}.",
    )  # fmt: skip


def top_k(default: int | None = None, *, largest: int | None = 10_000, **attributes: Any) -> Decorator:
    """Add ``-k``/``--top-k``, the number of answers, of a command that answers a query."""
    return click.option(
        "-k", "--top-k", default=default, metavar="K", type=IntRange(1, largest),
        **{"show_default": default is not None, **attributes},
    )  # fmt: skip


def pair_fields(callback: Command) -> Command:
    """Add ``--first`` and ``--second``, the names of the two texts of a pair."""
    for option in (
        shared_option(
            "Input", "--second", metavar="NAME", help="Field, JSON Pointer or column of a pair's second text."
        ),
        shared_option("Input", "--first", metavar="NAME", help="Field, JSON Pointer or column of a pair's first text."),
    ):
        callback = option(callback)
    return callback


def pair_score(callback: Command) -> Command:
    """Add ``--score``, the name of what people say of a pair."""
    text = "Field or column of a pair's score."
    return shared_option("Input", "--score", metavar="NAME", help=text)(callback)


def pair_names(first: str | None, second: str | None) -> tuple[str, str] | None:
    """Return the names of the two texts of a pair, or None if neither is given.

    Raises:
        UsageError: only one of the two is given.
    """
    if first is None and second is None:
        return None
    if not (first and second):
        raise click.UsageError("--first NAME and --second NAME go together: they name the two texts of a pair")
    return first, second
