"""What the commands that train a network share: a share or a file to be held out, and the folder where the work is kept."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import click

from nlptool import options
from nlptool.errors import RunError

LATER = "what is done stays there: --resume goes on from it"


def share_or_file(_: click.Context, __: click.Parameter, value: str) -> str | float:
    """What ``--dev`` says: a share, or the name of a file."""
    try:
        share = float(value)
    except ValueError:
        return value
    if not 0 <= share <= 0.9:
        raise click.BadParameter("a share is 0 to 0.9; the name of a file that looks like a number begins with ./")
    return share


def device(name: str, threads: int | None) -> str:
    """The device that there is, for torch, which is told of the threads.

    Args:
        name: what ``--device`` says.

    Raises:
        RunError: it is not there.
    """
    import torch

    from nlptool.models import torch_network

    torch.set_num_threads(threads or options.processors())
    if name == "auto":
        return "cuda" if torch_network.is_there("cuda") else "cpu"
    if name != "cpu" and not torch_network.is_there(name):
        raise RunError(f"torch finds no {name} device here", hint="--device cpu, or a torch that is built for it")
    return name


def check_own(place: Path, own: Sequence[str], *, anew: bool) -> None:
    """
    Args:
        own: patterns of what a training leaves in its work folder.
        anew: the folder would be removed.

    Raises:
        RunError: it would, and holds something that no training has left there.
    """
    strange = [path.name for path in place.glob("*") if not any(path.match(each) for each in own)]
    if anew and strange:
        raise RunError(
            f"{place}, where the work is kept until it is done, holds something else: {strange[0]}",
            hint="another -o, or --work FOLDER, which is never removed",
        )


def work_folder(place: Path, *, fresh: bool) -> Path:
    """The work folder; ``fresh``: an empty one."""
    try:
        if fresh:
            shutil.rmtree(place, ignore_errors=True)
        place.mkdir(exist_ok=True)
    except OSError as error:
        raise RunError(f"cannot write {place}: {error.strerror or error}") from error
    return place
