"""A masked language model in torch, with named inputs: as a graph has them, and as ``TorchNetwork`` gives them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch


class LogitsAtPositions(torch.nn.Module):
    """A network of transformers whose head over the vocabulary, a fifth of the work in a BERT of the usual size, gets the
    hidden states at some positions alone."""

    def __init__(self, network: Any, about: Mapping[str, Any]) -> None:
        super().__init__()
        self.network = network
        self.heads = tuple(about["heads"])

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        places: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, ...]:
        """Run the network.

        Args:
            input_ids: (B, T).
            attention_mask: (B, T), 0 for padding, where the model takes one.
            places: (M,), the positions, counted through all rows of ``input_ids``; the graphs have an input of that name.
            token_type_ids: (B, T), 0 for the first text and 1 for the second, where the model takes that.

        Returns:
            mlm: (M, V) logits of the tokens; nsp: (B, 2) of the next sentence; those that there are heads for.
        """
        more = {"attention_mask": attention_mask, "token_type_ids": token_type_ids}
        if places is None:
            places = input_ids.new_zeros((0,))
        with _gathered(self.network.base_model, places):
            found = self.network(
                input_ids=input_ids, **{name: value for name, value in more.items() if value is not None}
            )
        outputs = []
        if "mlm" in self.heads:
            outputs.append((found.logits if "logits" in found else found.prediction_logits)[0])
        if "nsp" in self.heads:
            outputs.append(found.seq_relationship_logits)
        return tuple(outputs)


@contextmanager
def _gathered(base: Any, positions: torch.Tensor) -> Iterator[None]:
    """Make a network give (1, M, H) of its last hidden states (B, T, H): its own head then runs as it is."""

    def gather(module: Any, arguments: Any, output: Any) -> Any:
        states = output.last_hidden_state  # (B, T, H)
        output["last_hidden_state"] = states.flatten(0, 1).index_select(0, positions).unsqueeze(0)
        return output

    hook = base.register_forward_hook(gather)
    try:
        yield
    finally:
        hook.remove()
