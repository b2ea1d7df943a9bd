"""The scores of answers for a person, as tables."""

from __future__ import annotations

from typing import Any

from nlptool.tasks.evaluate.judgement_tables import shown, spelled
from nlptool.terminal import tables

_PARTS = {"": "all questions", "has_answer": "with an answer", "no_answer": "without an answer"}


def drawn(record: dict[str, Any]) -> str:
    """Return the tables of a file's scores, with a heading."""
    heading = f"{record['file']}: {record['metric']}, {record['questions']:,} of {record['records']:,} questions\n"
    rows = []
    for part, what in _PARTS.items():
        prefix = f"{part}_" if part else ""
        if f"{prefix}exact" in record:
            number = record[part or "questions"]
            scores = [cell for name in ("exact", "f1") for cell in _cells(record, prefix + name)]
            rows.append([what, spelled(number), *scores])
    columns = ("questions", "n", "exact match", "95 % interval", "F1", "95 % interval ")
    drawing = heading + "\n" + tables.table(columns, rows, right=("n", "exact match", "F1"))
    if "best_exact" not in record:
        return drawing
    best = [
        [what, spelled(record[f"best_{name}"]), shown(f"{record[f'best_{name}_threshold']:g}")]
        for name, what in (("exact", "exact match"), ("f1", "F1"))
    ]
    return drawing + "\n" + tables.table(("best", "score", "threshold"), best, right=("score", "threshold"))


def _cells(record: dict[str, Any], name: str) -> list[str]:
    interval = record.get(f"{name}_interval")
    return [spelled(record[name]), "–".join(map(spelled, interval)) if interval else ""]
