"""A training's state on the disk: weights, the optimizer's moments, and how far it got. Safetensors, no pickle."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

_MOMENTS = ("step", "exp_avg", "exp_avg_sq")  # of AdamW


@dataclass(frozen=True, slots=True)
class TrainingState:
    """Where a training stands."""

    step: int = 0
    seconds: float = 0.0  # of training so far
    curves: list[dict[str, Any]] = field(default_factory=list)
    losses: list[dict[str, float]] = field(default_factory=list)  # of the steps since the last line of the curves


def steps_done(path: Path) -> int:
    """How far the training went whose checkpoint is at ``path``; 0 if there is none, or a damaged one."""
    if not path.exists():
        return 0
    try:
        with safe_open(path, "pt") as file:
            return int(file.metadata()["step"])
    except SafetensorError:
        return 0


class Checkpoint:
    """The state of ``model`` and ``optimizer`` (AdamW) in the file ``path``, replaced as a whole."""

    def __init__(self, path: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        self._path = path
        self._model = model
        self._optimizer = optimizer

    def save(self, place: TrainingState) -> None:
        """
        Raises:
            OSError: the file cannot be written; the old one is still there then.
        """
        tensors: dict[str, torch.Tensor] = {f"model.{name}": each for name, each in self._model.named_parameters()}
        for index, state in self._optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": torch.as_tensor(state[name]) for name in _MOMENTS}
        about = {"step": str(place.step), "seconds": str(place.seconds), "curves": json.dumps(place.curves)}
        about["losses"] = json.dumps(place.losses)
        work = self._path.with_suffix(".new")
        try:
            save_file({name: each.detach().cpu().contiguous() for name, each in tensors.items()}, work, about)
        except SafetensorError as error:  # how the library says that a disk is full
            work.unlink(missing_ok=True)
            raise OSError(None, str(error), str(work)) from error
        work.replace(self._path)

    def restore(self, device: torch.device, *, least: int = 0) -> TrainingState:
        """Bring model and optimizer to what the file holds; they stay as they are if there is none, one that is damaged, or
        one that has not gone ``least`` steps."""
        if not self._path.exists():
            return TrainingState()
        try:
            with safe_open(self._path, "pt") as file:
                about = file.metadata()
                if int(about["step"]) < least:
                    return TrainingState()
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        except SafetensorError:  # the power went away before all of it was on the disk
            return TrainingState()
        with torch.no_grad():
            for name, parameter in self._model.named_parameters():  # those that are tied are there once
                parameter.copy_(tensors[f"model.{name}"])
        state: dict[int, dict[str, torch.Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith("optimizer."):
                _, index, moment = name.split(".")
                state.setdefault(int(index), {})[moment] = tensor if moment == "step" else tensor.to(device)
        groups = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": state, "param_groups": groups})
        return TrainingState(
            int(about["step"]),
            float(about["seconds"]),
            json.loads(about["curves"]),
            json.loads(about.get("losses", "[]")),
        )
