"""Options of labelled data: where a record holds its texts and its label, for one task or for each of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click

from nlptool.cli.help import shared_option
from nlptool.cli.options.types import all_of

_FOR_ONE = "TASK=… says it for one --task"


_TEXTS = {
    "--text": "Field or column of the text",
    "--first": "Field or column of a pair's first text",
    "--second": "Field or column of a pair's second text",
}
_COLUMNS = (
    "A data set whose columns and labels are known: glue:cola, sst2, mrpc, stsb, qqp, mnli, qnli, rte, wnli; jglue:jnli, "
    "jsts"
)

known_columns = shared_option("Input", "--columns", metavar="NAME", help=f"{_COLUMNS}.")
"""``--columns``."""

texts = all_of(
    *(shared_option("Input", name, metavar="NAME", help=f"{text}.") for name, text in _TEXTS.items()),
    known_columns,
)
"""``--text``, ``--first``, ``--second`` and ``--columns``."""

columns = all_of(
    *(
        shared_option("Input", name, metavar="NAME", multiple=True, help=f"{text}; {_FOR_ONE}.")
        for name, text in (_TEXTS | {"--label": "Field or column of the label"}).items()
    ),
    shared_option("Input", "--columns", metavar="NAME", multiple=True, help=f"{_COLUMNS}."),
)
"""The same with ``--label``, each repeatable: ``TASK=VALUE`` says one of them for one task. The values are tuples."""


def paths_of_tasks(tasks: Sequence[str], given: Sequence[str], what: str) -> dict[str, str | None]:
    """Return the file of each task: the values of ``--task``, or the input for one task without a name, "".

    Args:
        given: the files that the command line names.
        what: is in the files, in words.

    Raises:
        UsageError: a task is named twice or badly, or there are files that belong to none.
    """
    paths: dict[str, str | None] = {}
    for task in tasks:
        name, _, file = task.partition("=")
        if not (name and file):
            raise click.UsageError(f"--task takes NAME=FILE, not {task!r}")
        if name in paths:
            raise click.UsageError(f"two tasks are called {name}")
        if "/" in name or "." in name:  # config.json is a file in the model folder
            raise click.UsageError(f"a task names a folder, without / and . in it: {name!r} cannot")
        paths[name] = file
    if paths and given:
        raise click.UsageError(f"the {what} come from --task, and {given[0]} belongs to none")
    return paths or {"": None}


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
