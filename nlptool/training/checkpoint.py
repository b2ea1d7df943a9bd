"""The state of a training on the disk: weights, moments of the optimizer, step and curves. Safetensors, no pickle."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from nlptool.training.optimizers import Optimizers


@dataclass(frozen=True, slots=True)
class TrainingState:
    """The progress of a training."""

    step: int = 0
    seconds: float = 0.0  # of training
    curves: list[dict[str, Any]] = field(default_factory=list)
    losses: list[dict[str, float]] = field(default_factory=list)  # of the steps since the last line of the curves


def steps_done(path: Path) -> int:
    """Return the number of steps in the checkpoint ``path``; 0 if there is none, or it is damaged."""
    if not path.exists():
        return 0
    try:
        with safe_open(path, "pt") as file:
            return int(file.metadata()["step"])
    except SafetensorError:
        return 0


class Checkpoint:
    """A file with the state of ``model`` and ``optimizer``."""

    def __init__(self, path: Path, model: nn.Module, optimizer: Optimizers) -> None:
        self._path = path
        self._model = model
        self._optimizer = optimizer

    def save(self, state: TrainingState) -> None:
        """Replace the file as a whole.

        Raises:
            OSError: the file cannot be written; the old one is kept.
        """
        tensors: dict[str, torch.Tensor] = {f"model.{name}": tensor for name, tensor in self._named()}
        tensors |= {f"optimizer.{name}": tensor for name, tensor in self._optimizer.state().items()}
        metadata = {"step": str(state.step), "seconds": str(state.seconds), "curves": json.dumps(state.curves)}
        metadata["losses"] = json.dumps(state.losses)
        work = self._path.with_suffix(".new")
        try:
            save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, work, metadata)
        except SafetensorError as error:  # how the library says that a disk is full
            work.unlink(missing_ok=True)
            raise OSError(None, str(error), str(work)) from error
        work.replace(self._path)

    def restore(self, device: torch.device, *, least: int = 0) -> TrainingState:
        """Load the file into model and optimizer. They are not changed if there is no file, if it is damaged, or if it has fewer
        than ``least`` steps."""
        if not self._path.exists():
            return TrainingState()
        try:
            with safe_open(self._path, "pt") as file:
                metadata = file.metadata()
                if int(metadata["step"]) < least:
                    return TrainingState()
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        except SafetensorError:  # the power went away before all of it was on the disk
            return TrainingState()
        with torch.no_grad():
            for name, tensor in self._named():
                tensor.copy_(tensors[f"model.{name}"])
        moments = {
            name.removeprefix("optimizer."): tensor for name, tensor in tensors.items() if name.startswith("optimizer.")
        }
        self._optimizer.load_state(moments, device)
        return TrainingState(
            int(metadata["step"]),
            float(metadata["seconds"]),
            json.loads(metadata["curves"]),
            json.loads(metadata["losses"]),
        )

    def _named(self) -> Iterator[tuple[str, torch.Tensor]]:
        """Yield the parameters, tied ones once, and the other tensors of ``state_dict``, its buffers."""
        yield from self._model.named_parameters()
        kept = self._model.state_dict()
        yield from ((name, tensor) for name, tensor in self._model.named_buffers() if name in kept)
