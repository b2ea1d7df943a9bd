"""Pictures, drawn by matplotlib, which is imported when one is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nlptool.errors import RunError

FORMATS = (".png", ".svg", ".pdf")


def check(path: str) -> None:
    """
    Raises:
        RunError: ``path`` is no name of a picture, or there is no such folder.
    """
    if Path(path).suffix.lower() not in FORMATS:
        raise RunError(f"{path}: a picture is a {', '.join(FORMATS)} file")
    if not Path(path).resolve().parent.is_dir():
        raise RunError(f"cannot write {path}: there is no such folder")


def curves(lines: Sequence[Mapping[str, Any]], path: str) -> None:
    """Draw how a training went, a panel for each value that ``lines`` have, over the minutes; stages in turn.

    Args:
        lines: of ``curves.jsonl``: stage, seconds, and values whose names end in ``_loss`` or begin with ``dev_``.

    Raises:
        RunError: the file cannot be written.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "nlptool"  # the same picture each time
    from matplotlib import pyplot

    names = list(dict.fromkeys(name for line in lines for name in line if name.endswith("_loss") or name[:4] == "dev_"))
    stages = list(dict.fromkeys(line["stage"] for line in lines))
    figure, panels = pyplot.subplots(
        max(1, len(names)), 1, sharex=True, squeeze=False, figsize=(8, 2.4 * max(1, len(names))), layout="constrained"
    )
    start = 0.0
    for number, stage in enumerate(stages):
        own = [line for line in lines if line["stage"] == stage]
        for name, panel in zip(names, panels[:, 0], strict=False):
            points = [((start + line["seconds"]) / 60, line[name]) for line in own if name in line]
            if points:
                marker = "o" if name[:4] == "dev_" else ""
                panel.plot(*zip(*points, strict=True), label=stage, color=f"C{number}", marker=marker, linewidth=1)
        start += own[-1]["seconds"]
    for name, panel in zip(names, panels[:, 0], strict=False):
        panel.set_ylabel(name.replace("_", " "))
        panel.grid(alpha=0.3)
    if names:
        panels[0, 0].legend()
    panels[-1, 0].set_xlabel("minutes")
    try:
        date = {".svg": "Date", ".pdf": "CreationDate"}.get(Path(path).suffix.lower())
        figure.savefig(path, dpi=120, metadata={date: None} if date else None)
    except (OSError, ValueError) as error:
        raise RunError(f"cannot write {path}: {error}") from error
    finally:
        pyplot.close(figure)
