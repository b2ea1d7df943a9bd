"""The losses of a student: its teacher's vectors, and the order of scored pairs."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

SCALE = 20.0  # factor of cosines in CoSENT, as in sentence-transformers


def distillation(vectors: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return two distances of unit vectors (B, D) from their targets: the mean of 1 - cosine, and the mean squared difference
    between the two matrices of cosines (B, B).

    The second is what counts in similarity search (F. Tung, G. Mori: Similarity-Preserving Knowledge Distillation, ICCV 2019).
    """
    distance = 1 - (vectors * targets).sum(1).mean()
    return distance, functional.mse_loss(vectors @ vectors.T, targets @ targets.T)


def cosent(cosines: Tensor, scores: Tensor) -> Tensor:
    """Return log(1 + Σ exp(20 (cos j - cos i))) over all i, j where pair i has the higher score: only the order counts.

    Source: J. Su: CoSENT (2022), https://kexue.fm/archives/8847.
    """
    differences = SCALE * (cosines[None, :] - cosines[:, None])  # (B, B), cos j - cos i
    ordered = differences[scores[:, None] > scores[None, :]]
    return torch.logsumexp(torch.cat([ordered.new_zeros(1), ordered]), 0)


def cosine(cosines: Tensor, scores: Tensor) -> Tensor:
    """Return the mean squared difference of cosines and ``scores``, which are from 0 to 1."""
    return functional.mse_loss(cosines, scores)


SCORED = {"cosent": cosent, "cosine": cosine}
"""The losses of scored pairs by their names in ``--loss``."""
