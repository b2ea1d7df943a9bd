"""Train a linear classifier on the vectors of an encoder."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nlptool.errors import RunError
from nlptool.models.heads.folder import HEAD
from nlptool.models.store import locate
from nlptool.records.labelled import Example
from nlptool.records.pipe import Pipe
from nlptool.specs import ClassifierSpec
from nlptool.tasks.train.card import Card
from nlptool.tasks.train.classifier_corpus import LabelledTask, summary
from nlptool.tasks.train.run import Stop, TrainedModel, scripts_of, versions

if TYPE_CHECKING:
    from nlptool.models.classifiers.linear import LinearHead
    from nlptool.models.classifiers.linear_classifier import Features
    from nlptool.tasks.encoding import Encode

_CHUNK = 4096  # examples that are embedded before the bar moves


def train_linear(
    pipe: Pipe, tasks: Sequence[LabelledTask], base: str, spec: ClassifierSpec, stop: Stop, *, balance: bool, seed: int
) -> TrainedModel:
    """Fit a head for each task on the vectors of one encoder.

    Args:
        base: the encoder: a known name, a folder, or org/name of the hub.
        spec: what was chosen of it: device, threads, max_length.

    Raises:
        RunError: there is nothing to learn, or the encoder gives no vectors.
        ModelError: the encoder is not there.
        KeyboardInterrupt: the training was stopped.
    """
    from nlptool.models.classifiers import linear
    from nlptool.models.classifiers.linear_classifier import encoder_spec
    from nlptool.tasks.encoding import open_encoder
    from nlptool.tasks.open_model import locate_model
    from nlptool.training import splits
    from nlptool.training.classifier import linear as linear_training
    from nlptool.training.classifier.scores import scores_of

    began = time.monotonic()
    located = locate_model(encoder_spec(base, spec), pipe)
    encode = open_encoder(located)
    heads: dict[str, LinearHead] = {}
    scores: dict[str, float] = {}
    choices: dict[str, Any] = {}
    for each in tasks:
        task, start = each.task, f"{each.task.name}_" if len(tasks) > 1 else ""
        where = f"task {task.name}: " if task.name else ""
        features, train = _features(pipe, encode, each.train, where, stop)
        head, choice = linear_training.fit(
            features, each.targets(train), kind=task.kind, labels=task.labels,
            n_blocks=linear.PAIR_BLOCKS if task.n_texts > 1 else 1, balance=balance, seed=seed,
            groups=splits.groups_of([example.texts for example in train]),
            progress=lambda done, total: _go_on(pipe, stop, done, total),
        )  # fmt: skip
        for note in choice.notes:
            pipe.note(f"{where}{note}")
        heads[task.name], choices[task.name] = head, choice.as_dict()
        if each.dev:
            features, dev = _features(pipe, encode, each.dev, where, stop)
            found = scores_of(task, each.targets(dev), head.scores(features, task.kind))
            scores |= {f"{start}{name}": round(value, 5) for name, value in found.items()}
    manifest = {
        "method": "linear",
        "base": located.name if base not in ("", located.name) and locate.is_hub_id(located.name) else _kept(base),
        "max_length": spec.max_length,
        "tasks": [each.task.as_dict() | each.counts() | {"regularisation": choices[each.task.name]} for each in tasks],
        "dimension": located.dimension,
        "seconds": round(time.monotonic() - began, 1),
        "scores": scores,
        "options": {"base": base, "balance": balance, "seed": seed},
        "versions": versions("nlptool", "scikit-learn", "numpy"),
        **scripts_of([text for each in tasks for example in each.train for text in example.texts]),
    }
    return TrainedModel(
        [], manifest, lambda folder: linear.save(folder / HEAD, heads), summary(tasks, scores), _card(manifest)
    )


def _kept(base: str) -> str:
    """Return the name of an encoder as a manifest keeps it: of a folder its path from the root."""
    path = locate.existing(base)
    return base if path is None or not path.exists() else str(path.resolve())


def _go_on(pipe: Pipe, stop: Stop, done: int, total: int) -> None:
    if stop():
        raise KeyboardInterrupt
    pipe.bar.work("fit", done, total, "steps")


def _features(
    pipe: Pipe, encode: Encode, examples: Sequence[Example], where: str, stop: Stop
) -> tuple[Any, list[Example]]:
    """Return the features (N, F) of those examples that the encoder knows, and these examples."""
    from nlptool.models.classifiers.linear_classifier import features

    parts: list[Features] = []
    for start in range(0, len(examples), _CHUNK):
        _stop(stop)
        chunk = [example.texts for example in examples[start : start + _CHUNK]]
        parts.append(features(encode, chunk))
        pipe.bar.work("embed", start + len(chunk), len(examples), "examples")
    failed = {
        number * _CHUNK + index: error for number, part in enumerate(parts) for index, error in part.errors.items()
    }
    if failed:
        first = next(iter(failed))
        pipe.note(
            f"{where}examples left out: {len(failed):,}; the first: {examples[first].texts[0]!r:.60}: {failed[first].message}"
        )
    kept = [index for index in range(len(examples)) if index not in failed]
    if not kept:
        raise RunError(f"{where}the encoder has no vector for any of the examples", hint="another encoder: --base")
    return np.concatenate([part.features for part in parts])[kept], [examples[index] for index in kept]


def _stop(stop: Stop) -> None:
    if stop():
        raise KeyboardInterrupt


def _card(manifest: dict[str, Any]) -> Card:
    tasks = manifest["tasks"]
    return Card(
        text=f"Linear classifiers on the embeddings of {Path(manifest['base']).name}, made by `nlptool train classifier "
        "--method linear`; `nlptool classify` runs them.",
        facts=[
            f"{task['name'] or 'Task'}: {task['kind']}, {task['n_examples']:,} examples, {task['n_dev_examples']:,} of dev; "
            f"{task['regularisation']['parameter']} = {task['regularisation']['value']:g}"
            for task in tasks
        ],
        scores="Scores on dev",
    )
