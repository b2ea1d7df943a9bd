"""Options of the commands that count the words of a corpus: what is counted, and how its figures are written."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

import click

from nlptool.cli.help import shared_option
from nlptool.cli.options.computation import workers
from nlptool.cli.options.records import choose_format, table_choice
from nlptool.cli.options.types import Command, Decorator, IntRange, all_of, typed
from nlptool.records.pipe import Pipe

if TYPE_CHECKING:
    from nlptool.tasks.counted_tokens import Counted

_OF = "What is counted: words as they stand, their dictionary forms{}."

_LONGEST = 100  # n of an n-gram


def parse_lengths(context: click.Context, parameter: click.Parameter, value: str) -> tuple[int, ...]:
    """Return the lengths that N or N-M means.

    Raises:
        BadParameter: it means none.
    """
    match = re.fullmatch(r"([0-9]{1,9})(?:-([0-9]{1,9}))?", value.strip())
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if match and first > last >= 1:
        raise click.BadParameter(f"{value} begins with the longer one: {last}-{first}", context, parameter)
    if not 1 <= first <= last <= _LONGEST:
        raise click.BadParameter(
            f"{value!r} is no length of n-grams: 2, or 2-4, from 1 to {_LONGEST}", context, parameter
        )
    return tuple(range(first, last + 1))


def lengths(default: str) -> Decorator:
    """Add ``-n``; the callback gets ``length``, a tuple of lengths, ascending."""
    return click.option("-n", "--length", default=default, show_default=True, metavar="N[-M]", callback=parse_lengths,
                        help="Length of the n-grams, or a range of lengths.")  # fmt: skip


def min_count(default: int, thing: str) -> Decorator:
    return click.option("--min-count", default=default, show_default=True, metavar="N", type=IntRange(min=1),
                        help=f"Leave out {thing} that occur less often.")  # fmt: skip


def counted(*of: str) -> Decorator:
    """Add the options that say what is counted; the callback gets them as ``counted``, a ``Counted``.

    Args:
        of: words | lemmas | chars, the first of which is the default.
    """

    def decorate(callback: Command) -> Command:
        @functools.wraps(callback)
        def run(*arguments: Any, **values: Any) -> Any:
            names = ("of", "punctuation", "lowercase", "tokenizer", "dictionary", "workers")
            return callback(*arguments, counted=_counted(**{name: values.pop(name) for name in names}), **values)

        return all_of(
            click.option("--of", type=click.Choice(of), default=of[0], show_default=True, help=_OF.format(
                         ", or characters" if "chars" in of else "")),
            click.option("--punctuation", is_flag=True, help="Count punctuation and symbols too."),
            click.option("--lowercase", is_flag=True, help="Convert the text to lower case."),
            shared_option("Input", "--tokenizer", type=click.Choice(["auto", "unidic", "words", "whitespace"]), default="auto",
                          show_default=True, help="How text without tokens is split into words: by MeCab, into runs of letters, "
                          "or between blanks; auto: by the first records."),
            shared_option("Input", "--dictionary", metavar="NAME|FOLDER", show_default="unidic-lite",
                          help="MeCab dictionary: unidic-lite, unidic, ipadic, or a folder."),
            workers,
        )(run)  # fmt: skip

    return decorate


def _counted(
    *, of: str, punctuation: bool, lowercase: bool, tokenizer: str, dictionary: str | None, workers: int
) -> Counted:
    if of == "chars":
        for name in sorted(typed(("tokenizer", "dictionary"))):
            raise click.UsageError(f"--of chars makes no use of --{name}")
    if dictionary is not None and tokenizer in ("words", "whitespace"):
        raise click.UsageError(f"--tokenizer {tokenizer} makes no use of --dictionary")
    if of == "lemmas" and tokenizer == "words":
        raise click.UsageError("--tokenizer words gives no lemmas")
    from nlptool.tasks.counted_tokens import Counted
    from nlptool.tasks.record_words import Splitting

    if dictionary is not None and tokenizer == "auto":
        tokenizer = "unidic"
    return Counted(of, punctuation, Splitting(tokenizer, dictionary, lowercase, workers))


def figures(*more: str, text: str = "") -> Decorator:
    """Add ``-o`` and ``-f`` of a command that writes figures of all records together, which ``options.records`` with
    ``writes=False`` lacks.

    Args:
        more: formats beside table, jsonl, csv and tsv, which ``text`` explains.
    """

    def decorate(callback: Command) -> Command:
        @functools.wraps(callback)
        def run(pipe: Pipe, *, output: str | None, **values: Any) -> Any:
            pipe.output = output
            choose_format(pipe, values)
            return callback(pipe, **values)

        return all_of(
            table_choice(*more, by_ending=True, text=text),
            shared_option("Output", "-o", "--output", metavar="FILE", type=click.Path(readable=False),
                          help="Output file, replaced as a whole at the end (until then FILE.part); its ending (.csv, .tsv) "
                          "chooses the format unless -f does."),
        )(run)  # fmt: skip

    return decorate
