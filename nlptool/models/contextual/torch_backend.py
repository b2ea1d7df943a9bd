"""The hidden states of a Transformer in torch, with named inputs: as a graph has them, and as ``TorchNetwork`` gives them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch


class HiddenStates(torch.nn.Module):
    """A network of transformers that returns its hidden states."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, ...]:
        """Return the hidden states (B, T, D) of the embeddings and of each layer.

        Args:
            input_ids: (B, T).
            attention_mask: (B, T), 0 for padding, where the network takes one.
            token_type_ids: (B, T), where the network takes them.
        """
        named = {"attention_mask": attention_mask, "token_type_ids": token_type_ids}
        more = {name: value for name, value in named.items() if value is not None}
        return tuple(self.network(input_ids=input_ids, output_hidden_states=True, **more).hidden_states)


@torch.inference_mode()
def shape_of(network: Any, about: Mapping[str, Any]) -> tuple[int, int]:
    """Return the number of layers of a network, without the embeddings, and the components of their vectors.

    Args:
        about: the manifest: ``masks``, ``types``.

    Raises:
        ValueError: it gives no hidden states, or none that have a vector for each token.
    """
    ids = torch.full((1, 5), int(about["pad_id"]))
    mask = {"attention_mask": torch.ones_like(ids)} if about["masks"] else {}
    types = {"token_type_ids": torch.zeros_like(ids)} if about["types"] else {}
    states = HiddenStates(network)(ids, **mask, **types)
    shapes = {tuple(state.shape) for state in states}
    if len(shapes) != 1 or states[0].shape[:2] != ids.shape:
        raise ValueError(f"its hidden states have the shapes {', '.join(map(str, sorted(shapes)))}")
    return len(states) - 1, int(states[0].shape[2])
