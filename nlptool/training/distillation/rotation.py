"""A teacher's space turned so that its cosines order scored pairs as people did.

A student that is trained on scored pairs alone soon forgets what the teacher knows of all other texts. The linear map from
the teacher's space to the student's has few parameters, and what it learns from the pairs holds for every text.
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

_RATE = 1e-3
_BATCH = 256  # pairs; and texts of which the cosines shall stay
_STAY = 1000.0  # weight of those
_SAMPLE = 30_000  # of such texts


def rotate(
    space: Space,
    vectors: NDArray[np.float32],
    pairs: NDArray[np.int64],
    scores: NDArray[np.float32],
    *,
    epochs: int,
    seed: int,
) -> Space:
    """``space`` with other axes, of any length and angle.

    Args:
        vectors: (N, D), the teacher's, without the means of their languages.
        pairs: (S, 2), indices into ``vectors``.
        scores: (S,), higher is more alike.
        epochs: times that the pairs are gone through.
    """
    rng = np.random.default_rng([seed, 3])
    axes = torch.from_numpy(space.axes.copy()).requires_grad_()
    optimizer = torch.optim.Adam([axes], _RATE)
    others = torch.from_numpy(vectors[rng.permutation(len(vectors))[:_SAMPLE]])
    step, n_steps = 0, epochs * -(-len(pairs) // _BATCH)
    for _ in range(epochs):
        for rows in np.array_split(rng.permutation(len(pairs)), -(-len(pairs) // _BATCH)):
            first, second = (
                functional.normalize(torch.from_numpy(vectors[pairs[rows, k]]) @ axes, dim=1) for k in (0, 1)
            )
            loss: Any = cosent((first * second).sum(1), torch.from_numpy(scores[rows]))
            some = others[torch.from_numpy(rng.integers(0, len(others), _BATCH))]
            new, old = functional.normalize(some @ axes, dim=1), functional.normalize(some, dim=1)
            loss = loss + _STAY * functional.mse_loss(new @ new.T, old @ old.T)
            optimizer.param_groups[0]["lr"] = _RATE * (1 - step / n_steps)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
    return replace(space, axes=axes.detach().numpy())
