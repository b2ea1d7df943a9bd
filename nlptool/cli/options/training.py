"""Options of the commands that train a model."""

from __future__ import annotations

import click


def share_or_file(_: click.Context, __: click.Parameter, value: str) -> str | float:
    """What ``--dev`` says: a share, or the name of a file."""
    try:
        share = float(value)
    except ValueError:
        return value
    if not 0 <= share <= 0.9:
        raise click.BadParameter("a share is 0 to 0.9; the name of a file that looks like a number begins with ./")
    return share
