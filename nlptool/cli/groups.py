"""Groups of commands: a mistyped name is understood, and a command's module is imported when the command is called."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterator, Mapping
from typing import Any

import click

from nlptool.cli.help import Command


def subcommands(ctx: click.Context) -> Iterator[click.Context]:
    """Yield a context for each command of a group that is not hidden; none for a command that is no group."""
    if isinstance(ctx.command, click.Group):
        for name in ctx.command.list_commands(ctx):
            command = ctx.command.get_command(ctx, name)
            if command is not None and not command.hidden:
                yield click.Context(command, ctx, info_name=name, **command.context_settings)


class Group(click.Group):
    """A group that names the nearest command for a name it does not know.

    Args:
        answers: what people type for a command that has another name or does not exist -> a sentence that says what to do.
        default: the command that runs when none is named.
    """

    command_class = Command

    def __init__(
        self, *arguments: Any, answers: Mapping[str, str] | None = None, default: str | None = None, **more: Any
    ) -> None:
        super().__init__(*arguments, **more)
        self.default = default
        self._answers = answers or {}

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self.list_commands(ctx) and not args[0].startswith("-"):
            ctx.fail(f"No such command {args[0]!r}.{self.suggestion(ctx, args[0])}")
        return super().resolve_command(ctx, args)

    def suggestion(self, ctx: click.Context, name: str) -> str:
        """Return the sentence that follows the message about the unknown command ``name``, with a blank before it, or ""."""
        if answer := self._answers.get(name.lower()):
            return f" {answer}"
        close = difflib.get_close_matches(name, self.list_commands(ctx), n=1)
        return f" Did you mean {close[0]}?" if close else ""


class LazyGroup(Group):
    """A group whose commands are modules, imported one at a time: ``--help`` must take no longer than starting Python.

    Args:
        table: name of a command -> its line in the group's help.
        module: the module of a command, with ``{}`` for its name.
    """

    def __init__(self, *arguments: Any, table: Mapping[str, str], module: str, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.table = table
        self._module = module

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.table)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.table:
            return None
        command: click.Command = importlib.import_module(self._module.format(name.replace("-", "_"))).command
        command.short_help = self.table[name]
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.table.items()))
