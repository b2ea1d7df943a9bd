"""The options of `tokenize --count`."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from nlptool.cli.options.records import top_k
from nlptool.cli.options.types import Command, Decorator, IntRange, all_of, refuse, refuse_without

if TYPE_CHECKING:
    from nlptool.tasks.count import Counting

FORMATS = ("table", "jsonl", "csv", "tsv")

_NAMES = ("by", "by_group", "parts", "min_count", "top_k", "plot", "zipf")
_FIELDS = ("surface", "lemma", "pos", "pos_detail")

_UNUSED = ("fields", "n_best", "ruby", "numbers", "resume", "drop_input", "id_field")
_OF_WORDS = ("by", "pos", "stop_pos", "dictionary", "user_dictionary")


def _fields(_: click.Context, __: click.Parameter, value: str) -> tuple[str, ...]:
    """Return the fields that are named, each once, in their order."""
    names = {name.strip() for name in value.split(",")}
    if unknown := sorted(names - set(_FIELDS)):
        raise click.BadParameter(f"words do not differ by {', '.join(map(repr, unknown))}; by {', '.join(_FIELDS)}")
    return tuple(name for name in _FIELDS if name in names)


def counting(callback: Command) -> Command:
    """Add the options of ``--count``; the callback gets ``counting``, a ``Counting``, or None without it, and the files of the
    pictures, ``plot`` and ``zipf``."""

    @functools.wraps(callback)
    def run(*arguments: Any, **values: Any) -> Any:
        chosen = {name: values.pop(name) for name in ("count", *_NAMES)}
        made = _counting(chosen, values["format"])
        return callback(*arguments, counting=made, plot=chosen["plot"], zipf=chosen["zipf"], **values)

    return _options(run)


_options: Decorator = all_of(
    click.option("--count", type=click.Choice(["chars", "words"]),
                 help="Count characters or words of the whole input instead of writing tokens."),
    click.option("--by", metavar="NAMES", default="surface", show_default=True, callback=_fields,
                 help="What makes words of --count words different: surface, lemma, pos, pos_detail, or several: lemma,pos."),
    click.option("--by-group", metavar="FIELD",
                 help="Count for each value of a field, or for each file (--by-group file)."),
    click.option("--parts", metavar="FIELD",
                 help="Add the dispersion of each word over the parts of the input: file, record, or a field."),
    click.option("--min-count", default=1, show_default=True, metavar="N", type=IntRange(min=1),
                 help="Leave out words or characters of --count that occur less often."),
    top_k(largest=None, help="Number of most frequent words or characters that --count writes."),
    click.option("--plot", metavar="FILE", help="Bar chart of --count, with -k bars or 30: .png, .svg or .pdf."),
    click.option("--zipf", metavar="FILE",
                 help="Picture of --count: frequency against rank, with Zipf's law: .png, .svg or .pdf."),
)  # fmt: skip


def _counting(chosen: dict[str, Any], format: str) -> Counting | None:
    """Return what is counted; None: nothing.

    Raises:
        UsageError: the options do not go together.
        RunError: a picture cannot be written.
    """
    what, group = chosen["count"], chosen["by_group"]
    if what is None:
        refuse_without(_NAMES, "--count")
        return None
    if format not in FORMATS:
        able = ", ".join(FORMATS)
        raise click.UsageError(f"--count writes {able}: what it gives is no tokens to write as {format}")
    refuse((*_UNUSED, *(_OF_WORDS if what == "chars" else ())), f"--count {what}")
    if group is not None and chosen["plot"] is not None:
        raise click.UsageError("--plot draws the counts of all together: leave out --by-group, or take --zipf")
    pictures: Sequence[str] = [path for path in (chosen["plot"], chosen["zipf"]) if path is not None]
    if len(set(pictures)) < len(pictures):
        raise click.UsageError("--plot and --zipf are two pictures: name two files")
    if pictures:
        from nlptool import plots

        for path in pictures:
            plots.check(path)
    from nlptool.tasks.count import Counting

    return Counting(what, chosen["by"], group, chosen["parts"], chosen["top_k"], chosen["min_count"])
