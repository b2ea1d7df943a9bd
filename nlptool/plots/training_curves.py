"""Plots of training curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nlptool.plots import figure as plot_figure
from nlptool.plots import labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DEV = "dev_"
_TRAIN, _HELD_OUT = "#0072b2", "#d55e00"  # of the colour-blind palette of ``markers``
_LOSS, _SCORE = 2.6, 1.5  # inches of a panel
_SPELLED = {"bleu": "BLEU", "chrf": "chrF", "mlm": "MLM", "nsp": "NSP", "spearman": "Spearman's ρ"}

Line = Mapping[str, Any]


def curves(lines: Sequence[Line], path: str) -> None:
    """Draw training curves over the epochs: a panel for each loss, of the training and on the dev set, and below them one
    for each other score. Stages follow each other.

    Args:
        lines: the records of ``curves.jsonl``: stage, step, epoch (of older trainings not), and values; those whose names end in
            ``loss`` or begin with ``dev_`` are drawn.

    Raises:
        RunError: the file cannot be written.
    """
    names = list(
        dict.fromkeys(name for line in lines for name in line if name.endswith("_loss") or name.startswith(_DEV))
    )
    measures = sorted(dict.fromkeys(map(_measure, names)), key=lambda measure: not measure.endswith("loss"))
    unit = "epoch" if all("epoch" in line for line in lines) else "step"
    positions, ends = _positions(lines, unit)
    heights = [_LOSS if measure.endswith("loss") else _SCORE for measure in measures] or [_LOSS]
    with plot_figure.figure(path, (8, sum(heights) + 0.5)) as figure:
        figure.set_layout_engine("constrained")
        panels = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
        for measure, panel in zip(measures, panels, strict=False):
            for name in names:
                if _measure(name) == measure:
                    _draw(panel, name, lines, positions)
            panel.set_ylabel("\n".join(labels.wrap(_spelled(measure), 20, 2)), fontsize=9)
            panel.legend(frameon=False, fontsize=8)
            for end in list(ends.values())[:-1]:
                panel.axvline(end, color="0.6", linewidth=0.8, linestyle="--")
        for panel in panels:
            panel.grid(alpha=0.25, linewidth=0.5)
            panel.tick_params(labelsize=8, color="0.6", labelcolor="0.3")
        if len(ends) > 1:
            _name_stages(panels[0], ends)
        panels[-1].set_xlim(0, max(positions, default=1) * 1.01 or 1)
        panels[-1].set_xlabel(f"{unit}s", fontsize=9)
        figure.align_ylabels()


def _measure(name: str) -> str:
    """Return what a curve measures, the same for training and dev set: loss of train_loss and dev_loss."""
    return name.removeprefix(_DEV).removeprefix("train_")


def _spelled(measure: str) -> str:
    return " ".join(_SPELLED.get(word, word) for word in measure.split("_"))


def _positions(lines: Sequence[Line], unit: str) -> tuple[list[float], dict[str, float]]:
    """Return the place of each line on the axis, and where each stage ends; a stage begins where the one before it ends."""
    begin = 0.0
    positions: list[float] = []
    ends: dict[str, float] = {}
    for line in lines:
        if line["stage"] not in ends:
            begin = max(ends.values(), default=0.0)
        positions.append(begin + line[unit])
        ends[line["stage"]] = positions[-1]
    return positions, ends


def _draw(panel: Axes, name: str, lines: Sequence[Line], positions: Sequence[float]) -> None:
    """Draw a curve, broken between stages."""
    held_out = name.startswith(_DEV)
    label, colour, thickness = ("dev", _HELD_OUT, 1.5) if held_out else ("train", _TRAIN, 1.0)
    points: dict[str, list[tuple[float, float]]] = {}
    for at, line in zip(positions, lines, strict=True):
        if name in line:
            points.setdefault(line["stage"], []).append((at, line[name]))
    for of_stage in points.values():
        marker = "o" if held_out or len(of_stage) == 1 else ""
        x, y = zip(*of_stage, strict=True)
        panel.plot(x, y, label=label, color=colour, linewidth=thickness, marker=marker, markersize=3)
        label = "_"  # is in no legend


def _name_stages(panel: Axes, ends: Mapping[str, float]) -> None:
    """Write the names of stages above them."""
    begin = 0.0
    for stage, end in ends.items():
        panel.annotate(
            stage, ((begin + end) / 2, 1), (0, 3), xycoords=panel.get_xaxis_transform(), textcoords="offset points",
            ha="center", fontsize=8, color="0.4",
        )  # fmt: skip
        begin = end
