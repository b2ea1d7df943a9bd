"""What the commands that train a network share: a share or a file to be held out, and the folder where the work is kept."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from nlptool.errors import RunError

LATER = "what is done stays there: --resume goes on from it"


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
