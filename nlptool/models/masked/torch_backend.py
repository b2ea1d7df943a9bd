"""A masked language model in torch: on a GPU, or where a model does not run in onnxruntime."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nlptool.models.runtime import devices


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


class TorchMasked:
    """A network in torch. On a CUDA device it computes in bfloat16 if the device does, elsewhere in float32.

    Args:
        device: cpu, cuda or mps.
        dtype: float32 or bfloat16; as the device likes it unless given.
        threads: of the processor; as torch likes it unless given.
    """

    engine = "torch"

    def __init__(
        self,
        network: Any,
        about: Mapping[str, Any],
        device: str,
        *,
        dtype: str | None = None,
        threads: int | None = None,
    ) -> None:
        self.dtype = dtype or ("bfloat16" if device == "cuda" and torch.cuda.is_bf16_supported() else "float32")
        self.batch_tokens = 512 if device == "cpu" else 32_768
        self._takes_types, self._masks = bool(about["types"]), bool(about["masks"])
        self._device, self._threads = device, threads
        self._network = LogitsAtPositions(network, about).eval().to(device, getattr(torch, self.dtype))

    @torch.inference_mode()
    def __call__(
        self, ids: NDArray[np.int64], mask: NDArray[np.int64], types: NDArray[np.int64], positions: NDArray[np.int64]
    ) -> dict[str, NDArray[np.float32]]:
        """Run the network, as ``model.Network`` describes it."""
        inputs = [ids, mask if self._masks else None, positions, types if self._takes_types else None]
        with devices.torch_threads(self._threads):
            outputs = self._network(
                *(
                    array if array is None else torch.from_numpy(array).to(self._device, non_blocking=True)
                    for array in inputs
                )
            )
        found = zip(self._network.heads, outputs, strict=True)
        return {head: logits.float().cpu().numpy() for head, logits in found}
