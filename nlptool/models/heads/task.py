"""What a classifier has learned to say of a text or of a pair of texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nlptool.errors import ModelError

KINDS = ("classification", "multilabel", "regression")
TAGS = "tags"
"""The kind of a task that says a tag of each word."""
SPAN = "span"
"""The kind of a task that says where in a text the answer to a question stands."""
CHOICE = "choice"
"""The kind of a task that gives a number to each of some choices, of which one is right."""

METRICS = {
    "classification": ("accuracy", "f1", "macro_f1", "matthews"),
    "multilabel": ("accuracy", "micro_f1", "macro_f1"),
    "regression": ("pearson", "spearman"),
    TAGS: ("f1", "accuracy"),
    SPAN: ("f1", "exact"),
    CHOICE: ("accuracy",),
}
"""The metrics of each kind by which the best weights may be chosen; f1 of two classes alone. Higher is better for all."""

USUAL_METRICS = {"classification": "accuracy", "multilabel": "micro_f1", "regression": "spearman"}
"""The metric by which the best weights are chosen, unless the data have one of their own."""


@dataclass(frozen=True, slots=True)
class Task:
    """One question that a classifier answers."""

    name: str  # "" if it has but one, without a name
    kind: str  # one of ``KINDS``: one class of several, any number of labels, or a number
    n_texts: int  # that are read together: 1 or 2; 0: either, which a model of the hub does not say
    labels: tuple[str, ...]  # of the outputs, in their order; () for a number
    metric: str  # one of ``METRICS`` of its kind
    scheme: str = ""  # of tags that mark entities: one of ``taggers.schemes.SCHEMES``

    @property
    def n_outputs(self) -> int:
        """Return the number of outputs of its head; of a span these are its start and its end."""
        return 2 if self.kind == SPAN else max(1, len(self.labels))

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        about = {
            "name": self.name, "kind": self.kind, "n_texts": self.n_texts, "labels": list(self.labels), "metric": self.metric
        }  # fmt: skip
        return about | ({"scheme": self.scheme} if self.kind == TAGS else {})


def of_manifest(about: Mapping[str, Any], where: str, kinds: Sequence[str] = KINDS) -> tuple[Task, ...]:
    """Return the tasks of a manifest.

    Args:
        where: the manifest's file, for messages.
        kinds: those that its tasks may be of.

    Raises:
        ModelError: they are none.
    """
    try:
        found = tuple(_task(entry, kinds) for entry in about["tasks"])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{where} is damaged: its tasks cannot be read ({error})") from error
    if not found or len({task.name for task in found}) < len(found):
        raise ModelError(f"{where} is damaged: it has {'two tasks of one name' if found else 'no tasks'}")
    return found


def _task(entry: Mapping[str, Any], kinds: Sequence[str]) -> Task:
    labels: Sequence[Any] = entry["labels"]
    task = Task(
        str(entry["name"]), str(entry["kind"]), int(entry["n_texts"]), tuple(map(str, labels)), str(entry["metric"]),
        str(entry.get("scheme", "")),
    )  # fmt: skip
    if task.kind not in kinds or task.n_texts not in (0, 1, 2) or not isinstance(labels, list):
        raise ValueError(f"{task.kind} of {task.n_texts} texts")
    n_least = {"classification": 2, TAGS: 2, "multilabel": 1, "regression": 0, SPAN: 0, CHOICE: 0}[task.kind]
    if len(set(task.labels)) < len(task.labels) or len(task.labels) < n_least or (n_least == 0 and task.labels):
        raise ValueError(f"{task.kind} with the labels {list(task.labels)}"[:100])
    return task
