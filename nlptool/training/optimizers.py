"""The optimizers of a network: AdamW for all its parameters, or Muon for the matrices of its layers and AdamW for the others.

Muon takes steps in the direction of the momentum with all its singular values made about equal, by an iteration of Newton and
Schulz (K. Jordan et al.: Muon: An optimizer for hidden layers in neural networks, 2024). Its steps are scaled to the size of
AdamW's, so that both have one learning rate and one weight decay (J. Liu et al.: Muon is Scalable for LLM Training, 2025).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

_BETAS = (0.9, 0.98)  # of AdamW
_MOMENTUM = 0.95  # of Muon


class Optimizers:
    """The optimizers of one network, which take their steps together.

    Args:
        groups: all parameters in groups, each with its ``weight_decay``, as AdamW takes them, and with a ``scale`` of the
            learning rate where that is not 1.
        matrices: those of the parameters that Muon gets; none: AdamW gets all.
        epsilon: of AdamW.
        fused: AdamW in one kernel; the last bits differ from the plain one.
    """

    def __init__(
        self,
        groups: Sequence[Mapping[str, Any]],
        matrices: Sequence[nn.Parameter] = (),
        *,
        rate: float,
        epsilon: float,
        fused: bool,
    ) -> None:
        of_muon = {id(matrix) for matrix in matrices}
        self._optimizers: list[torch.optim.Optimizer] = []
        if others := _part(groups, of_muon, inside=False):
            adamw = torch.optim.AdamW(others, lr=rate, betas=_BETAS, eps=epsilon, fused=fused or None)
            self._optimizers.append(adamw)
        if chosen := _part(groups, of_muon, inside=True):
            muon = torch.optim.Muon(chosen, lr=rate, momentum=_MOMENTUM, adjust_lr_fn="match_rms_adamw")
            self._optimizers.append(muon)

    def set_learning_rate(self, rate: float) -> None:
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate * group.get("scale", 1.0)

    def zero_grad(self) -> None:
        for optimizer in self._optimizers:
            optimizer.zero_grad()

    def step(self) -> None:
        for optimizer in self._optimizers:
            optimizer.step()

    def state(self) -> dict[str, Tensor]:
        """Return what the optimizers remember between steps: steps and moments of each parameter, by a name of its own."""
        return {
            f"{number}.{index}.{name}": torch.as_tensor(value)
            for number, optimizer in enumerate(self._optimizers)
            for index, values in optimizer.state_dict()["state"].items()
            for name, value in values.items()
        }

    def load_state(self, tensors: Mapping[str, Tensor], device: torch.device) -> None:
        """Restore what ``state`` returned."""
        states: list[dict[int, dict[str, Tensor]]] = [{} for _ in self._optimizers]
        for key, tensor in tensors.items():
            number, index, name = key.split(".")
            states[int(number)].setdefault(int(index), {})[name] = tensor if name == "step" else tensor.to(device)
        for optimizer, state in zip(self._optimizers, states, strict=True):
            optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def layer_matrices(network: nn.Module) -> list[nn.Parameter]:
    """Return the weights of the linear maps in the stacks of layers of a network: not its embeddings, and not its heads."""
    stacks = [module for module in network.modules() if isinstance(module, nn.ModuleList)]
    linear = dict.fromkeys(part for stack in stacks for part in stack.modules() if isinstance(part, nn.Linear))
    return [part.weight for part in linear]  # type: ignore[misc]


def _part(groups: Sequence[Mapping[str, Any]], ids: set[int], *, inside: bool) -> list[dict[str, Any]]:
    """Return the groups with those of their parameters alone that are among ``ids``, or with those alone that are not."""
    parts = [{**group, "params": [p for p in group["params"] if (id(p) in ids) is inside]} for group in groups]
    return [part for part in parts if part["params"]]
