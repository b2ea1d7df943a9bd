"""The processor or GPU that a network runs on."""

from __future__ import annotations

import os
from pathlib import Path

from nlptool.errors import RunError


def choose(device: str, engine: str) -> str:
    """cpu, cuda or mps. torch, whose import takes seconds, is asked only where a GPU is wanted or its driver is there.

    Args:
        device: cpu, cuda, mps, or auto: cuda where there is one.
        engine: onnx, which computes on the cpu alone, torch, or auto.

    Raises:
        RunError: the device is not there, or not for the engine.
    """
    driver = any(Path("/dev").glob("nvidia[0-9]*")) and os.environ.get("CUDA_VISIBLE_DEVICES") != ""
    if device == "auto" and (engine == "onnx" or not driver):
        return "cpu"
    if device == "cpu":
        return device
    if engine == "onnx":
        raise RunError(f"--engine onnx computes on the processor: --device {device} needs --engine torch or auto")
    from nlptool.models import torch_network

    if torch_network.is_there(device):
        return "cuda" if device == "auto" else device
    if device == "auto":
        return "cpu"
    raise RunError(f"torch finds no {device} device here", hint="--device cpu, or a torch that is built for it")
