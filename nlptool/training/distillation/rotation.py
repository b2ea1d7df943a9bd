"""A linear map of the teacher's space, such that its cosines order scored pairs as their scores do.

A student that is trained on scored pairs alone soon forgets the teacher's vectors of all other texts. The linear map from the
teacher's space to the student's has few parameters, and what it learns from the pairs generalizes to all texts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from nlptool.training.distillation.losses import cosent
from nlptool.training.distillation.teacher import Space

_LEARNING_RATE = 1e-3
_BATCH = 256  # pairs; and texts whose cosines are to be kept
_KEEP_WEIGHT = 1000.0  # weight of the loss that keeps them
_SAMPLE = 30_000  # texts from which they are drawn


def rotate(
    space: Space,
    vectors: NDArray[np.float32],
    pairs: NDArray[np.int64],
    scores: NDArray[np.float32],
    *,
    epochs: int,
    seed: int,
) -> Space:
    """Return ``space`` with other axes, which need not be orthonormal.

    Args:
        vectors: (N, D), the teacher's vectors without the means of their languages.
        pairs: (S, 2), indices into ``vectors``.
        scores: (S,), higher is more similar.
        epochs: epochs over the pairs.
    """
    rng = np.random.default_rng([seed, 3])
    axes = torch.from_numpy(space.axes.copy()).requires_grad_()
    optimizer = torch.optim.Adam([axes], _LEARNING_RATE)
    sample = torch.from_numpy(vectors[rng.permutation(len(vectors))[:_SAMPLE]])
    step, n_steps = 0, epochs * -(-len(pairs) // _BATCH)
    for _ in range(epochs):
        for rows in np.array_split(rng.permutation(len(pairs)), -(-len(pairs) // _BATCH)):
            first, second = (
                functional.normalize(torch.from_numpy(vectors[pairs[rows, k]]) @ axes, dim=1) for k in (0, 1)
            )
            loss: Any = cosent((first * second).sum(1), torch.from_numpy(scores[rows]))
            batch = sample[torch.from_numpy(rng.integers(0, len(sample), _BATCH))]
            new, old = functional.normalize(batch @ axes, dim=1), functional.normalize(batch, dim=1)
            loss = loss + _KEEP_WEIGHT * functional.mse_loss(new @ new.T, old @ old.T)
            optimizer.param_groups[0]["lr"] = _LEARNING_RATE * (1 - step / n_steps)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
    return replace(space, axes=axes.detach().numpy())
