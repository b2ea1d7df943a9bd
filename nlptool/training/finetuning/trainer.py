"""Fine-tuning: an encoder with new heads, trained on the examples of one or several tasks.

J. Devlin et al.: BERT (NAACL 2019), section 4. Several tasks: batches of one task each, in random order (X. Liu et al.:
Multi-Task Deep Neural Networks for Natural Language Understanding, ACL 2019, algorithm 1). Layer-wise decay of the learning rate:
J. Howard, S. Ruder: Universal Language Model Fine-tuning for Text Classification (ACL 2018), section 3.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nlptool.models.heads.network import HeadsNetwork, VectorHead
from nlptool.models.heads.task import CHOICE, SPAN, TAGS
from nlptool.training.best import BestKeeper
from nlptool.training.checkpoint import Checkpoint, TrainingState
from nlptool.training.chooser.objective import ChoiceObjective
from nlptool.training.classifier.objective import ClassObjective
from nlptool.training.finetuning import network as classifier_network
from nlptool.training.finetuning.examples import Batch, Batches, TaskData, in_order, name_of
from nlptool.training.finetuning.first_heads import fit_head
from nlptool.training.finetuning.objective import Objective, by_example
from nlptool.training.loop_types import RunOptions
from nlptool.training.optimizers import layer_matrices
from nlptool.training.precision import autocast, choose_attention
from nlptool.training.reader.objective import SpanObjective
from nlptool.training.settings import EvaluatedSettings
from nlptool.training.tagger.objective import TagObjective

SCORE = "score"
"""The dev score by which the best weights are chosen: the metric of the task, the mean of those of several tasks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinetuningSettings(EvaluatedSettings):
    """The options of a fine-tuning."""

    base: str = ""  # name of the model that it begins with
    pooling: str = "cls"  # or sentence
    heads: str = "random"  # what they begin as; or linear, of a sentence encoder
    max_length: int = 128  # tokens of a sequence, special tokens included
    batch_size: int = 32  # examples
    learning_rate: float = 5e-5  # the peak, of the heads and the last layer
    warmup_ratio: float = 0.1
    layer_decay: float = 1.0  # factor of the learning rate from a layer to the one below it
    freeze: int = 0  # layers that stay as they are, with the embeddings
    dropout: float | None = None  # None: as the base model says
    label_smoothing: float = 0.0
    balance: bool = False  # weigh the classes as if each had the same number of examples
    task_sampling: str = "sqrt"  # or proportional, equal: how often a task has its turn


class Finetuning(BestKeeper[FinetuningSettings, Batch]):
    """One fine-tuning, with its files in a checkpoint folder. Its result is ``network``.

    Args:
        network: the encoder with its new heads, which is changed.
        tasks: in the order of the heads.
        pad_id: the token id that stands for padding.
        types: the encoder takes the numbers of the texts of a pair.
        name: with which the names of its files begin.
    """

    network: HeadsNetwork

    def __init__(
        self,
        network: HeadsNetwork,
        tasks: Sequence[TaskData],
        settings: FinetuningSettings,
        folder: Path,
        *,
        pad_id: int,
        types: bool,
        name: str = "classifier",
        **run: Unpack[RunOptions],
    ) -> None:
        super().__init__(settings, folder, name, name_of(tasks), run)
        self._tasks = tasks
        self._pad_id, self._types = pad_id, types
        self._batches = Batches(
            tasks, batch_size=settings.batch_size, sampling=settings.task_sampling, pad_id=pad_id, seed=settings.seed
        )
        self._objectives = [objective_of(data, settings) for data in tasks]
        classifier_network.freeze(network.encoder, settings.freeze, settings.base)
        choose_attention(network.encoder, self._device, settings.precision)
        self.network = network.to(self._device)
        self.keep_best(is_evaluated=self._is_evaluated)

    @property
    def _is_evaluated(self) -> bool:
        return any(data.dev.inputs for data in self._tasks)

    def restore(self, checkpoint: Checkpoint, total: int) -> TrainingState:
        state = super().restore(checkpoint, total)
        if not state.step and self.settings.heads == "linear":
            self._fit_heads()
        return state

    def _fit_heads(self) -> None:
        """Let each head begin as the linear classifier of its task."""
        self.network.eval()
        for head, data, objective in zip(self.network.heads.values(), self._tasks, self._objectives, strict=True):
            if not isinstance(head, VectorHead):
                continue
            fit_head(
                head, data, lambda batch: self.network.vectors(self._inputs(batch)), unit=objective.unit, pad_id=self._pad_id,
                balance=self.settings.balance, seed=self.settings.seed, progress=self._tell_fit,
            )  # fmt: skip
        self.network.train()

    def _tell_fit(self, done: int, total: int) -> None:
        if self._stop():
            raise KeyboardInterrupt
        self._report("heads", done, total, "steps")

    def judged_by(self) -> tuple[str, int] | None:
        return None if self.settings.keep == "last" else (SCORE, 1)

    def n_batches(self) -> int:
        return self._batches.n_batches

    def batches(self, first: int) -> Iterator[Batch]:
        return self._batches.batches(first)

    def describe_step(self) -> str:
        return f"of {self.settings.batch_size * self.settings.gradient_accumulation:,} examples each"

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return the parameters in groups of one depth: deeper ones have a smaller learning rate, with a decay below 1."""
        depths = classifier_network.depths_of(self.network.encoder)
        top = 1 + len(classifier_network.layers_of(self.network.encoder))
        groups: dict[tuple[int, bool], list[torch.nn.Parameter]] = {}
        for parameter in self.network.parameters():
            if parameter.requires_grad:
                groups.setdefault((depths.get(id(parameter), top), parameter.ndim > 1), []).append(parameter)
        return [
            {
                "params": parameters,
                "weight_decay": self.settings.weight_decay if is_matrix else 0.0,
                "scale": self.settings.layer_decay ** (top - depth),
            }
            for (depth, is_matrix), parameters in sorted(groups.items(), key=lambda item: item[0])
        ]

    def matrices(self) -> list[torch.nn.Parameter]:
        return [matrix for matrix in layer_matrices(self.network.encoder) if matrix.requires_grad]

    def losses(self, batch: Batch, step: int) -> tuple[Tensor, Mapping[str, Tensor]]:
        loss = self._objectives[batch.task].loss(self._logits(batch), self._tensor(batch.targets))
        return loss, {"train_loss": loss.detach()}

    def _logits(self, batch: Batch) -> Tensor:
        """Return the logits of a batch, float32: (B, K), or of tokens (B, T, K)."""
        with autocast(self._device, self.settings.precision):
            (logits,) = self.network(self._inputs(batch), [batch.task])
        if self._tasks[batch.task].task.kind == CHOICE:  # (K B, 1): the first choices before the second ones
            logits = logits.reshape(-1, len(batch.targets)).T
        return logits.float()  # type: ignore[no-any-return]

    def _inputs(self, batch: Batch) -> dict[str, Tensor]:
        inputs = {"input_ids": self._tensor(batch.ids), "attention_mask": self._tensor(batch.mask)}
        return inputs | ({"token_type_ids": self._tensor(batch.types)} if self._types else {})

    def evaluate(self) -> dict[str, float]:
        """Return the metrics on the dev examples of each task, its name before them if there are several, and ``SCORE``."""
        found: dict[str, float] = {}
        judged: list[float] = []
        for number, data in enumerate(self._tasks):
            if not data.dev.inputs:
                continue
            values = self._scores(number, data)
            judged.append(values[data.task.metric])
            start = f"{data.task.name}_" if len(self._tasks) > 1 else ""
            found |= {f"{start}{name}": round(value, 5) for name, value in values.items()}
        return found | ({SCORE: round(sum(judged) / len(judged), 6)} if judged else {})

    def _scores(self, number: int, data: TaskData) -> dict[str, float]:
        logits: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(data.dev.inputs)
        losses = np.empty(len(logits))
        for chosen, batch in in_order(data.dev, number, self._pad_id):
            of_batch = self._logits(batch)
            losses[chosen] = float(self._objectives[number].loss(of_batch, self._tensor(batch.targets)))
            for index, of_example in zip(chosen, by_example(of_batch.cpu().numpy(), batch.mask), strict=True):
                logits[index] = of_example
        return {"loss": float(losses.mean()), **self._objectives[number].scores(logits)}

    def tell(self, line: Mapping[str, Any]) -> None:
        names = [
            f"{data.task.name}_{data.task.metric}" if len(self._tasks) > 1 else data.task.metric for data in self._tasks
        ]
        told = [f"{name.replace('_', ' ')} {line[f'dev_{name}']:.4f}" for name in names if f"dev_{name}" in line]
        self._note(f"epoch {line['epoch']:g}: on dev {', '.join(told)}")

    def finish(self) -> None:
        super().finish()
        for head, objective in zip(self.network.heads.values(), self._objectives, strict=True):
            objective.finish(head)


def objective_of(data: TaskData, settings: FinetuningSettings) -> Objective:
    """Return what the head of a task learns."""
    if data.task.kind == TAGS:
        return TagObjective(data)
    if data.task.kind == SPAN:
        return SpanObjective(data)
    if data.task.kind == CHOICE:
        return ChoiceObjective(data)
    return ClassObjective(data, balance=settings.balance, label_smoothing=settings.label_smoothing)
