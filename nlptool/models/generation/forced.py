"""The probability of tokens that are given: teacher forcing, in torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nlptool.models.generation.sampling import split_rows


def log_probabilities(logits: Tensor, tokens: Tensor) -> Tensor:
    """Return the natural logarithm of the probability of each token, (...,) float64.

    Args:
        logits: (..., V), of a softmax over all tokens.
        tokens: (...,) of int64.
    """
    flat, wanted = logits.flatten(0, -2), tokens.flatten()
    normalizers = torch.cat([part.float().logsumexp(-1) for part in split_rows(flat)])
    chosen = flat.gather(1, wanted[:, None])[:, 0].float()
    return (chosen.double() - normalizers.double()).reshape(tokens.shape)


def of_rows(logits: Tensor, targets: Sequence[Sequence[int]], firsts: Sequence[int]) -> list[NDArray[np.float64]]:
    """Return the log-probabilities of the targets of a batch, (n,) each.

    Args:
        logits: (B, T, V).
        firsts: where the logits of the first token of each target stand.
    """
    found = []
    for row, (target, first) in enumerate(zip(targets, firsts, strict=True)):
        tokens = torch.tensor(list(target), device=logits.device)
        found.append(log_probabilities(logits[row, first : first + len(target)], tokens).cpu().numpy())
    return found
