"""Tags of words as what a network learns: cross-entropy at the first piece of each word (J. Devlin et al.: BERT, section 5.3)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from nlptool.models.masked.model import log_softmax
from nlptool.models.taggers.decoding import best_tags
from nlptool.models.taggers.metrics import EntityScores, TagScores
from nlptool.models.taggers.schemes import SCHEMES, spans_of
from nlptool.models.taggers.transitions import transitions
from nlptool.training.finetuning.examples import IGNORED, TaskData


class TagObjective:
    """The objective of a task whose outputs are tags of words: an ``Objective``."""

    unit = (0.0, 1.0)

    def __init__(self, data: TaskData) -> None:
        self._data, self._labels = data, data.task.labels
        self._allowed = transitions(self._labels, data.task.scheme)

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the mean cross-entropy of the words of a batch in nats; 0 if none of its tokens begins a word.

        Args:
            logits: (B, T, K).
            targets: (B, T), ``IGNORED`` where no word begins.
        """
        total = functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="sum")
        return total / (targets != IGNORED).sum().clamp(min=1)

    def scores(self, logits: Sequence[NDArray[np.float32]]) -> dict[str, float]:
        """Return precision, recall and F1 of the entities of dev, or the accuracy of plain tags."""
        gold, found = [], []
        for of_example, targets in zip(logits, self._data.dev.targets, strict=True):
            is_first = targets != IGNORED
            tags = best_tags(log_softmax(of_example[is_first]), self._allowed)
            gold.append([self._labels[number] for number in targets[is_first].tolist()])
            found.append([self._labels[number] for number in tags.tolist()])
        if self._data.task.scheme not in SCHEMES:
            return TagScores(gold, found).scores()
        accuracy = TagScores(gold, found).scores()["accuracy"]
        spans = ([spans_of(tags) for tags in side] for side in (gold, found))
        return {**EntityScores(*spans).scores(), "accuracy": accuracy}

    def finish(self, head: nn.Module) -> None:
        """Leave the head as it is."""
