"""Heads that begin as linear classifiers on the vectors of an encoder that has not been trained yet.

With heads that begin at random, the first steps change the encoder as much as the heads, and what its vectors said gets lost
(A. Kumar et al.: Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution, ICLR 2022: linear probing,
then fine-tuning).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nlptool.models.classifiers import linear
from nlptool.models.classifiers.linear import LinearHead
from nlptool.models.heads.network import VectorHead
from nlptool.training import splits
from nlptool.training.classifier.choice import Progress
from nlptool.training.classifier.linear import fit
from nlptool.training.finetuning.examples import Batch, Rows, TaskData, in_order

MOST_EXAMPLES = 10_000
"""Examples of a task that a head is fitted to; of more, a random choice."""


def fit_head(
    head: VectorHead,
    data: TaskData,
    vectors_of: Callable[[Batch], Tensor],
    *,
    unit: tuple[float, float],
    pad_id: int,
    balance: bool,
    seed: int,
    progress: Progress,
) -> None:
    """Set the weights of a head to those of the linear classifier of its task.

    Args:
        vectors_of: returns the vectors (R, D) of the sequences of a batch.
        unit: mean and standard deviation of the scores of a regression, in which it is learned; else (0, 1).
        pad_id: the token id that stands for padding.
        balance: weigh the classes as if each had the same number of examples.
        seed: of the choice of examples, and of the folds of the cross-validation.
        progress: gets the number of steps that are done, and the largest number there can be.

    Raises:
        RunError: there is nothing to learn.
    """
    rows = _some(data.train, seed)
    targets = rows.targets
    if data.task.kind == "regression":
        targets = (targets - np.float32(unit[0])) / np.float32(unit[1])
    found, _ = fit(
        _features(rows, vectors_of, pad_id), targets, kind=data.task.kind, labels=data.task.labels,
        n_blocks=linear.PAIR_BLOCKS if data.task.n_texts > 1 else 1, balance=balance, seed=seed, groups=_groups(rows),
        progress=progress,
    )  # fmt: skip
    _set(head, found)


def _some(rows: Rows, seed: int) -> Rows:
    n_examples = len(rows.inputs)
    if n_examples <= MOST_EXAMPLES:
        return rows
    chosen = np.sort(np.random.default_rng([seed, 2]).choice(n_examples, MOST_EXAMPLES, replace=False))
    return Rows([rows.inputs[index] for index in chosen], rows.targets[chosen])


def _features(rows: Rows, vectors_of: Callable[[Batch], Tensor], pad_id: int) -> NDArray[np.float32]:
    """Return the features (N, F) of examples."""
    places: list[int] = []
    parts: list[NDArray[np.float32]] = []
    for chosen, batch in in_order(rows, 0, pad_id):
        with torch.no_grad():
            vectors = vectors_of(batch).cpu().float().numpy()
        places += chosen
        parts.append(linear.pair_features(*np.split(vectors, 2)) if len(rows.inputs[0]) > 1 else vectors)
    return np.concatenate(parts)[np.argsort(places)]


def _groups(rows: Rows) -> NDArray[np.int64]:
    """Return the groups of examples that share a text."""
    return splits.groups_of([tuple(str(row.ids) for row in example) for example in rows.inputs])


def _set(head: VectorHead, found: LinearHead) -> None:
    """Write the coefficients of a linear classifier into a head, whose vectors are scaled."""
    with torch.no_grad():
        head.classifier.weight.copy_(torch.from_numpy(found.coefficients / head.factors()))
        head.classifier.bias.copy_(torch.from_numpy(found.intercepts))
