"""A group of commands, each in a module of its own that is imported when it is called: help must come back in a blink."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from typing import Any

import click


class LazyGroup(click.Group):
    """Its commands are named in a table, and a misspelled one is understood.

    Args:
        table: name -> the line that stands in the group's help.
        module: where a command is, with ``{}`` for its name.
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

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self.table and not args[0].startswith("-"):
            close = difflib.get_close_matches(args[0], self.table, n=1)
            meant = f" Did you mean {close[0]}?" if close else ""
            ctx.fail(f"No such command {args[0]!r}.{meant}")
        return super().resolve_command(ctx, args)
