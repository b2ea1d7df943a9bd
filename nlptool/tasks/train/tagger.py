"""Train a tagger of words."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlptool.models.heads.folder import TAGGER
from nlptool.records.pipe import Pipe
from nlptool.specs import BaseSpec
from nlptool.tasks.train import tagger_corpus
from nlptool.tasks.train.card import Card
from nlptool.tasks.train.finetuning import finetune
from nlptool.tasks.train.run import ModelOutput, Stop, TrainedModel, run_training, scripts_of
from nlptool.tasks.train.tagger_corpus import TagFile, TaggedTask
from nlptool.tasks.train.work import held, remember_input

if TYPE_CHECKING:
    from nlptool.training.finetuning.examples import TaskData

_WORK_FILES = ("tagger-*",)


def train_tagger(
    pipe: Pipe,
    output: ModelOutput,
    files: Sequence[TagFile],
    spec: BaseSpec,
    *,
    scheme: str,
    **settings: Any,
) -> None:
    """Train a tagger on sentences whose words have tags.

    Args:
        files: the tasks; one without a file reads the records of ``pipe``.
        scheme: of the tags that are learned, where they mark entities.
        settings: the fields of ``FinetuningSettings``.

    Raises:
        RunError: there are too few sentences, the training went wrong, or a folder cannot be written.
        ModelError: the base model is not there, or is none that can be trained.
        KeyboardInterrupt: the training was stopped; a checkpoint has been written.
    """
    began = time.monotonic()
    with pipe.bar, held(pipe, output, TAGGER.manifest, _WORK_FILES) as folder:
        tasks = tagger_corpus.read(pipe, files, scheme=scheme)
        remember_input(pipe)

        def train(work: Path, stop: Stop) -> TrainedModel:
            def data_of(tokenizer: Any, about: dict[str, Any], _: str) -> list[TaskData]:
                from nlptool.models.taggers.pieces import WordPieces

                pieces = WordPieces(tokenizer, about)
                return [each.as_ids(pieces) for each in tasks]

            training, made, save = finetune(
                pipe, output, work, stop, spec, tasks=[each.task for each in tasks], data_of=data_of, family=TAGGER,
                began=began, **settings,
            )  # fmt: skip
            manifest = {
                **made,
                "tasks": [each.task.as_dict() | each.counts() for each in tasks],
                **scripts_of([example.text for each in tasks for example in each.train]),
            }
            return TrainedModel(training.curves, manifest, save, _summary(tasks, training.scores), _card(manifest))

        run_training(pipe, output, folder, TAGGER.manifest, train)


def _summary(tasks: Sequence[TaggedTask], scores: Mapping[str, float]) -> str:
    """Return the scores on dev by which the tasks are judged, as a line for stderr."""
    told = []
    for each in tasks:
        start = f"{each.task.name}_" if len(tasks) > 1 else ""
        if f"{start}{each.task.metric}" in scores:
            told.append(f"{start.replace('_', ' ')}{each.task.metric} {scores[f'{start}{each.task.metric}']:.4f}")
    return f"on dev {', '.join(told)}" if told else "done; no sentences were held out"


def _card(manifest: dict[str, Any]) -> Card:
    facts = [
        f"{task['name'] or 'Task'}: {len(task['n_examples_of_label'])} {'tags' if task['scheme'] == 'plain' else 'labels'} "
        f"({', '.join(list(task['n_examples_of_label'])[:50])}), {task['n_examples']:,} sentences, "
        f"{task['n_dev_examples']:,} of dev"
        for task in manifest["tasks"]
    ]
    return Card(
        header="---\nlibrary_name: transformers\npipeline_tag: token-classification\n---\n\n",
        text=f"A tagger of {manifest['n_parameters']:,} parameters: {manifest['base']}, fine-tuned by `nlptool train tagger`; "
        "`nlptool tag` runs it.",
        facts=facts,
        scores="Scores on dev",
    )
