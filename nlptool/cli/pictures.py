"""``--plot`` of a command that draws the first text of its input alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

from nlptool.records.pipe import Pipe

Picture = TypeVar("Picture")


def check(path: str, pipe: Pipe) -> None:
    """Check that a picture of the first text can be drawn.

    Raises:
        UsageError: the run is resumed behind the first text.
        RunError: the file cannot be written.
    """
    from nlptool import plots

    plots.check(path)
    if pipe.resume:
        raise click.UsageError("--plot draws the first text, and --resume goes on behind it: draw it without --resume")


def draw_first(pipe: Pipe, found: list[Picture], path: str, draw: Callable[[Picture], object]) -> None:
    """Draw the first text, and note what the picture does not show.

    Args:
        found: what is drawn of the first text that has some; [] if none has.
        draw: writes the picture to ``path``.
    """
    if not found:
        pipe.note(f"there is nothing to draw: {path} is not written")
        return
    draw(found[0])
    if pipe.tally.n_read > 1:
        pipe.note(f"{path} shows the first text alone")
