"""The processor or GPU that a network runs on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nlptool import machine
from nlptool.errors import RunError


def torch_device(name: str, threads: int | None) -> str:
    """Return the device for torch, and set its number of threads.

    Args:
        name: what ``--device`` says.

    Raises:
        RunError: it is not there.
    """
    import torch

    torch.set_num_threads(threads or machine.processors())
    if name == "auto":
        return "cuda" if is_there("cuda") else "cpu"
    return choose(name, "torch")


@contextmanager
def torch_threads(threads: int | None) -> Iterator[None]:
    """Let torch compute with so many threads of the processor inside the block; None changes nothing."""
    if threads is None:
        yield
        return
    import torch

    usual = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(usual)


def choose(device: str, engine: str) -> str:
    """Return cpu, cuda or mps. torch, whose import takes seconds, is asked only where a GPU is wanted or its driver is there.

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
    if is_there(device):
        return "cuda" if device == "auto" else device
    if device == "auto":
        return "cpu"
    raise RunError(f"torch finds no {device} device here", hint="--device cpu, or a torch that is built for it")


def is_there(device: str) -> bool:
    """Return whether torch can compute on ``device``; auto means a CUDA device."""
    import torch

    return bool(torch.backends.mps.is_available() if device == "mps" else torch.cuda.is_available())
