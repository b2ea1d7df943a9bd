"""Shared by all plots: file names, style, and writing to the disk."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlptool.errors import RunError
from nlptool.storage.output import Output
from nlptool.terminal import library_warnings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = (".png", ".svg", ".pdf")

_STYLE: dict[str, Any] = {
    "figure.dpi": 72,  # a pixel is a point while drawing
    "savefig.dpi": 144,
    "svg.hashsalt": "nlptool",  # the same file each time
    # Outlines: an SVG looks the same on a machine without the font. The text is in comments beside them.
    "svg.fonttype": "path",
    "text.parse_math": False,  # "$" is an ordinary character
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def check(path: str, formats: Sequence[str] = FORMATS) -> None:
    """Check whether a plot can be written, before the work starts.

    Args:
        formats: the allowed suffixes, with their dots.

    Raises:
        RunError: ``path`` has another suffix, or cannot be written.
    """
    place = Path(path)
    if place.suffix.lower() not in formats:
        raise RunError(f"{path}: a picture is a {', '.join(formats)} file")
    if place.is_dir():
        raise RunError(f"cannot write {path}: it is a folder")
    try:
        folder = place.resolve().parent
    except (OSError, RuntimeError) as error:  # a circular link
        raise RunError(f"cannot write {path}: {error}") from error
    if not folder.is_dir():
        raise RunError(f"cannot write {path}: there is no such folder")
    if not os.access(folder, os.W_OK):
        raise RunError(f"cannot write {path}: nothing may be written into its folder")


@contextlib.contextmanager
def figure(path: str, size: tuple[float, float], families: Sequence[str] = ("DejaVu Sans",)) -> Iterator[Figure]:
    """Yield an empty figure, in nlptool's style whatever the user's matplotlibrc says; it is written when the block ends.

    Args:
        path: its suffix, one of ``FORMATS``, is the format.
        size: width and height of the axes in inches; the file is as large as what is drawn.
        families: fonts, each for the characters that those before it lack.

    Raises:
        RunError: the file cannot be written.
    """
    with contextlib.ExitStack() as contexts:
        contexts.enter_context(library_warnings.hidden())  # of a cache that cannot be written, of fonts
        try:
            import matplotlib as mpl
            from matplotlib.figure import Figure
        except OSError as error:  # no folder at all for its cache
            raise RunError(f"cannot draw: {error}") from error

        contexts.enter_context(mpl.rc_context())
        mpl.rcdefaults()
        style: Any = _STYLE | {"font.family": list(families)}
        mpl.rcParams.update(style)
        drawn = Figure(figsize=size)  # without pyplot: no window system, no state
        yield drawn
        form = Path(path).suffix.lower()[1:]
        date = {"svg": "Date", "pdf": "CreationDate"}.get(form)
        data = io.BytesIO()
        drawn.savefig(data, format=form, metadata={date: None} if date else None, bbox_inches="tight", pad_inches=0.15)
    write(path, data.getvalue())


def write(path: str, data: bytes) -> None:
    """Write a file atomically: an incomplete one never replaces an existing one.

    Raises:
        RunError: the file cannot be written.
    """
    with Output(path) as file:
        file.write(data)
