"""Classes, labels and numbers as what a network learns.

Scores of a regression are learned in units of their standard deviation, and the head is changed at the end so that it gives the
scores themselves.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from nlptool.models.classifiers import outputs
from nlptool.models.heads.network import rescale
from nlptool.training.classifier.scores import scores_of
from nlptool.training.finetuning.examples import TaskData


class ClassObjective:
    """The objective of a classification, of several labels, or of a regression: an ``Objective``.

    Args:
        balance: weigh the classes as if each had the same number of examples.
        label_smoothing: of the cross-entropy of a classification.
    """

    def __init__(self, data: TaskData, *, balance: bool, label_smoothing: float) -> None:
        self._data, self._kind = data, data.task.kind
        self._label_smoothing = label_smoothing
        self._weights = _class_weights(data) if balance else None
        self.unit = _unit(data)

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss: cross-entropy in nats, or the squared error in units of the standard deviation.

        Args:
            logits: (B, K).
            targets: (B,) numbers of classes, or scores; (B, K) with 1 for each label that applies.
        """
        if self._kind == "regression":
            mean, deviation = self.unit
            return functional.mse_loss(logits[:, 0], (targets - mean) / deviation)
        weights = None if self._weights is None else torch.as_tensor(self._weights, device=logits.device)
        if self._kind == "multilabel":
            return functional.binary_cross_entropy_with_logits(logits, targets, pos_weight=weights)
        return functional.cross_entropy(logits, targets, weights, label_smoothing=self._label_smoothing)

    def scores(self, logits: Sequence[NDArray[np.float32]]) -> dict[str, float]:
        """Return the metrics of the dev examples."""
        found = outputs.scores(np.stack(logits), self._kind)
        if self._kind == "regression":
            mean, deviation = self.unit
            found = found * deviation + mean
        return scores_of(self._data.task, self._data.dev.targets, found)

    def finish(self, head: nn.Module) -> None:
        """Let the head of a regression give the scores themselves."""
        if self._kind == "regression":
            rescale(head, *self.unit)


def _unit(data: TaskData) -> tuple[float, float]:
    """Return the mean and the standard deviation of the scores that are learned; (0, 1) of a classification."""
    if data.task.kind != "regression":
        return 0.0, 1.0
    scores = np.asarray(data.train.targets, np.float64)
    return float(scores.mean()), float(scores.std()) or 1.0


def _class_weights(data: TaskData) -> NDArray[np.float32] | None:
    """Return the weight of each class, inverse to its number of examples, 1 on average over the examples; of several labels
    that of the examples that have one against those that do not. None of a regression."""
    targets = data.train.targets
    if data.task.kind == "regression":
        return None
    if data.task.kind == "multilabel":
        counts = np.maximum(targets.sum(0), 1)
        return np.asarray((len(targets) - counts) / counts, np.float32)
    counts = np.bincount(np.asarray(targets, np.int64), minlength=data.task.n_outputs)
    return np.asarray(len(targets) / (len(counts) * np.maximum(counts, 1)), np.float32)
