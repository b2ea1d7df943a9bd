"""What the head of a task learns: the loss of its outputs, and how they are judged on dev."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn


class Objective(Protocol):
    """The loss and the scores of one task."""

    @property
    def unit(self) -> tuple[float, float]:
        """The mean and the standard deviation in whose units numbers are learned; (0, 1) where there are none."""

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss of a batch.

        Args:
            logits: (B, …) float32, as the head gives them.
            targets: of the batch, on the same device.
        """

    def scores(self, logits: Sequence[NDArray[np.float32]]) -> dict[str, float]:
        """Return the scores of the dev examples: the metric of the task and what else is told.

        Args:
            logits: of each example in the order of ``TaskData.dev``; of outputs for each token as many as it has tokens.
        """

    def finish(self, head: nn.Module) -> None:
        """Change a head at the end of the training, where it learned something else than it is to give."""


def by_example(logits: NDArray[np.float32], mask: NDArray[Any]) -> list[NDArray[np.float32]]:
    """Return the logits of each example of a batch, of outputs for each token (B, T, …) without those of padding.

    Args:
        mask: (B, T), 0 for padding.
    """
    if logits.ndim < 3:
        return list(logits)
    return [rows[:length] for rows, length in zip(logits, mask.sum(1).tolist(), strict=True)]
