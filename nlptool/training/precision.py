"""The numbers that a network computes with in training. Its weights, their gradients and the loss are float32 in any case."""

from __future__ import annotations

from typing import Any

import torch


def autocast(device: torch.device, precision: str = "auto") -> torch.autocast:
    """Return the context in which a network is applied.

    Args:
        precision: float32, bfloat16; auto: bfloat16 on a GPU.
    """
    is_on = precision == "bfloat16" or (precision == "auto" and device.type == "cuda")
    return torch.autocast(device.type, torch.bfloat16, enabled=is_on)


def choose_attention(network: Any, device: torch.device, precision: str) -> None:
    """Let a network of transformers compute attention in the way that trains fastest.

    On a processor in bfloat16 these are plain matrix products: the gradient of torch's fused attention takes several times as
    long as theirs there. Otherwise it is the fused attention.
    """
    if precision == "bfloat16" and device.type == "cpu":
        network.set_attn_implementation("eager")
