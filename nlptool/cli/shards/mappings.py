"""The commands that run over shards: those that give one output record for each input record, whatever the others are, those that
count, whose sums ``nlptool shards merge`` adds up, and `index build`, which makes one index in parts.

What makes them something else is refused here, as is what belongs to ``nlptool shards`` itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from nlptool.cli.main import root
from nlptool.cli.options.made_by import made_by
from nlptool.cli.shards.counts import COUNTS, SUMS, of_environment
from nlptool.records.record import InputFormat
from nlptool.storage.shard_folder import INDEX_ENDING

if TYPE_CHECKING:
    from nlptool.tasks.shards.plan import Reading

MAPPINGS: dict[str, tuple[str, ...]] = {
    "analogy": ("words",),
    "attention": ("plot",),
    "classify": (),
    "embed": ("quantize",),
    "fill-mask": (),
    "generate": ("stream", "plot", "quantize"),
    "hash": (),
    "mask": (),
    "neighbors": ("words", "plus", "minus"),
    "nsp": ("consecutive",),
    "odd-one-out": ("words",),
    "score": ("plot", "quantize"),
    "tag": (),
    "tokenize": (),
}
"""Command -> the parameters with which it is no mapping, or says something of its first records."""

INDEX = "index build"
"""The command whose outputs are no records: each is a part of an index."""

OTHERS = frozenset({
    "answer", "choose", "cluster", "compare", "dedup", "keyness", "keywords", "kwic", "map", "probe", "sample", "search",
    "similarity", "split",
})  # fmt: skip
"""Commands that read records and do not run over shards: what they give is of all records, or not one for each."""

_OF_SHARDS = {
    "files": "INPUT stands before --", "output": "--output DIR stands before --", "glob": "--glob stands before --",
    "workers": "--workers stands before --", "resume": "what is done is not done again",
    "progress": "--progress stands before --",
}  # fmt: skip
"""Parameters of the command that belong to ``shards run`` -> what to do instead."""

_ENDINGS = {
    "jsonl": ".jsonl", "base64": ".jsonl", "text": ".txt", "wakati": ".txt", "mecab": ".mecab", "conllu": ".conllu",
}  # fmt: skip
"""The formats whose files, one behind the other, are one file -> the ending of their names."""


@dataclass(frozen=True)
class CommandLine:
    """A command that is to run over shards.

    Attributes:
        arguments: its words, with what each process is told besides.
        made_by: what makes its output: see ``storage.unfinished``.
        reading: how it reads its input.
        ending: of the names of its outputs.
        skips: records that fail are left out.
        quiet: it says nothing but errors.
        finish: the words with which ``shards merge`` makes the output of the sums; (): the outputs are those of a mapping.
    """

    arguments: tuple[str, ...]
    made_by: dict[str, Any]
    reading: Reading
    ending: str
    skips: bool
    quiet: bool
    finish: tuple[str, ...] = ()

    @property
    def is_index(self) -> bool:
        """Whether its outputs are parts of an index."""
        return self.ending == INDEX_ENDING


def parse(words: Sequence[str], *, shard_size: int) -> CommandLine:
    """Parse the command line of a mapping, or of a command that counts.

    Args:
        shard_size: bytes of a shard.

    Raises:
        UsageError: it is none, or a wrong one.
    """
    if not words:
        raise click.UsageError("which command? It stands behind --: nlptool shards run INPUT --output DIR -- embed")
    name, *rest = words
    with click.Context(root, info_name="nlptool", **root.context_settings) as context:
        if name == "index" and rest[:1] == ["build"]:
            group = root.get_command(context, "index")
            assert isinstance(group, click.Group)  # noqa: S101  # it is in the table
            with click.Context(group, parent=context, info_name="index") as inner:
                return _parsed(group.commands["build"], INDEX, rest[1:], inner, shard_size)
        if name not in MAPPINGS and name not in COUNTS:
            if name not in root.table:
                raise click.UsageError(f"no command is called {name}.{root.suggestion(context, name)}")
            name = " ".join(words[:2]) if name == "index" else name
            able = ", ".join(sorted({*MAPPINGS, *COUNTS, INDEX}))
            raise click.UsageError(f"{name} does not run over shards; these do: {able}")
        command = root.get_command(context, name)
        assert command is not None  # noqa: S101  # it is in the table
        return _parsed(command, name, rest, context, shard_size)


def _parsed(command: click.Command, name: str, rest: list[str], parent: click.Context, shard_size: int) -> CommandLine:
    with command.make_context(name.rsplit(maxsplit=1)[-1], list(rest), parent=parent) as context:
        return _checked(name, rest, context, shard_size)


def _checked(name: str, rest: list[str], context: click.Context, shard_size: int) -> CommandLine:
    """Return a command line whose parameters do not contradict shards."""
    from nlptool.tasks.shards.plan import Reading

    values = context.params
    for parameter, instead in _OF_SHARDS.items():
        if _is_given(context, parameter):
            raise click.UsageError(f"{name}: {_typed(context, parameter)} is not of a command over shards: {instead}")
    counts = COUNTS.get(name)
    if counts is not None and counts.when and values[counts.when] is None:
        counts = None
    if values["null"] and values["input_format"] == "csv":
        raise click.UsageError("-0 is of text and JSONL: the rows of CSV end with line ends")
    if counts is None:
        for parameter in MAPPINGS.get(name, ()):
            _refuse(context, parameter)
        format = _format(context)
    else:
        for parameter, why in counts.refused.items():
            _refuse(context, parameter, why)
        format = ""
    form = InputFormat(values["input_format"], values["unit"], values["field"], values["header"], values["encoding"])
    reading = Reading(
        form,
        b"\0" if values["null"] else b"\n",
        values["max_line"],
        shard_size,
        splits=not values.get("columns"),
        numbers=name == "generate" or format == "conllu",
    )
    alone = ["--progress", "never", *(["--workers", "1"] if "workers" in values else [])]
    if counts is None:
        return CommandLine(
            (*name.split(), *rest, *alone),
            _made_by(values),
            reading,
            INDEX_ENDING if name == INDEX else _ENDINGS[format],
            values["on_error"] == "skip",
            values["quiet"],
        )
    return CommandLine(
        (name, *rest, *alone),
        _made_by({parameter: value for parameter, value in values.items() if parameter not in counts.of_sums}),
        reading,
        SUMS,
        skips=True,
        quiet=values["quiet"],
        finish=(name, *of_environment(context), *rest),
    )


def _made_by(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in made_by(values, ()).items() if key != "input"}


def _refuse(context: click.Context, parameter: str, why: str = "") -> None:
    """Refuse a parameter that does not go with shards.

    Raises:
        UsageError: it has a value.
    """
    if context.params.get(parameter) not in (None, False, (), []):
        typed = f"{context.info_name} {_typed(context, parameter)}"
        raise click.UsageError(f"{typed} does not run over shards" + (f": {why}" if why else ""))


def _format(context: click.Context) -> str:
    """Return the format of the outputs of a mapping.

    Raises:
        UsageError: they would not be one file together.
    """
    format = context.params.get("format") or ("text" if context.params.get("ruby") else "jsonl")
    if format not in _ENDINGS:
        able = [each for each in _ENDINGS if each in _formats(context)]
        raise click.UsageError(f"-f {format}: files of shards would not be one file together; {', '.join(able)} would")
    return str(format)


def _is_given(context: click.Context, parameter: str) -> bool:
    if parameter == "files":
        return bool(context.params.get("files"))
    return context.get_parameter_source(parameter) == click.core.ParameterSource.COMMANDLINE


def _typed(context: click.Context, name: str) -> str:
    option = next(each for each in context.command.params if each.name == name)
    return max(option.opts, key=len) if isinstance(option, click.Option) else option.human_readable_name


def _formats(context: click.Context) -> Sequence[str]:
    found = next((each.type.choices for each in context.command.params if each.name == "format"), ("jsonl",))  # type: ignore[attr-defined]
    return list(found)
