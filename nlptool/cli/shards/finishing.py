"""The end of a command that counts: its output is made of what its shards have counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from nlptool.cli.main import root
from nlptool.errors import RunError
from nlptool.records.part import MergeRun


def finish(words: Sequence[str], run: MergeRun, chosen: Mapping[str, Any]) -> None:
    """Run a command line over sums in the place of an input.

    Args:
        words: of the command line. Variables of the environment do not count: those of the run over the shards are among them.
        chosen: parameters that are others now.

    Raises:
        RunError: this version of nlptool does not take the words, or something cannot be written.
        UsageError: what was chosen does not go with them.
        Exit: it is done; with the exit code.
    """
    name, *rest = words
    with click.Context(root, info_name="nlptool", obj=run) as group:
        command = root.get_command(group, name) if name in root.table else None
        if command is None:
            raise RunError(f"the shards are those of {name}, which is no command")
        try:
            context = command.make_context(name, rest, parent=group)
        except click.ClickException as error:
            raise RunError(f"the shards are those of {name} {' '.join(rest)}: {error.format_message()}") from error
        with context:
            for parameter, value in chosen.items():
                context.params[parameter] = value
                context.set_parameter_source(parameter, click.core.ParameterSource.COMMANDLINE)
            command.invoke(context)
