"""The numbers that a network computes with in training. Its weights, their gradients and the loss are float32 in any case."""

from __future__ import annotations

import torch


def autocast(device: torch.device, precision: str = "auto") -> torch.autocast:
    """Return the context in which a network is applied.

    Args:
        precision: float32, bfloat16; auto: bfloat16 on a GPU.
    """
    is_on = precision == "bfloat16" or (precision == "auto" and device.type == "cuda")
    return torch.autocast(device.type, torch.bfloat16, enabled=is_on)
