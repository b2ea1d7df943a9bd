"""Labelled examples and what a classifier says of them, for an evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nlptool.errors import RecordError, RunError
from nlptool.models.runtime.one_by_one import GOOD_TEXT, OneByOne
from nlptool.records import labelled, labels
from nlptool.records.labelled import Columns, Example
from nlptool.records.labels import Label
from nlptool.records.pipe import Pipe
from nlptool.records.predictions import Predictions
from nlptool.records.record import STDIN
from nlptool.tasks.classify import RESULTS

if TYPE_CHECKING:
    from nlptool.models.classifiers.outputs import Classifier, Outputs
    from nlptool.models.heads.task import Task

_CHUNK = 4096  # examples that are classified before the bar moves


def classified(pipe: Pipe, classifier: Classifier, task: Task, columns: Columns) -> list[Predictions]:
    """Return the examples of each file of the input with the outputs of a classifier; those without an output are left out.

    Raises:
        RunError: there are no examples.
    """
    files = [_classified(pipe, path, classifier, task, columns) for path in pipe.files or ("-",)]
    files = [file for file in files if file.gold]
    if not files and not pipe.tally.input_failed:
        raise RunError("there are no labelled examples to evaluate", hint="a text, or two, and a label a record")
    return files


def _classified(pipe: Pipe, path: str, classifier: Classifier, task: Task, columns: Columns) -> Predictions:
    found = Predictions(STDIN if path == "-" else path, output=RESULTS[task.kind])
    found.models, found.tasks = {classifier.name}, {task.name} if task.name else set()
    with pipe.beside(path) as beside:
        examples = labelled.read(beside, columns)
        beside.refuse_failed(f"{found.name}: most of its records are no labelled examples")
        found.n_read = beside.tally.n_read
        found.n_without_gold = beside.tally.n_failed
    if task.kind == "regression":
        _check_numbers(examples)
    runner: OneByOne[tuple[str, ...], Outputs] = OneByOne(
        lambda texts: classifier.outputs(texts, task), (GOOD_TEXT,) * max(1, task.n_texts), name=classifier.name,
        engine=classifier.engine,
    )  # fmt: skip
    with pipe.bar:
        for first in range(0, len(examples), _CHUNK):
            chunk = examples[first : first + _CHUNK]
            for start, outcome in runner.parts([example.texts for example in chunk]):
                _add(found, chunk[start:], task, outcome)
            pipe.bar.work("classify", first + len(chunk), len(examples), "examples")
    if found.n_without_prediction:
        pipe.note(f"{found.name}: examples at which the model fails, left out: {found.n_without_prediction:,}")
    return found


def _check_numbers(examples: Sequence[Example]) -> None:
    try:
        labels.as_numbers(["" if example.label is None else example.label for example in examples])
    except RunError as error:
        raise RunError(error.message, hint="--label NAME names the field or column of the number") from error


def _add(found: Predictions, examples: Sequence[Example], task: Task, outcome: Outputs | RecordError) -> None:
    """Add the outputs for the first of some examples."""
    if isinstance(outcome, RecordError):
        found.n_without_prediction += 1
        return
    for index, (example, scores) in enumerate(zip(examples, outcome.scores, strict=False)):
        if index in outcome.errors or not np.isfinite(scores).all():
            found.n_without_prediction += 1
            continue
        found.gold.append("" if example.label is None else example.label)
        found.predicted.append(_prediction(task, scores))
        is_distribution = task.kind == "classification"
        found.probabilities.append(
            dict(zip(task.labels, map(float, scores), strict=True)) if is_distribution else None
        )  # fmt: skip
        found.lines.append(len(found.lines) + 1)


def _prediction(task: Task, scores: Any) -> Label:
    if task.kind == "regression":
        return float(scores[0])
    if task.kind == "multilabel":
        return tuple(label for label, score in zip(task.labels, scores, strict=True) if score >= 0.5)
    return task.labels[int(scores.argmax())]
