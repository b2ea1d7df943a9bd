"""The class, the labels or the number that a classifier gives each record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import orjson

from nlptool.errors import RecordError, RunError
from nlptool.models.heads.task import TAGS
from nlptool.models.runtime.one_by_one import GOOD_TEXT
from nlptool.records import pairs
from nlptool.records.formats.record_rows import Layout
from nlptool.records.json_bytes import fields, renamed, type_of
from nlptool.records.known_columns import PAIRS, TEXTS, Preset
from nlptool.records.labelled import Columns
from nlptool.records.notes import notes
from nlptool.records.pairs import texts_of as pair_of
from nlptool.records.record import InputFormat, Record, lone_surrogate
from nlptool.tasks.each_record import EachRecord, with_read
from nlptool.tasks.entries import model_entry
from nlptool.text.scripts import LONE_SURROGATE

if TYPE_CHECKING:
    from nlptool.models.classifiers.outputs import Classifier
    from nlptool.models.heads.task import Task

GOLD = "gold"
"""The field under which a record keeps the label that it came with, if the result has the same name."""

RESULTS = {"classification": "label", "multilabel": "labels", "regression": "value"}
"""The name of the result of each kind of task."""

NOTES = notes("truncated", "n_chunks", "n_unknown of a classifier")

PAIR_NAMES = (*PAIRS, pairs.PAIR_FIELDS[-1])
"""Names of the two texts of a pair, and the columns of a table without names."""


class HasTasks(Protocol):
    """An open model with heads."""

    @property
    def name(self) -> str: ...

    @property
    def tasks(self) -> Mapping[str, Task]: ...


TextsOf = Callable[[Record], tuple[str, ...]]


def task_of(model: HasTasks, name: str | None) -> Task:
    """Return the task of a model that is asked for.

    Args:
        name: of the task; None: the only one.

    Raises:
        RunError: there is no such task, or there are several to choose from.
    """
    tasks = model.tasks
    listed = ", ".join(f"{task.name} ({_described(task)})" for task in tasks.values())
    if name is None:
        if len(tasks) > 1:
            raise RunError(f"{model.name} has {len(tasks)} tasks: --task is one of {listed}")
        return next(iter(tasks.values()))
    if name not in tasks:
        one = f"has one task, called {next(iter(tasks))!r}" if "" not in tasks else "has one task, without a name"
        said = f"its tasks are {listed}" if len(tasks) > 1 else f"it {one}"
        raise RunError(f"{model.name} has no task {name!r}: {said}")
    return tasks[name]


def _described(task: Task) -> str:
    if task.kind == TAGS:
        return f"{len(task.labels)} tags"
    what = "a number" if task.kind == "regression" else f"{len(task.labels)} labels"
    return f"{what} for {'a pair' if task.n_texts == 2 else 'a text'}"


def reader(
    form: InputFormat, task: Task, names: tuple[str, str] | None, preset: Preset | None = None
) -> tuple[InputFormat, TextsOf]:
    """Return how the input is read for a task, and what returns the texts of a record: one or two.

    Args:
        names: of the two texts of a pair.
        preset: a data set whose columns are known; what its label is called becomes ``GOLD``.

    Raises:
        RunError: the names are of a pair, and the task reads one text.
        WrongUsage: the preset has another number of texts.
    """
    if preset is not None:
        columns = Columns(labelled=False, preset=preset, n_texts=task.n_texts or None)
        return columns.form(form), partial(_texts_of_preset, columns)
    if task.n_texts == 1 and names is not None:
        raise RunError("the task reads one text: --field NAME names it")
    if task.n_texts == 2 or names is not None:
        accepted = [names] if names else PAIR_NAMES
        return pairs.accept_pairs(form, accepted), partial(pairs.two_texts, names=names, among=PAIRS)
    return accept_texts(form)


def accept_texts(form: InputFormat) -> tuple[InputFormat, TextsOf]:
    """Return how records are read whose text may have another of its usual names, as labelled examples have it."""
    if form.field is not None:
        return form, lambda record: (record.text,)
    return replace(form, instead=TEXTS), _usual_text


def _texts_of_preset(columns: Columns, record: Record) -> tuple[str, ...]:
    """Return the texts of a record of a data set whose columns are known, and call its label, if it has one, ``GOLD``.

    Raises:
        RecordError: a text is not there, is empty, or is something else.
    """
    values = columns.values(record)
    texts = columns.example_of(values, columns.names(values)).texts
    record.text = texts[0]
    label = columns.label_among(values)
    if label is not None:
        keep_gold(record, label)
    return texts


def _usual_text(record: Record) -> tuple[str]:
    """Return the text of a record: ``text``, or what has one of the other usual names, which is then its text. The text of a row
    of a table without ``text`` is its first column unless there is such a name.

    Raises:
        RecordError: there is something else under that name.
    """
    if record.raw is None or (record.text and b'"text"' in record.raw):
        return (record.text,)
    values = fields(record.raw)
    name = next((name for name in TEXTS if name in values), None)
    if name is None:
        return (record.text,)
    text = values[name]
    if not isinstance(text, str):
        raise RecordError(
            "NotText", f"the field `{name}` holds {type_of(text)}, not a string", hint="--field names the text"
        )
    record.text = text
    return (text,)


def classify(
    lists: Iterable[list[Record]],
    classifier: Classifier,
    task: Task,
    texts_of: TextsOf,
    *,
    k: int | None = None,
    threshold: float = 0.5,
) -> Iterator[list[Record]]:
    """Give each record the output of a task.

    Args:
        lists: windows of records.
        texts_of: returns the texts of a record, or raises a RecordError.
        k: probabilities that are written, the highest ones; None: all.
        threshold: the least probability of a label, of several that may apply.
    """
    entry = model_entry(classifier, task=task.name)
    result = RESULTS[task.kind]

    def work(items: Sequence[tuple[Record, tuple[str, ...]]]) -> None:
        found = classifier.outputs([texts for _, texts in items], task)
        for index, ((record, _), scores, said) in enumerate(zip(items, found.scores, found.entries, strict=True)):
            if index in found.errors:
                record.fail(found.errors[index])
                continue
            if not np.isfinite(scores).all():
                record.fail(RecordError("NotFinite", "the outputs of the model hold NaN or infinity"))
                continue
            keep_gold(record, result)
            record.results = {**record.results, **results(task, scores, k=k, threshold=threshold)}
            record.entry = {**entry, **said}

    good = (GOOD_TEXT,) * max(1, task.n_texts)
    classify_each = EachRecord(work, good, model=classifier)
    for records in lists:
        classify_each(with_read(records, lambda record: checked(texts_of(record))))
        yield records


def keep_gold(record: Record, result: str) -> None:
    """Keep the value that a record came with under the name of a result as ``GOLD``, for an evaluation."""
    if record.raw is not None and b'"%b"' % result.encode() in record.raw:
        record.raw = renamed(record.raw, result, GOLD)


def results(task: Task, scores: Any, *, k: int | None, threshold: float) -> dict[str, bytes]:
    """Return the results of one record as JSON: ``label`` and ``probabilities``, ``labels`` and ``probabilities``, or ``value``.

    Args:
        scores: (K,) float32: probabilities of the labels, or the number.
    """
    if task.kind == "regression":
        return {"value": as_json(scores[0])}
    order = np.argsort(-scores, kind="stable")
    listed = b",".join(b"%b:%b" % (orjson.dumps(task.labels[index]), as_json(scores[index])) for index in order[:k])
    if task.kind == "multilabel":
        chosen = [task.labels[index] for index in order if scores[index] >= threshold]
        return {"labels": orjson.dumps(chosen), "probabilities": b"{%b}" % listed}
    return {"label": orjson.dumps(task.labels[order[0]]), "probabilities": b"{%b}" % listed}


def checked(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Return the texts of a record.

    Raises:
        RecordError: one of them is empty or holds a lone surrogate.
    """
    for text in texts:
        if lone := LONE_SURROGATE.search(text):
            raise lone_surrogate(lone)
    empty = [not text.strip() for text in texts]
    if any(empty):
        which = ("the text is" if len(texts) == 1 else "both texts are" if all(empty) else
                 "the first text is" if empty[0] else "the second text is")  # fmt: skip
        raise RecordError("EmptyText", f"{which} empty")
    return texts


def as_json(value: Any) -> bytes:
    """Return numbers of numpy, or what holds some, as JSON."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def layout(task: Task) -> Layout:
    """Return the columns of the results."""
    result = RESULTS[task.kind]
    if task.kind == "regression":
        return Layout({result: float})
    return Layout({result: str if task.kind == "classification" else dict, "probabilities": dict})


class ClassRows:
    """The rows of a table: the label with its probability, the labels, or the number, and the text or the pair.

    Args:
        names: fields that the two texts may have.
    """

    def __init__(self, task: Task, names: Iterable[tuple[str, str]]) -> None:
        self._task = task
        self._names = list(names)
        self._result = RESULTS[task.kind]

    def columns(self) -> Sequence[tuple[str, type]]:
        results: dict[str, type] = {self._result: float if self._task.kind == "regression" else str}
        results |= {"probability": float} if self._task.kind == "classification" else {}
        return list((results | ({"first": str, "second": str} if self._task.n_texts == 2 else {"text": str})).items())

    def cells(self, record: Record) -> Iterator[list[Any]]:
        values: dict[str, Any] = fields(record.raw)
        values |= {"text": record.text} | dict(
            zip(pairs.PAIR_TEXTS[0], pair_of(values, self._names) or (), strict=False)
        )
        found: Mapping[str, Any] = {name: orjson.loads(value) for name, value in record.results.items()}
        values |= found
        if self._task.kind == "multilabel":
            values["labels"] = ", ".join(found["labels"])
        elif self._task.kind == "classification":
            values["probability"] = found["probabilities"][found["label"]]
        yield [values.get(name) for name, _ in self.columns()]
