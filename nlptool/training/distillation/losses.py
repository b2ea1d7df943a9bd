"""What a student is trained to do: to have its teacher's vectors, and to order pairs as people did."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

SCALE = 20.0  # of cosines in CoSENT, as in sentence-transformers


def distillation(vectors: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """How far (B, D) unit vectors are from their targets: 1 - cosine on average, and the mean squared difference of the
    two matrices of cosines (B, B) between all texts of the batch.

    The second is what similarity search sees of an encoder (F. Tung, G. Mori: Similarity-Preserving Knowledge
    Distillation, ICCV 2019).
    """
    apart = 1 - (vectors * targets).sum(1).mean()
    return apart, functional.mse_loss(vectors @ vectors.T, targets @ targets.T)


def cosent(cosines: Tensor, scores: Tensor) -> Tensor:
    """log(1 + Σ exp(20 (cos j - cos i))) over all i, j of which pair i has the higher score: only the order counts.

    Source: J. Su: CoSENT (2022), https://kexue.fm/archives/8847.
    """
    ahead = SCALE * (cosines[None, :] - cosines[:, None])  # (B, B): how much pair j stands before pair i
    wrong = ahead[scores[:, None] > scores[None, :]]
    return torch.logsumexp(torch.cat([wrong.new_zeros(1), wrong]), 0)


def cosine(cosines: Tensor, scores: Tensor) -> Tensor:
    """The mean squared difference of cosines and ``scores``, which go from 0 to 1."""
    return functional.mse_loss(cosines, scores)


SCORED = {"cosent": cosent, "cosine": cosine}
"""The objectives of the last stage by the names of ``--loss``."""
