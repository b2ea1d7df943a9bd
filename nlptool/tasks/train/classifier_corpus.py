"""The data of ``train classifier``: labelled examples are read, the kind of each task is found, and a part is held out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nlptool.errors import RunError, WrongUsage
from nlptool.models.heads.task import METRICS, USUAL_METRICS, Task
from nlptool.records import labelled, labels
from nlptool.records.labelled import Columns, Example
from nlptool.records.labels import Label
from nlptool.records.pipe import Pipe
from nlptool.tasks.train.held_out import DEV_SEED

_MIN_EXAMPLES = 2
_MANY_CLASSES = 1000
_BANDS = 10  # of scores, each of which gives its share to the dev part
_SHOWN = 5  # labels in a message


@dataclass(frozen=True, slots=True)
class TaskFile:
    """What the options say of a task."""

    name: str = ""  # "" of a training on one task without a name
    path: str | None = None  # None: the input of the command
    columns: Columns = field(default_factory=Columns)
    kind: str | None = None  # classification | multilabel | regression; None: found from the labels
    dev: str | float = 0.1  # the held-out examples: a share, or a file
    metric: str | None = None  # by which the best weights are chosen; None: the usual one


@dataclass(frozen=True, slots=True)
class LabelledTask:
    """A task with its examples, whose labels are classes (str), sets of them (tuple), or scores (float)."""

    task: Task
    train: list[Example]
    dev: list[Example]  # [] where none is held out

    def counts(self) -> dict[str, Any]:
        """Return the part of a manifest that counts the examples."""
        found: dict[str, Any] = {"n_examples": len(self.train), "n_dev_examples": len(self.dev)}
        if self.task.kind != "regression":
            of_label = Counter(name for example in self.train for name in labels.as_set(example.label or ()))
            found["n_examples_of_label"] = {label: of_label[label] for label in self.task.labels}
        return found

    def targets(self, examples: Sequence[Example]) -> Any:
        """Return the labels as arrays: (N,) int64 numbers of classes, (N, K) float32 with 1 for a label that applies, or (N,)
        float32 scores."""
        numbers = {label: number for number, label in enumerate(self.task.labels)}
        if self.task.kind == "regression":
            return np.array([example.label for example in examples], np.float32)
        if self.task.kind == "classification":
            return np.array([numbers[str(example.label)] for example in examples], np.int64)
        rows = np.zeros((len(examples), len(numbers)), np.float32)
        for row, example in enumerate(examples):
            rows[row, [numbers[name] for name in labels.as_set(example.label or ())]] = 1.0
        return rows


def read(pipe: Pipe, files: Sequence[TaskFile]) -> list[LabelledTask]:
    """Read the examples of every task, those of ``pipe`` for one without a file, and hold out a part of each.

    Examples of any tasks that share a text are held out together, as far as their shares are the same.

    Raises:
        RunError: there are too few examples, one class alone, or most records failed.
        WrongUsage: the metric is none of the kind of task.
    """
    tasks = [_read(pipe, file) for file in files]
    held_out = _held_out(tasks)
    for each, is_dev in zip(tasks, held_out, strict=True):
        if each.file.dev and not isinstance(each.file.dev, str) and not any(is_dev):
            pipe.note(f"{each.where}no part of the examples can be held out, nothing is judged: --dev FILE")
    made = [_task(pipe, each, is_dev) for each, is_dev in zip(tasks, held_out, strict=True)]
    _note_seen(pipe, made)
    return made


@dataclass(frozen=True, slots=True)
class _Read:
    """A task whose examples have been read."""

    file: TaskFile
    kind: str
    examples: list[Example]
    dev: list[Example]  # of a file

    @property
    def where(self) -> str:
        """What begins a message about it."""
        return f"task {self.file.name}: " if self.file.name else ""


def _read(pipe: Pipe, file: TaskFile) -> _Read:
    examples = _examples(pipe, file.path, file.columns)
    where = f"task {file.name}: " if file.name else ""
    if len(examples) < _MIN_EXAMPLES:
        number = "one example is" if examples else "no examples are"
        raise RunError(f"{where}{number} too little to learn from", hint="a text and a label a record")
    kind, reason = (file.kind, "") if file.kind else labels.kind_of([_label(example) for example in examples])
    if reason:
        pipe.note(f"{where}--kind {kind}: {reason}")
    if n_conflicts := labelled.conflicting(examples):
        pipe.note(f"{where}texts that stand there with different labels: {n_conflicts:,}; all of them are learned from")
    dev: list[Example] = []
    if isinstance(file.dev, str):
        dev = _with_labels_of(kind, _examples(pipe, file.dev, file.columns))
        if not dev:
            raise RunError(f"{file.dev} has no examples to judge by", hint="--dev 0: none")
    return _Read(file, kind, _with_labels_of(kind, examples), dev)


def _held_out(tasks: Sequence[_Read]) -> list[list[bool]]:
    """Return which examples of each task are held out. Tasks with the same share are divided together."""
    held_out = [[False] * len(each.examples) for each in tasks]
    for share in {each.file.dev for each in tasks if isinstance(each.file.dev, float) and each.file.dev}:
        from nlptool.training import splits

        places = [
            (number, index)
            for number, each in enumerate(tasks)
            if each.file.dev == share
            for index in range(len(each.examples))
        ]
        strata = {number: _strata(tasks[number]) for number in {number for number, _ in places}}
        texts = [tasks[number].examples[index].texts for number, index in places]
        labelled_places = [(number, strata[number][index]) for number, index in places]
        for (number, index), is_dev in zip(
            places, splits.stratified(texts, labelled_places, float(share), DEV_SEED).tolist(), strict=True
        ):
            held_out[number][index] = is_dev
    return held_out


def _task(pipe: Pipe, read: _Read, is_dev: Sequence[bool]) -> LabelledTask:
    file, kind, where = read.file, read.kind, read.where
    train = [example for example, held_out in zip(read.examples, is_dev, strict=True) if not held_out]
    dev = read.dev or [example for example, held_out in zip(read.examples, is_dev, strict=True) if held_out]
    preset = file.columns.preset
    names = _names(kind, train, preset.labels if preset else (), where, pipe)
    metric = file.metric or (preset.metric if preset and preset.kind == kind else USUAL_METRICS[kind])
    metrics = [name for name in METRICS[kind] if name != "f1" or len(names) == 2]
    if metric not in metrics:
        what = f"a {kind}" + (f" of {len(names)} classes" if kind == "classification" else "")
        raise WrongUsage(f"{where}--metric {metric} is no metric of {what}: {', '.join(metrics)}")
    task = Task(file.name, kind, len(train[0].texts), names, metric)
    if (of_texts := {len(example.texts) for example in dev}) - {task.n_texts}:
        raise RunError(
            f"{where}the dev examples have {max(of_texts)} texts each, and those of the training {task.n_texts}"
        )
    known = [example for example in dev if kind == "regression" or set(labels.as_set(_label(example))) <= {*names}]
    if len(known) < len(dev):
        pipe.note(
            f"{where}dev examples with labels that the training does not have, left out: {len(dev) - len(known):,}"
        )
    classes = f"; labels: {_shown(names)}" if names else ""
    pipe.note(f"{where}examples: {len(train):,}, to judge by: {len(known):,}{classes}")
    return LabelledTask(task, train, known)


def _note_seen(pipe: Pipe, tasks: Sequence[LabelledTask]) -> None:
    """Say how many dev examples have a text that one of the tasks learns from."""
    texts = {text for each in tasks for example in each.train for text in example.texts}
    for each in tasks:
        if n_seen := sum(not texts.isdisjoint(example.texts) for example in each.dev):
            where = f"task {each.task.name}: " if each.task.name else ""
            pipe.note(f"{where}{n_seen:,} of {len(each.dev):,} dev examples have a text that is learned from, too")


def _label(example: Example) -> Label:
    return "" if example.label is None else example.label


def _examples(pipe: Pipe, path: str | None, columns: Columns) -> list[Example]:
    if path is None:
        found = labelled.read(pipe, columns)
        pipe.refuse_failed("most records failed: these are no labelled examples, and nothing is trained")
        return found
    with pipe.beside(path) as beside:
        found = labelled.read(beside, columns)
        beside.refuse_failed(f"{path}: most of its records are no labelled examples")
    return found


def _with_labels_of(kind: str, examples: Sequence[Example]) -> list[Example]:
    """Return examples whose labels are those of a kind: names, tuples of names, or numbers.

    Raises:
        RunError: a label is none of that kind.
    """
    found: Sequence[Label] = [_label(example) for example in examples]
    if kind == "regression":
        found = labels.as_numbers(found)
    elif kind == "multilabel":
        found = [labels.as_set(label) for label in found]
    else:
        found = labels.as_classes(found)
    return [Example(example.texts, label) for example, label in zip(examples, found, strict=True)]


def _strata(read: _Read) -> Sequence[Hashable]:
    """Return what each example counts as when a part is held out: its label, or a band of scores."""
    if read.kind != "regression":
        return [_label(example) for example in read.examples]
    scores = np.array([example.label for example in read.examples], np.float64)
    ends = np.quantile(scores, np.linspace(0, 1, _BANDS + 1)[1:-1])
    bands: list[int] = np.searchsorted(ends, scores).tolist()
    return bands


def _names(kind: str, examples: Sequence[Example], of_preset: Sequence[str], where: str, pipe: Pipe) -> tuple[str, ...]:
    """Return the labels of a task, in the order of its outputs; () for scores.

    Raises:
        RunError: there is one class alone, or nearly as many as examples.
    """
    if kind == "regression":
        if len({example.label for example in examples}) < 2:
            raise RunError(f"{where}all scores are the same: there is nothing to learn")
        return ()
    counts = Counter(name for example in examples for name in labels.as_set(_label(example)))
    if len(counts) < (2 if kind == "classification" else 1):
        only = f"one class alone, `{labels.shortened(next(iter(counts)))}`" if counts else "no labels at all"
        raise RunError(
            f"{where}the examples have {only}: there is nothing to learn", hint="--label NAME names the label"
        )
    if len(counts) > _MANY_CLASSES and 2 * len(counts) > len(examples):
        raise RunError(
            f"{where}{len(counts):,} different labels for {len(examples):,} examples are no classes",
            hint="--label NAME names the label; --kind regression takes numbers as scores",
        )
    rare = [label for label, count in counts.items() if count == 1]
    if rare:
        pipe.note(f"{where}labels with a single example, which can hardly be learned: {_shown(sorted(rare))}")
    if set(counts) <= set(of_preset):
        return tuple(of_preset)
    return tuple(
        sorted(counts, key=lambda label: (not label.isdecimal(), int(label) if label.isdecimal() else 0, label))
    )


def summary(tasks: Sequence[LabelledTask], scores: Mapping[str, float]) -> str:
    """Return the scores on dev by which the tasks are judged, as a line for stderr.

    Args:
        scores: by the names of the metrics, with the name of the task before them if there are several.
    """
    told = []
    for each in tasks:
        name = f"{each.task.name}_{each.task.metric}" if len(tasks) > 1 else each.task.metric
        if name in scores:
            told.append(f"{name.replace('_', ' ')} {scores[name]:.4f}")
    return f"on dev {', '.join(told)}" if told else "done; no examples were held out"


def _shown(names: Sequence[str]) -> str:
    more = f" … ({len(names):,})" if len(names) > _SHOWN else ""
    return ", ".join(map(labels.shortened, names[:_SHOWN])) + more
