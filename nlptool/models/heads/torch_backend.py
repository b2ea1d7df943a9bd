"""A network with heads in torch, with named inputs: as a graph has them, and as ``TorchNetwork`` gives them."""

from __future__ import annotations

import torch

from nlptool.models.heads.network import HeadsNetwork


class LogitsOfAll(torch.nn.Module):
    """The logits of all tasks of a network, as a graph has them: the arguments one by one."""

    def __init__(self, network: HeadsNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, ...]:
        """Return the logits (B, K) of each task, for ids (B, T), their mask and the number of their text where it takes them."""
        named = {"input_ids": input_ids, "attention_mask": attention_mask, "token_type_ids": token_type_ids}
        inputs = {name: value for name, value in named.items() if value is not None}
        return tuple(self.network(inputs, range(len(self.network.heads))))
