"""Cross-entropy over a vocabulary, with its gradient in the same pass over the logits.

The logits of a batch, tokens x vocabulary numbers, are many times what a processor's cache holds, and the plain way reads and
writes them six times: converted to float32, normalised, and back again. Here some tokens at a time are in the cache, and their
losses and gradients come out of it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

_LARGEST = 1 << 20  # logits in a part, on the processor


def token_losses(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the cross-entropy of each target in nats, (N,) float32: that of ``functional.cross_entropy``, gradient included.

    Args:
        logits: (N, V), of any precision; they are normalised in float32.
        targets: (N,) int64.
    """
    apply: Any = _CrossEntropy.apply
    losses: Tensor = apply(logits, targets)
    return losses


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor) -> Tensor:
        losses = torch.empty(len(logits), dtype=torch.float32, device=logits.device)
        gradients = torch.empty_like(logits) if ctx.needs_input_grad[0] else None
        n_rows = max(1, _LARGEST // logits.shape[1]) if logits.device.type == "cpu" else max(1, len(logits))
        for first in range(0, len(logits), n_rows):
            part, wanted = slice(first, first + n_rows), targets[first : first + n_rows, None]
            log_probabilities = logits[part].log_softmax(1, dtype=torch.float32)
            losses[part] = -log_probabilities.gather(1, wanted)[:, 0]
            if gradients is not None:
                probabilities = log_probabilities.exp_()
                probabilities.scatter_add_(1, wanted, torch.full_like(wanted, -1.0, dtype=torch.float32))
                gradients[part] = probabilities
        ctx.gradients = gradients
        return losses

    @staticmethod
    def backward(ctx: Any, *of_losses: Tensor) -> tuple[Tensor, None]:
        gradients, ctx.gradients = ctx.gradients, None  # they are changed in place: there is no second pass
        return gradients.mul_(of_losses[0].to(gradients.dtype)[:, None]), None
