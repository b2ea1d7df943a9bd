"""Plots of training curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nlptool.plots import figure as plot_figure


def curves(lines: Sequence[Mapping[str, Any]], path: str) -> None:
    """Draw training curves over the minutes, a panel for each value in ``lines``; stages follow each other.

    Args:
        lines: the records of ``curves.jsonl``: stage, seconds, and values whose names end in ``_loss`` or begin with ``dev_``.

    Raises:
        RunError: the file cannot be written.
    """
    names = list(dict.fromkeys(name for line in lines for name in line if name.endswith("_loss") or name[:4] == "dev_"))
    stages = list(dict.fromkeys(line["stage"] for line in lines))
    with plot_figure.figure(path, (8, 2.4 * max(1, len(names)))) as figure:
        figure.set_layout_engine("constrained")
        panels = figure.subplots(max(1, len(names)), 1, sharex=True, squeeze=False)[:, 0]
        start = 0.0
        for index, stage in enumerate(stages):
            stage_lines = [line for line in lines if line["stage"] == stage]
            for name, panel in zip(names, panels, strict=False):
                points = [((start + line["seconds"]) / 60, line[name]) for line in stage_lines if name in line]
                if points:
                    marker = "o" if name[:4] == "dev_" else ""
                    panel.plot(*zip(*points, strict=True), label=stage, color=f"C{index}", marker=marker, linewidth=1)
            start += stage_lines[-1]["seconds"]
        for name, panel in zip(names, panels, strict=False):
            panel.set_ylabel(name.replace("_", " "))
            panel.grid(alpha=0.3)
        if names:
            panels[0].legend()
        panels[-1].set_xlabel("minutes")
