"""The scores of predictions for a person: metrics, classes and confusions as tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nlptool.tasks.evaluate.judgements import Judgement
from nlptool.terminal import tables

_METRICS = {
    "accuracy": "accuracy", "majority": "accuracy of the most frequent class", "micro_f1": "micro F1", "macro_f1": "macro F1",
    "f1": "F1", "matthews": "Matthews' correlation", "log_loss": "log loss", "ece": "expected calibration error",
    "pearson": "Pearson's r", "spearman": "Spearman's ρ", "mae": "mean absolute error", "rmse": "root mean squared error",
}  # fmt: skip
_OF_ENTITIES = {
    "precision": "precision", "recall": "recall", "f1": "F1", "macro_precision": "macro precision",
    "macro_recall": "macro recall", "macro_f1": "macro F1", "accuracy": "accuracy of the tags",
}  # fmt: skip
_ERRORS = {
    "right": "right", "label": "another label", "borders": "other borders", "both": "another label and other borders",
    "missed": "missed", "invented": "invented",
}  # fmt: skip
_MOST_CLASSES = 20  # rows of a table of classes
_MOST_IN_MATRIX = 12  # classes
_MOST_CONFUSIONS = 10  # that are listed instead
_LONGEST = 24  # characters of a label


def drawn(judgement: Judgement) -> str:
    """Return the tables of a file's scores, with a heading."""
    record = judgement.record
    n_classes = record.get("classes")
    classes = f", {n_classes:,} class{'' if n_classes == 1 else 'es'}" if n_classes is not None else ""
    parts = [f"{record['file']}: {record['kind']}, {record['used']:,} of {record['records']:,} records{classes}\n"]
    parts.append(tables.table(("metric", "score", "95 % interval"), list(_metrics(record)), right=("score",)))
    if "per_class" in record:
        parts.append(_classes(record["per_class"]))
    if "errors" in record:
        parts.append(_errors(record["errors"]))
    if judgement.confused is not None and min(record.get("accuracy", 1), record.get("f1", 1)) < 1:
        parts.append(_confused(judgement))
    return "\n".join(parts)


def _metrics(record: dict[str, Any]) -> Iterator[list[str]]:
    for name, what in (_OF_ENTITIES if record["kind"] == "entities" else _METRICS).items():
        if name in record:
            interval = record.get(f"{name}_interval")
            positive = f" of {shown(record['positive'])}" if name == "f1" and "positive" in record else ""
            yield [what + positive, spelled(record[name]), "–".join(map(spelled, interval)) if interval else ""]


def _classes(per_class: dict[str, dict[str, Any]]) -> str:
    """Return the table of the classes, the most frequent ones if there are many."""
    columns = ("n", "predicted", "precision", "recall", "f1")
    labels = list(per_class)
    if len(labels) > _MOST_CLASSES:
        labels = sorted(labels, key=lambda label: -per_class[label]["n"])[:_MOST_CLASSES]
    rows = [[shown(label), *(spelled(per_class[label][name]) for name in columns)] for label in labels]
    rest = f"and {len(per_class) - len(labels):,} more classes\n" if len(labels) < len(per_class) else ""
    return tables.table(("class", *columns), rows, right=columns) + rest


def _errors(errors: dict[str, dict[str, int]]) -> str:
    """Return the table of entities by how they differ from those of the other side."""
    rows = [
        [what, *(spelled(errors[side][name]) if name in errors[side] else "" for side in ("gold", "predicted"))]
        for name, what in _ERRORS.items()
    ]
    return tables.table(("entities", "gold", "predicted"), rows, right=("gold", "predicted"))


def _confused(judgement: Judgement) -> str:
    """Return the confusion matrix, or the largest confusions if there are many classes."""
    confused = judgement.confused
    if confused is None:
        return ""
    if len(confused.labels) > _MOST_IN_MATRIX:
        rows = [[shown(each["gold"]), shown(each["predicted"]), spelled(each["n"]), spelled(each["share"])]
                for each in judgement.record["confusions"][:_MOST_CONFUSIONS]]  # fmt: skip
        return tables.table(
            ("gold", "predicted as", "n", "share of the class"), rows, right=("n", "share of the class")
        )
    labels, counts = confused.matrix(_MOST_IN_MATRIX)
    names = [shown(label) for label in labels]
    cells = [[spelled(int(count)) for count in row] for row in counts]
    corner = r"gold \ predicted"
    rows = [[name, *row] for name, row in zip(names, cells, strict=True)]
    heads = names
    if not tables.fits([corner, *heads], rows):
        heads = [str(number) for number in range(1, len(names) + 1)]
        rows = [[f"{number} {row[0]}", *row[1:]] for number, row in enumerate(rows, 1)]
    return tables.table([corner, *heads], rows, right=heads)


def shown(label: str) -> str:
    """Return a label on one line, with tabs, line breaks and whatever else has no glyph escaped."""
    letters = (letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in label)
    text = "".join(letters)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def spelled(value: float | None) -> str:
    """Return a score with four decimals, a count as it is, and "none" for what has no value."""
    return "none" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.4f}"
