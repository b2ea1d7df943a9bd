"""What a classifier says of texts: probabilities of labels, or a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import RecordError
from nlptool.models.heads.task import Task


@dataclass(frozen=True, slots=True)
class Outputs:
    """The outputs for N texts or pairs."""

    scores: NDArray[np.float32]  # (N, K): probabilities of the labels, or (N, 1) numbers: see ``scores``
    entries: list[dict[str, Any]]  # of each text: n_tokens, n_unknown, truncated, n_chunks
    errors: Mapping[int, RecordError] = field(default_factory=dict)  # of texts without an output


class Classifier(Protocol):
    """A classifier that is open."""

    name: str
    engine: str
    device: str
    tasks: Mapping[str, Task]  # by their names

    def outputs(self, texts: Sequence[tuple[str, ...]], task: Task) -> Outputs:
        """Return the outputs for texts, ``task.n_texts`` each."""


def scores(logits: NDArray[np.float32], kind: str) -> NDArray[np.float32]:
    """Return what logits (N, K) mean: of a classification probabilities that add up to 1 in each row (softmax), of several
    labels the probability of each by itself (sigmoid), of a regression the numbers as they are."""
    if kind == "regression":
        return logits
    if kind == "multilabel":
        small = np.exp(-np.abs(logits))  # never overflows
        probabilities: NDArray[np.float32] = np.where(logits >= 0, 1, small) / (1 + small)
        return probabilities
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: NDArray[np.float32] = powers / powers.sum(axis=1, keepdims=True)
    return shares
