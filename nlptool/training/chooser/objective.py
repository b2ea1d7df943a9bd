"""Choices as what a network learns: cross-entropy over the numbers of each (J. Devlin et al.: BERT, section 4.4)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from nlptool.training.finetuning.examples import TaskData


class ChoiceObjective:
    """The objective of a task that chooses: an ``Objective``."""

    unit = (0.0, 1.0)

    def __init__(self, data: TaskData) -> None:
        self._targets = data.dev.targets

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the mean cross-entropy of a batch in nats.

        Args:
            logits: of each choice, (B, C).
            targets: the right choices, (B,).
        """
        return functional.cross_entropy(logits, targets)

    def scores(self, logits: Sequence[NDArray[np.float32]]) -> dict[str, float]:
        """Return the accuracy on dev: the share of examples whose right choice has the highest logit."""
        chosen = np.array([of_example.argmax() for of_example in logits])
        return {"accuracy": float((chosen == self._targets).mean())}

    def finish(self, head: nn.Module) -> None:
        """Leave the head as it is."""
