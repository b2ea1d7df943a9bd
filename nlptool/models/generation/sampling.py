"""Sampling a token: temperature, top-k and top-p, in this order, as the LogitsProcessors of transformers define them.

Sources: A. Fan et al.: Hierarchical Neural Story Generation (ACL 2018), top-k; A. Holtzman et al.: The Curious Case of Neural
Text Degeneration (ICLR 2020), top-p.

In torch; ``numpy_arrays`` has the same in numpy.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from nlptool.models.generation.arrays import MOST_NUMBERS
from nlptool.models.generation.decoding import Decoding


def filter_logits(logits: Tensor, decoding: Decoding) -> Tensor:
    """Return (R, V) logits divided by the temperature, with -inf at the tokens that top-k and top-p exclude.

    Tokens that are as probable as the last of the top k are kept too; top-p keeps at least one token.
    """
    scores = logits / decoding.temperature
    if 0 < decoding.top_k < scores.shape[1]:
        scores = scores.masked_fill(scores < scores.topk(decoding.top_k).values[:, -1:], -np.inf)
    if decoding.top_p < 1:
        # From the tail, to sum the small probabilities exactly; of equal tokens those with the larger ids are kept.
        ordered, tokens = scores.sort(stable=True)
        excluded = ordered.softmax(-1).cumsum(-1) <= 1 - decoding.top_p
        excluded[:, -1] = False
        scores = scores.masked_fill(excluded.scatter(1, tokens, excluded), -np.inf)
    return scores


def sample(scores: Tensor, uniform: Tensor) -> Tensor:
    """Draw a token (R,) for each row of ``scores`` (R, V), with the probabilities of their softmax.

    Args:
        scores: logits; a token of probability 0 is never drawn.
        uniform: (R,) random numbers in [0, 1). The token drawn is the first one at which the cumulative probability exceeds it.
    """
    dtype = torch.float32 if scores.device.type == "mps" else torch.float64  # mps has no float64
    cumulative = scores.to(dtype).softmax(-1).cumsum(-1)  # (R, V)
    total = cumulative[:, -1:]
    threshold = uniform.to(cumulative.device, dtype)[:, None] * total
    threshold = torch.minimum(threshold, total.nextafter(torch.zeros_like(total)))
    return torch.searchsorted(cumulative, threshold, right=True)[:, 0].clamp(max=scores.shape[1] - 1)  # if all are -inf


def split_rows(values: Tensor, n_columns: int = 0) -> tuple[Tensor, ...]:
    """Split a tensor into groups of rows such that a group times ``n_columns`` (those of ``values`` if 0) fits into memory."""
    return torch.split(values, max(1, MOST_NUMBERS // (n_columns or values.shape[1])))
