"""Answers in a text as what a network learns: cross-entropy of their first and their last token.

J. Devlin et al.: BERT (NAACL 2019), sections 4.2 and 4.3: where a text has no answer, both are its first special token.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from nlptool.training.finetuning.examples import TaskData


class SpanObjective:
    """The objective of a task that finds answers: an ``Objective``."""

    unit = (0.0, 1.0)

    def __init__(self, data: TaskData) -> None:
        self._judge = data.judge

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the mean cross-entropy of the start and the end of the answers of a batch, in nats.

        Args:
            logits: (B, T, 2), small at padding.
            targets: (B, 2), the first and the last token of each answer.
        """
        return functional.cross_entropy(logits, targets)

    def scores(self, logits: Sequence[NDArray[np.float32]]) -> dict[str, float]:
        """Return what the judge of the dev examples says: exact match, F1, and the threshold where some have no answer."""
        return {} if self._judge is None else self._judge.scores(logits)

    def finish(self, head: nn.Module) -> None:
        """Leave the head as it is."""
