"""A classifier in torch: on a GPU, or where a model does not run in onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nlptool.models.classifiers.network import ClassifierNetwork
from nlptool.models.runtime import devices


class LogitsOfAll(torch.nn.Module):
    """The logits of all tasks of a network, as a graph has them: the arguments one by one."""

    def __init__(self, network: ClassifierNetwork) -> None:
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


class TorchClassifier:
    """A network in torch. On a CUDA device it computes in bfloat16 if the device does, elsewhere in float32.

    Args:
        device: cpu, cuda or mps.
        dtype: float32 or bfloat16; as the device likes it unless given.
        threads: of the processor; as torch likes it unless given.
    """

    engine = "torch"

    def __init__(
        self,
        network: ClassifierNetwork,
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
        self._network = LogitsOfAll(network).eval().to(device, getattr(torch, self.dtype))

    @torch.inference_mode()
    def __call__(
        self, ids: NDArray[np.int64], mask: NDArray[np.int64], types: NDArray[np.int64]
    ) -> list[NDArray[np.float32]]:
        """Run the network, as ``classifier.Network`` describes it."""
        inputs = [ids, mask if self._masks else None, types if self._takes_types else None]
        with devices.torch_threads(self._threads):
            outputs = self._network(
                *(
                    array if array is None else torch.from_numpy(array).to(self._device, non_blocking=True)
                    for array in inputs
                )
            )
        return [logits.float().cpu().numpy() for logits in outputs]
