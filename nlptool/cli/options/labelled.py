"""Options of labelled data: where a record holds its texts and its label, for one task or for each of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from nlptool.cli.help import shared_option
from nlptool.cli.options.types import Decorator, all_of

_FOR_ONE = "TASK=… says it for one --task"


def columns(*, several: bool) -> Decorator:
    """Add ``--text``, ``--first``, ``--second``, ``--label`` and ``--columns``.

    Args:
        several: they are repeatable, and ``TASK=VALUE`` says one of them for one task; the values are tuples.
    """
    more: dict[str, Any] = {"multiple": True} if several else {}
    suffix = f"; {_FOR_ONE}" if several else ""
    return all_of(
        shared_option("Input", "--text", metavar="NAME", help=f"Field or column of the text{suffix}.", **more),
        shared_option("Input", "--first", metavar="NAME", help="Field or column of a pair's first text.", **more),
        shared_option("Input", "--second", metavar="NAME", help="Field or column of a pair's second text.", **more),
        shared_option("Input", "--label", metavar="NAME", help="Field or column of the label.", **more),
        shared_option("Input", "--columns", metavar="NAME", help="A data set whose columns and labels are known: glue:cola, "
                      "sst2, mrpc, stsb, qqp, mnli, qnli, rte, wnli; jglue:jnli, jsts.", **more),
    )  # fmt: skip


def by_task(option: str, values: Sequence[str], tasks: Sequence[str]) -> Mapping[str, str]:
    """Return the value of a repeatable option for each task; "" stands for the tasks without one of their own.

    Raises:
        UsageError: two values for one task, or a task that is not there.
    """
    found: dict[str, str] = {}
    for value in values:
        name, separator, rest = value.partition("=")
        task, said = (name, rest) if separator and name in tasks else ("", value)
        if task in found:
            raise click.UsageError(f"--{option} is given twice" + (f" for the task {task}" if task else ""))
        found[task] = said
    return {task: found.get(task, found.get("", "")) for task in tasks}
