"""The scores of a classifier on examples whose labels are known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.models.classifiers import metrics
from nlptool.models.heads.task import Task


def scores_of(task: Task, targets: NDArray[Any], found: NDArray[np.float32]) -> dict[str, float]:
    """Return the metrics of a task; a correlation that is not defined, with all outputs the same, is 0.

    Args:
        targets: (N,) numbers of classes or scores, or (N, K) with 1 for each label that applies.
        found: (N, K) probabilities, or (N, 1) scores.
    """
    if task.kind == "regression":
        said = metrics.scores(task.kind, targets, found[:, 0])
    elif task.kind == "multilabel":
        said = metrics.scores(task.kind, targets > 0.5, found > 0.5)
    else:
        positive = metrics.positive_class(task.labels)
        said = metrics.scores(task.kind, targets, found.argmax(1), found, positive=positive)
    return {name: 0.0 if value is None or math.isnan(value) else float(value) for name, value in said.items()}
