"""A network in torch: on a GPU, or where a model does not run in onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nlptool.models.runtime import devices, transformers_loading
from nlptool.models.runtime.torch_network import usual_batch_tokens, usual_dtype


class TorchNetwork:
    """The modules of a ``SentenceTransformer`` up to the vector, without the final normalisation.

    On a CUDA device it computes in bfloat16 if the device does, elsewhere in float32. Large
    batches keep a GPU busy; a processor likes small ones.

    Args:
        device: cpu, cuda or mps.
        dtype: float32 or bfloat16; as the device likes it unless given.
        threads: of the processor; as torch likes it unless given.
    """

    engine = "torch"

    def __init__(
        self, modules: Sequence[Any], device: str, *, dtype: str | None = None, threads: int | None = None
    ) -> None:
        self.dtype = dtype or usual_dtype(device)
        self.batch_tokens = usual_batch_tokens(device)
        self._device, self._threads = device, threads
        self._modules = torch.nn.ModuleList(modules).eval().to(device, getattr(torch, self.dtype))
        self._n_embeddings = transformers_loading.n_embeddings(modules[0].model)

    @torch.inference_mode()
    def __call__(self, input_ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """Run the network: (B, T) ids and mask to (B, D) vectors."""
        if self._n_embeddings is not None and (largest := input_ids.max()) >= self._n_embeddings:
            # A GPU could not be used any more.
            raise ValueError(
                f"one of its tokens has the number {largest}, and the network has {self._n_embeddings} embeddings"
            )
        features: dict[str, Any] = {
            "input_ids": torch.from_numpy(input_ids).to(self._device, non_blocking=True),
            "attention_mask": torch.from_numpy(mask).to(self._device, non_blocking=True),
        }
        with devices.torch_threads(self._threads):
            for module in self._modules:
                features = module(features)
        vectors: NDArray[np.float32] = features["sentence_embedding"].float().cpu().numpy()
        return vectors
