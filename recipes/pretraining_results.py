"""The results of ``pretraining.py``: the CPU time of its parts, the table, and the picture."""

from __future__ import annotations

import contextlib
import json
import resource
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from nlptool.plots.figure import figure

_PHASES = "cpu.jsonl"


@contextlib.contextmanager
def phase(work: Path, name: str) -> Iterator[None]:
    """Add the CPU time of a part of the work to the file of all parts, of one that is interrupted as well."""
    before = _cpu_seconds()
    try:
        yield
    finally:
        with (work / _PHASES).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"phase": name, "seconds": round(_cpu_seconds() - before, 2)}) + "\n")


def _cpu_seconds() -> float:
    """Return the CPU time of this process and of those that it ran."""
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def write(work: Path, results: Sequence[dict[str, Any]], labels: Mapping[str, Sequence[str]], *, steps: int) -> None:
    """Write ``results.json``, ``results.md`` and ``pretraining.png``.

    Args:
        results: of each network: title, accuracy of each seed, and what else is known of it: mlm, nsp.
        labels: of the examples of train and dev.
        steps: of the pre-training.
    """
    ((most, _),) = Counter(labels["train"]).most_common(1)
    majority = labels["dev"].count(most) / len(labels["dev"])
    minutes = Counter[str]()
    for line in (work / _PHASES).read_text(encoding="utf-8").splitlines():
        of_phase = json.loads(line)
        minutes[of_phase["phase"]] += of_phase["seconds"] / 60
    about = {"steps": steps, "majority": majority, "results": list(results), "cpu_minutes": dict(minutes)}
    (work / "results.json").write_text(json.dumps(about, indent=2, ensure_ascii=False), encoding="utf-8")
    lines = [f"Majority: {majority:.3f}. CPU minutes: {minutes.total():.1f}.", "", *table(results), ""]
    lines += [
        "| phase | CPU minutes |",
        "|---|---:|",
        *(f"| {name} | {spent:.1f} |" for name, spent in minutes.items()),
    ]
    (work / "results.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    draw(results, majority, work / "pretraining.png")


def table(results: Sequence[dict[str, Any]]) -> list[str]:
    """Return the lines of a table in Markdown."""
    lines = ["| network | masked tokens | next sentences | JSICK, mean | seeds |", "|---|---:|---:|---:|---|"]
    for result in results:
        held_out = [f"{result[name]:.1%}" if name in result else "–" for name in ("mlm", "nsp")]
        seeds = " ".join(f"{accuracy:.3f}" for accuracy in result["accuracy"])
        lines.append(f"| {result['title']} | {' | '.join(held_out)} | {fmean(result['accuracy']):.3f} | {seeds} |")
    return lines


def draw(results: Sequence[dict[str, Any]], majority: float, path: Path) -> None:
    """Draw the accuracy on JSICK of each network: a point for each seed, and a line at their mean."""
    with figure(str(path), (6.0, 0.34 * len(results) + 0.8)) as drawn:
        axes = drawn.add_axes((0.26, 0.17, 0.7, 0.8))
        bert, *_ = (fmean(result["accuracy"]) for result in results)
        axes.axvline(majority, color="#888888", linestyle=":", label="largest class")
        axes.axvline(bert, color="#3b6ea8", linewidth=0.8, alpha=0.5, label="mean of BERT, 2 × 128")
        for row, result in enumerate(results):
            accuracies = result["accuracy"]
            axes.plot(accuracies, [row] * len(accuracies), "o", color="#3b6ea8", alpha=0.6, markersize=5)
            axes.plot([fmean(accuracies)] * 2, [row - 0.3, row + 0.3], color="#c0392b", linewidth=2)
        axes.set_yticks(range(len(results)), [result["title"] for result in results], fontsize=9)
        axes.set_ylim(len(results) - 0.5, -0.5)
        axes.set_xlabel("accuracy on the dev part of JSICK: three seeds and their mean", fontsize=9)
        axes.grid(axis="x", alpha=0.3)
        axes.legend(fontsize=8, loc="best")
