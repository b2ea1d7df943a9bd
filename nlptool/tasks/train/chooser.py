"""Train a chooser: which of several choices goes with a text."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlptool.models.heads.folder import CHOOSER
from nlptool.records.pipe import Pipe
from nlptool.specs import BaseSpec
from nlptool.tasks.train import chooser_corpus
from nlptool.tasks.train.card import Card
from nlptool.tasks.train.finetuning import finetune
from nlptool.tasks.train.run import ModelOutput, Stop, TrainedModel, run_training, scripts_of
from nlptool.tasks.train.work import held, remember_input

if TYPE_CHECKING:
    from nlptool.training.finetuning.examples import TaskData

_WORK_FILES = ("chooser-*",)


def train_chooser(
    pipe: Pipe,
    output: ModelOutput,
    spec: BaseSpec,
    *,
    dev: float | str,
    **settings: Any,
) -> None:
    """Train a chooser on contexts with choices, of which one is right.

    Args:
        dev: a share of the examples to hold out, or a file.
        settings: the fields of ``FinetuningSettings``.

    Raises:
        RunError: there are no examples, the training went wrong, or a folder cannot be written.
        ModelError: the base model is not there, or is none that can be trained.
        KeyboardInterrupt: the training was stopped; a checkpoint has been written.
    """
    began = time.monotonic()
    with pipe.bar, held(pipe, output, CHOOSER.manifest, _WORK_FILES) as folder:
        found = chooser_corpus.read(pipe, dev)
        remember_input(pipe)

        def train(work: Path, stop: Stop) -> TrainedModel:
            def data_of(tokenizer: Any, about: dict[str, Any], _: str) -> list[TaskData]:
                from nlptool.models.heads.tokenizer import TextTokenizer

                return [found.as_ids(TextTokenizer(tokenizer, about), pipe)]

            training, made, save = finetune(
                pipe, output, work, stop, spec, tasks=[found.task], data_of=data_of, family=CHOOSER, began=began, **settings
            )  # fmt: skip
            manifest = {
                **made,
                "tasks": [found.task.as_dict() | found.counts()],
                **scripts_of([text for each in found.train for text in (each.context, *each.endings)]),
            }
            accuracy = training.scores.get("accuracy")
            summary = "done; no examples were held out" if accuracy is None else f"on dev accuracy {accuracy:.4f}"
            return TrainedModel(training.curves, manifest, save, summary, _card(manifest))

        run_training(pipe, output, folder, CHOOSER.manifest, train)


def _card(manifest: dict[str, Any]) -> Card:
    (task,) = manifest["tasks"]
    return Card(
        header="---\nlibrary_name: transformers\npipeline_tag: multiple-choice\n---\n\n",
        text=f"A chooser of {manifest['n_parameters']:,} parameters: {manifest['base']}, fine-tuned by `nlptool train chooser`; "
        "`nlptool choose` runs it.",
        facts=[
            f"{task['n_examples']:,} examples of {task['n_choices']} choices, {task['n_dev_examples']:,} of dev; chance "
            f"{1 / task['n_choices']:.2f}"
        ],
        scores="Scores on dev",
    )
