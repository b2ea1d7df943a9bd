"""Train a reader: the answer to a question in a text."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlptool.models.heads.folder import READER
from nlptool.records.pipe import Pipe
from nlptool.specs import BaseSpec
from nlptool.tasks.train import reader_corpus
from nlptool.tasks.train.card import Card
from nlptool.tasks.train.finetuning import finetune
from nlptool.tasks.train.run import ModelOutput, Stop, TrainedModel, run_training, scripts_of
from nlptool.tasks.train.work import held, remember_input

if TYPE_CHECKING:
    from nlptool.training.finetuning.examples import TaskData

LONGEST = 384
"""Tokens of a question with a part of its context, unless another number is given."""

_WORK_FILES = ("reader-*",)


def train_reader(
    pipe: Pipe,
    output: ModelOutput,
    spec: BaseSpec,
    *,
    dev: float | str,
    metric: str | None,
    **settings: Any,
) -> None:
    """Train a reader on questions whose answers stand in their contexts.

    Args:
        dev: a share of the questions to hold out, or a file.
        metric: by whose rules dev is judged; None: that of the data set that the questions look like.
        settings: the fields of ``FinetuningSettings``.

    Raises:
        RunError: there are no questions, the training went wrong, or a folder cannot be written.
        ModelError: the base model is not there, or is none that can be trained.
        KeyboardInterrupt: the training was stopped; a checkpoint has been written.
    """
    began = time.monotonic()
    settings["max_length"] = settings["max_length"] or LONGEST
    with pipe.bar, held(pipe, output, READER.manifest, _WORK_FILES) as folder:
        found = reader_corpus.read(pipe, dev, metric)
        remember_input(pipe)

        def train(work: Path, stop: Stop) -> TrainedModel:
            from nlptool.models.readers.windows import OF_WORDS, QuestionWindows

            def data_of(tokenizer: Any, about: dict[str, Any], _: str) -> list[TaskData]:
                return [found.as_ids(QuestionWindows(tokenizer, {**about, "pieces": OF_WORDS}), pipe)]

            training, made, save = finetune(
                pipe, output, work, stop, spec, tasks=[found.task], data_of=data_of, family=READER, began=began, **settings
            )  # fmt: skip
            scores = training.scores
            manifest = {
                **made,
                "tasks": [found.task.as_dict() | found.counts()],
                "metric": found.metric,
                "pieces": OF_WORDS,
                **({"threshold": scores["threshold"]} if "threshold" in scores else {}),
                **scripts_of([text for each in found.train for text in (each.question, each.context)]),
            }
            return TrainedModel(training.curves, manifest, save, _summary(scores), _card(manifest))

        run_training(pipe, output, folder, READER.manifest, train)


def _summary(scores: Mapping[str, float]) -> str:
    """Return the scores on dev as a line for stderr."""
    told = [f"{name.replace('_', ' ')} {scores[name]:.4f}" for name in ("exact", "f1", "threshold") if name in scores]
    return f"on dev {', '.join(told)}" if told else "done; no questions were held out"


def _card(manifest: dict[str, Any]) -> Card:
    (task,) = manifest["tasks"]
    without = f", {task['n_without_answer']:,} of them without an answer" if "n_without_answer" in task else ""
    return Card(
        header="---\nlibrary_name: transformers\npipeline_tag: question-answering\n---\n\n",
        text=f"A reader of {manifest['n_parameters']:,} parameters: {manifest['base']}, fine-tuned by `nlptool train reader`; "
        "`nlptool answer` runs it.",
        facts=[
            f"{task['n_examples']:,} questions{without}, {task['n_dev_examples']:,} of dev, judged as by {manifest['metric']}"
        ],
        scores="Scores on dev",
    )
