"""Train a linear classifier: logistic regression for classes, ridge regression for numbers, on the embeddings of an encoder.

It takes seconds and is made for few examples. The strength of regularisation is chosen by cross-validation, which holds out
examples of one group together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import RunError
from nlptool.models.classifiers.linear import LinearHead
from nlptool.training.classifier import logistic, ridge
from nlptool.training.classifier.choice import Choice, Progress
from nlptool.training.classifier.logistic import Problem
from nlptool.training.classifier.scaling import Scaling

_MOST_OUTPUTS = 2e8  # examples times classes: 1.6 GB of probabilities


def fit(
    features: NDArray[np.float32],
    targets: NDArray[Any],
    *,
    kind: str,
    labels: Sequence[str] = (),
    n_blocks: int = 1,
    groups: NDArray[np.int64] | None = None,
    balance: bool = False,
    seed: int = 0,
    folds: int = 5,
    progress: Progress = lambda done, total: None,
) -> tuple[LinearHead, Choice]:
    """Train the head of one task.

    Args:
        features: (N, F).
        targets: classification: the numbers of the classes (N,), from 0; multilabel: 0 or 1 for each label, (N, L); regression:
            numbers (N,).
        kind: classification | multilabel | regression.
        labels: names of the classes, in the order of their numbers; for messages.
        n_blocks: parts of the features that are scaled each by itself: 1, or ``PAIR_BLOCKS`` for pairs.
        groups: (N,); examples of one group, such as pairs that share a text, are held out together.
        balance: weigh the examples so that all classes count the same; of several labels, having one and not having it. Without
            effect on a regression.
        seed: of the folds.
        folds: of the cross-validation. Of many examples or classes not all of them are held out.
        progress: gets the number of steps that are done, and the largest number there can be.

    Raises:
        RunError: a feature or a number is NaN or infinite; there is nothing to learn, as of one class alone; a class has no
            example; there are too many classes.
    """
    if len(features) != len(targets) or not features.size:
        raise RunError(f"there is nothing to learn from: {len(features):,} texts, {len(targets):,} labels")
    is_finite = np.isfinite(features).all(axis=1)
    if not is_finite.all():
        raise RunError(
            f"the vectors of {np.count_nonzero(~is_finite):,} of {len(features):,} examples hold NaN or infinity",
            hint="another encoder (-m), or --device cpu: this one overflows or is damaged",
        )
    scaling = Scaling.of(features, n_blocks)
    if kind == "regression":
        numbers = np.asarray(targets, np.float64)
        return ridge.fit(scaling, features, numbers, groups=groups, seed=seed, folds=folds, progress=progress)
    if kind == "multilabel":
        columns = enumerate(np.asarray(targets, np.int64).T)
        problems = [Problem.of(column, 2, label=label, balance=balance) for label, column in columns]
    else:
        problems = [_classification(np.asarray(targets, np.int64), labels, balance)]
    strata = np.unique(targets, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
    return logistic.fit(scaling, features, problems, strata, groups=groups, seed=seed, folds=folds, progress=progress)


def _classification(classes: NDArray[np.int64], labels: Sequence[str], balance: bool) -> Problem:
    """Return the problem of a classification.

    Raises:
        RunError: there is one class alone, a class has no example, or there are too many classes.
    """
    n_classes = max(len(labels), int(classes.max()) + 1)
    counts = np.bincount(classes, minlength=n_classes)
    names = [repr(label) for label in labels] or [str(number) for number in range(n_classes)]
    if np.count_nonzero(counts) == 1:
        only = names[int(np.argmax(counts))]
        raise RunError(f"all {len(classes):,} examples are of the class {only}: there is nothing to learn")
    if not counts.all():
        raise RunError(f"the class {names[int(np.argmin(counts))]} has no example")
    if len(classes) * n_classes > _MOST_OUTPUTS:
        raise RunError(
            f"{len(classes):,} examples of {n_classes:,} classes are too many for a linear classifier",
            hint="--label: is it the right column?",
        )
    return Problem.of(classes, n_classes, balance=balance)
