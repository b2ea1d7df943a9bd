"""Train a classifier."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlptool.catalog import DEFAULT_ENCODER
from nlptool.models.heads.folder import CLASSIFIER
from nlptool.records.pipe import Pipe
from nlptool.specs import BaseSpec, ClassifierSpec, as_kind
from nlptool.tasks.train import classifier_corpus
from nlptool.tasks.train.card import Card
from nlptool.tasks.train.classifier_corpus import LabelledTask, TaskFile, summary
from nlptool.tasks.train.classifier_linear import train_linear
from nlptool.tasks.train.finetuning import finetune
from nlptool.tasks.train.run import ModelOutput, Stop, TrainedModel, run_training, scripts_of
from nlptool.tasks.train.work import held, remember_input

if TYPE_CHECKING:
    from nlptool.models.heads.tokenizer import TextTokenizer
    from nlptool.training.finetuning.examples import TaskData

_WORK_FILES = ("classifier-*",)
_FEW_EXAMPLES = 1000  # with fewer, linear heads on frozen vectors do better as a rule


def train_classifier(
    pipe: Pipe,
    output: ModelOutput,
    files: Sequence[TaskFile],
    spec: BaseSpec,
    *,
    method: str,
    **settings: Any,
) -> None:
    """Train a classifier on labelled examples.

    Args:
        files: the tasks; one without a file reads the records of ``pipe``.
        method: finetune | linear | auto: linear if there are few examples.
        settings: the fields of ``FinetuningSettings``.

    Raises:
        RunError: there are too few examples, the training went wrong, or a folder cannot be written.
        ModelError: the base model is not there, or is none that can be trained.
        KeyboardInterrupt: the training was stopped; a checkpoint has been written.
    """
    began = time.monotonic()
    with pipe.bar, held(pipe, output, CLASSIFIER.manifest, _WORK_FILES) as folder:
        tasks = classifier_corpus.read(pipe, files)
        remember_input(pipe)
        chosen = _method(pipe, method, tasks)

        def fit(_: Path, stop: Stop) -> TrainedModel:
            encoder = replace(as_kind(spec, ClassifierSpec), max_length=settings["max_length"])
            return train_linear(
                pipe,
                tasks,
                spec.base or DEFAULT_ENCODER,
                encoder,
                stop,
                balance=settings["balance"],
                seed=settings["seed"],
            )

        def train(work: Path, stop: Stop) -> TrainedModel:
            def data_of(tokenizer: Any, about: dict[str, Any], pooling: str) -> list[TaskData]:
                from nlptool.models.heads.tokenizer import TextTokenizer

                texts = TextTokenizer(tokenizer, about)
                return [_as_ids(pipe, each, texts, together=pooling == "cls") for each in tasks]

            training, made, save = finetune(
                pipe, output, work, stop, spec, tasks=[each.task for each in tasks], data_of=data_of, family=CLASSIFIER,
                began=began, **settings,
            )  # fmt: skip
            manifest = {
                **made,
                "tasks": [each.task.as_dict() | each.counts() for each in tasks],
                **scripts_of([text for each in tasks for example in each.train for text in example.texts]),
            }
            return TrainedModel(training.curves, manifest, save, summary(tasks, training.scores), _card(manifest))

        run_training(pipe, output, folder, CLASSIFIER.manifest, fit if chosen == "linear" else train)


def _method(pipe: Pipe, method: str, tasks: Sequence[LabelledTask]) -> str:
    """Return the method that is taken, and say which one if it was not chosen."""
    if method != "auto":
        return method
    n_examples = sum(len(each.train) for each in tasks)
    chosen = "linear" if n_examples < _FEW_EXAMPLES else "finetune"
    fewer = "fewer than" if chosen == "linear" else "at least"
    pipe.note(f"--method {chosen}: {n_examples:,} examples, {fewer} {_FEW_EXAMPLES:,}")
    return chosen


def _as_ids(pipe: Pipe, task: LabelledTask, texts: TextTokenizer, *, together: bool) -> TaskData:
    """Return the examples of a task as token ids.

    Args:
        together: the two texts of a pair are one sequence.
    """
    from nlptool.training.finetuning.examples import Rows, TaskData

    n_truncated = 0
    parts = []
    for examples in (task.train, task.dev):
        if together:
            tokenized = [(each,) for each in texts.read([example.texts for example in examples])]
        else:
            sides = zip(*(example.texts for example in examples), strict=True)
            tokenized = list(zip(*(texts.read([(text,) for text in side]) for side in sides), strict=True))
        n_truncated += sum(any(each.truncated for each in example) for example in tokenized)
        inputs = [tuple(each.chunks[0] for each in example) for example in tokenized]
        parts.append(Rows(inputs, task.targets(examples)))
    if n_truncated:
        where = f"task {task.task.name}: " if task.task.name else ""
        pipe.note(f"{where}examples longer than --max-length {texts.max_length}, truncated: {n_truncated:,}")
    train, dev = parts
    return TaskData(task.task, train, dev)


def _card(manifest: dict[str, Any]) -> Card:
    tasks = manifest["tasks"]
    facts = [
        f"{task['name'] or 'Task'}: {task['kind']} of {'a pair of texts' if task['n_texts'] == 2 else 'a text'}, "
        f"{task['n_examples']:,} examples, {task['n_dev_examples']:,} of dev"
        + (f"; labels: {', '.join(task['labels'][:50])}" if task["labels"] else "")
        for task in tasks
    ]
    return Card(
        header="---\nlibrary_name: transformers\npipeline_tag: text-classification\n---\n\n",
        text=f"A classifier of {manifest['n_parameters']:,} parameters: {manifest['base']}, fine-tuned by `nlptool train "
        "classifier`; `nlptool classify` runs it.",
        facts=facts,
        scores="Scores on dev",
    )
