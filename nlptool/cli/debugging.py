"""What --debug changes: errors come with their traceback, and what libraries warn of is shown."""

from __future__ import annotations

import click

from nlptool.terminal import library_warnings

_KEY = "nlptool.debug"  # in click's ``Context.meta``, which a command shares with the root group


def switch(ctx: click.Context, _: click.Parameter, debug: bool) -> None:
    """Switch debugging on until the command ends: the callback of the option."""
    if debug:
        ctx.meta[_KEY] = True
        ctx.with_resource(library_warnings.shown())


def is_on(ctx: click.Context) -> bool:
    """Return whether --debug was given, also when the context of its command is closed."""
    return _KEY in ctx.meta
