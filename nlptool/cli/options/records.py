"""Options of reading and writing records: FILE, the input, the output, progress and notes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from nlptool.cli.options.types import Command, Decorator, parse_encoding
from nlptool.errors import WrongUsage
from nlptool.records.pipe import Pipe
from nlptool.records.record import InputFormat

_FILES = click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(readable=False))

_INPUT = (
    click.option(
        "-I", "--input-format", type=click.Choice(["auto", "text", "jsonl", "tsv"]), default="auto", show_default=True,
        help="What a line is. auto: JSONL if the first line is a JSON object, else text.",
    ),
    click.option("--field", metavar="NAME", help="Field, JSON Pointer (/meta/title) or column that holds the text."),
    click.option("--id-field", metavar="NAME", help="Field that names a record; --drop-input keeps it."),
    click.option("--header", is_flag=True, help="The first line of TSV input names the columns."),
    click.option("-0", "--null", is_flag=True, help="Records end with NUL, not with a line end."),
    click.option("--encoding", default="utf-8", show_default=True, metavar="NAME", callback=parse_encoding,
                 help="Encoding of the input."),
    click.option("--max-line", default=64_000_000, show_default=True, metavar="BYTES", type=click.IntRange(min=1),
                 help="A longer line is an error record."),
    click.option("--max-latency", default=100, show_default=True, metavar="MS", type=click.IntRange(0, 3_600_000),
                 help="Milliseconds without new input after which a batch is closed."),
)  # fmt: skip

_OUTPUT = (
    click.option("-o", "--output", metavar="FILE", type=click.Path(readable=False),
                 help="Write to FILE, replaced as a whole when done (until then FILE.part)."),
    click.option("--resume", is_flag=True, help="Go on from FILE.part of an interrupted run."),
    click.option("--drop-input", is_flag=True, help="Write the results alone (and --id-field)."),
    click.option(
        "--on-error", type=click.Choice(["record", "skip", "fail"]), default="record", show_default=True,
        help="A record that fails: write it with its error, leave it out, or stop.",
    ),
)  # fmt: skip

_NO_OUTPUT = (
    click.option(
        "--on-error", type=click.Choice(["skip", "fail"]), default="skip", show_default=True,
        help="A record that fails: leave it out and count it, or stop.",
    ),
)  # fmt: skip

progress = click.option(
    "--progress", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True,
    help="A progress bar on stderr; auto: if that is a terminal.",
)  # fmt: skip

quiet = click.option("-q", "--quiet", is_flag=True, help="No notes on stderr, only errors.")

debug = click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")

_TALK = (
    progress,
    quiet,
    click.option("-v", "--verbose", is_flag=True, help="Say at the end how long it took."),
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
            own = () if writes else ("output", "resume")  # of a command that writes something else than records
            given = {name: values.pop(name) for name in _FIELDS if name in values and name not in own}
            if given.get("resume") and not given["output"]:
                raise click.UsageError("--resume needs -o FILE")
            pipe = Pipe(
                command=command,
                form=InputFormat(
                    kind=values.pop("input_format"),
                    field=values.pop("field"),
                    header=values.pop("header"),
                    encoding=values.pop("encoding"),
                    instead=instead,
                ),
                separator=b"\0" if values.pop("null") else b"\n",
                max_latency=values.pop("max_latency") / 1000,
                **given,
            )
            try:
                callback(pipe, **values)
            except WrongUsage as error:
                raise click.UsageError(error.message) from error
            click.get_current_context().exit(pipe.exit_code)

        # Own options come first in --help, then those of reading, then those of writing.
        for option in reversed(shared):
            run = option(run)
        own = run.__dict__["__click_params__"]
        run.__dict__["__click_params__"] = own[-len(shared) :] + own[: -len(shared)]
        return run

    return decorate


_FIELDS = (
    "files", "id_field", "max_line", "output", "resume", "drop_input", "on_error", "progress", "quiet", "verbose",
)  # fmt: skip
"""Options that are fields of a ``Pipe`` under the same name."""


def format_choice(*formats: str, text: str) -> Callable[[Command], Command]:
    """``-f``; the first of ``formats`` is the default."""
    return click.option("-f", "--format", type=click.Choice(formats), default=formats[0], show_default=True, help=text)


def table_choice(*more: str, text: str = "") -> Decorator:
    """``-f`` of a command whose results a person reads."""
    return click.option(
        "-f", "--format", type=click.Choice(["table", "jsonl", *more]), show_default="table on a terminal, else jsonl",
        help=f"table: for a person; jsonl: a record a line{text}.",
    )  # fmt: skip
