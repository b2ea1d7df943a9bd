"""Train a classifier."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlptool.catalog import DEFAULT_ENCODER
from nlptool.errors import WrongUsage
from nlptool.models.heads.folder import CLASSIFIER
from nlptool.models.store import locate, model_folder
from nlptool.records.pipe import Pipe
from nlptool.specs import ClassifierSpec
from nlptool.tasks.train import classifier_corpus
from nlptool.tasks.train.card import Card
from nlptool.tasks.train.classifier_corpus import LabelledTask, TaskFile, summary
from nlptool.tasks.train.classifier_linear import train_linear
from nlptool.tasks.train.run import ModelOutput, Stop, TrainedModel, results, run_training, scripts_of
from nlptool.tasks.train.work import held, remember_input

if TYPE_CHECKING:
    from nlptool.models.heads.tokenizer import TextTokenizer
    from nlptool.training.finetuning.examples import TaskData

_WORK_FILES = ("classifier-*",)
_FEW_EXAMPLES = 1000  # with fewer, linear heads on frozen vectors do better as a rule

_LONGEST = 128  # tokens of a text or of a pair, unless another number is given

BASES = {"finetune": "bert-mini-ja", "linear": DEFAULT_ENCODER}
"""The base model of each method where none is named."""


def train_classifier(
    pipe: Pipe,
    output: ModelOutput,
    files: Sequence[TaskFile],
    *,
    method: str,
    base: str | None,
    device: str,
    threads: int | None,
    offline: bool,
    allow_pickle: bool,
    **settings: Any,
) -> None:
    """Train a classifier on labelled examples.

    Args:
        files: the tasks; one without a file reads the records of ``pipe``.
        method: finetune | linear | auto: linear if there are few examples.
        base: a known name, a folder, or org/name of the hub; None: that of the method.
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
        base = base or BASES[chosen]

        def fit(_: Path, stop: Stop) -> TrainedModel:
            spec = ClassifierSpec(
                device=device, threads=threads, offline=offline, allow_pickle=allow_pickle,
                max_length=settings["max_length"],
            )  # fmt: skip
            return train_linear(pipe, tasks, base, spec, stop, balance=settings["balance"], seed=settings["seed"])

        def train(work: Path, stop: Stop) -> TrainedModel:
            from nlptool.models.runtime import devices
            from nlptool.training.finetuning import network as classifier_network
            from nlptool.training.finetuning.trainer import Finetuning, FinetuningSettings

            torch_device = devices.torch_device(device, threads)
            whole_folder = locate.find(base, plain=True, offline=offline, allow_pickle=allow_pickle, note=pipe.note)
            pooling = settings.pop("pooling") or classifier_network.pooling_of(whole_folder)
            base_folder = model_folder.first(whole_folder)  # with the network and its tokenizer
            if pooling != "sentence" and settings["heads"] == "linear":
                raise WrongUsage("--heads linear reads the vectors of a sentence encoder: --pooling sentence")
            settings["heads"] = settings["heads"] or ("linear" if pooling == "sentence" else "random")
            network = classifier_network.new(
                whole_folder if pooling == "sentence" else base_folder, base, [each.task for each in tasks],
                pooling=pooling, dropout=settings["dropout"], seed=settings["seed"], note=pipe.note,
            )  # fmt: skip
            settings["max_length"] = settings["max_length"] or _LONGEST
            texts, about = classifier_network.tokenizer(base_folder, network, max_length=settings["max_length"])
            data = [_as_ids(pipe, task, texts, together=pooling == "cls") for task in tasks]
            settings["learning_rate"] = settings["learning_rate"] or _usual_rate(pipe, network)
            training = Finetuning(
                network, data, FinetuningSettings(base=Path(base).name, pooling=pooling, **settings), work,
                pad_id=about["pad_id"], types=about["types"], resume=output.resume, device=torch_device, began=began,
                report=pipe.bar.work, note=pipe.note, stop=stop,
            )  # fmt: skip
            training.run()
            manifest = {
                "method": "finetune",
                "base": Path(base).name,
                "pooling": pooling,
                "max_length": texts.max_length,
                "tasks": [each.task.as_dict() | each.counts() for each in tasks],
                "save_dtype": output.save_dtype,
                **scripts_of([text for each in tasks for example in each.train for text in example.texts]),
                **results(training, "transformers"),
            }

            def save(folder: Path) -> None:
                classifier_network.save(
                    training.network, [each.task for each in tasks], base_folder, folder, pooling=pooling,
                    max_length=texts.max_length, save_dtype=output.save_dtype, family=CLASSIFIER,
                )  # fmt: skip

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
    return TaskData(task.task, *parts)


def _usual_rate(pipe: Pipe, network: Any) -> float:
    """Return a learning rate for a network: small networks take larger steps."""
    rate = float(f"{5e-5 * (768 / network.encoder.config.hidden_size) ** 2:.1g}")
    pipe.note(f"--learning-rate {rate:g}: hidden size {network.encoder.config.hidden_size}")
    return rate


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
