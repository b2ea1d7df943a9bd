"""The commands whose shards are sums, which ``nlptool shards merge`` adds up."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import click


@dataclass(frozen=True, slots=True)
class Counts:
    """A command that counts, and makes what it writes of the sums.

    Attributes:
        of_sums: the parameters that the sums do not depend on: they are those of ``shards merge``.
        refused: parameter -> why it does not go with shards.
        when: the parameter with which it counts; "": it always does.
    """

    of_sums: tuple[str, ...]
    refused: Mapping[str, str] = field(default_factory=dict)
    when: str = ""


COUNTS = {
    "collocations": Counts(
        ("measure", "threshold", "min_count", "top_k", "format"),
        {"phrases": "it writes the records themselves, once all of them are counted"},
    ),
    "ngrams": Counts(("min_count", "top_k", "format")),
    "tokenize": Counts(("min_count", "top_k", "format", "plot", "zipf"), when="count"),
}

SUMS = ".sums"
"""The ending of the names of files of sums."""


def of_environment(context: click.Context) -> Iterator[str]:
    """Yield, as words of a command line, the options that variables of the environment have set: they may be others later."""
    for parameter in context.command.params:
        name = str(parameter.name)
        if isinstance(parameter, click.Option) and (
            context.get_parameter_source(name) == click.core.ParameterSource.ENVIRONMENT
        ):
            spelled = max(parameter.opts, key=len)
            value = os.environ[str(_variable(context, parameter))]
            if not parameter.is_flag:
                yield from (f"{spelled}={each}" for each in (value.split() if parameter.multiple else [value]))
            elif context.params[name]:
                yield spelled
            elif parameter.secondary_opts:
                yield parameter.secondary_opts[0]


def _variable(context: click.Context, option: click.Option) -> str | None:
    if isinstance(option.envvar, str):
        return option.envvar
    return f"{context.auto_envvar_prefix}_{str(option.name).upper()}"
