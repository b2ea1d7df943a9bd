"""The ``--help`` of a command: its own options first, and those that it shares with other commands in groups below."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from nlptool.cli import memory

HEADINGS = ("Options", "Model", "Training", "Generation", "Input", "Output", "Common")


class GroupedOption(click.Option):
    """An option that several commands share.

    Args:
        group: its heading in ``--help``, one of ``HEADINGS``.
    """

    def __init__(self, *arguments: Any, group: str, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.group = group


def shared_option(group: str, *names: str, **attributes: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """``click.option`` with a heading, one of ``HEADINGS``."""
    return click.option(*names, cls=GroupedOption, group=group, **attributes)


def options_by_heading(command: click.Command, ctx: click.Context) -> dict[str, list[click.Option]]:
    """Return the visible options of a command in the order of ``--help``, by their headings."""
    found: dict[str, list[click.Option]] = {heading: [] for heading in HEADINGS}
    for option in command.get_params(ctx):
        if isinstance(option, click.Option) and not option.hidden:
            found[getattr(option, "group", "Common" if "--help" in option.opts else "Options")].append(option)
    return {heading: options for heading, options in found.items() if options}


class Command(click.Command):
    """A command whose options stand under headings, and that says what to do if the memory does not suffice."""

    def invoke(self, ctx: click.Context) -> Any:
        with memory.watched(ctx):
            return super().invoke(ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for heading, options in options_by_heading(self, ctx).items():
            records = [record for option in options if (record := option.get_help_record(ctx))]
            with formatter.section(heading):
                formatter.write_dl(records)
