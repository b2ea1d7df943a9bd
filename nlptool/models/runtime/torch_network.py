"""A network in torch: on a GPU, or where a model does not run in onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from numpy.typing import NDArray

from nlptool.models.runtime import devices, inputs


def usual_dtype(device: str) -> str:
    """Return the numbers that a device computes with: bfloat16 on a CUDA device that does so, elsewhere float32."""
    return "bfloat16" if device == "cuda" and torch.cuda.is_bf16_supported() else "float32"


def usual_batch_tokens(device: str) -> int:
    """Return the tokens of a batch: large batches keep a GPU busy; a processor likes small ones."""
    return 512 if device == "cpu" else 32_768


class TorchNetwork:
    """A module that takes token ids, and what the manifest of the model says beside them.

    On a CUDA device it computes in bfloat16 if the device does, elsewhere in float32.

    Args:
        module: takes named inputs, and returns a tuple of tensors.
        about: the manifest: ``masks``, ``types``.
        device: cpu, cuda or mps.
        dtype: float32 or bfloat16; as the device likes it unless given.
        threads: of the processor; as torch likes it unless given.
    """

    engine = "torch"

    def __init__(
        self,
        module: torch.nn.Module,
        about: Mapping[str, Any],
        device: str,
        *,
        dtype: str | None = None,
        threads: int | None = None,
    ) -> None:
        self.dtype = dtype or usual_dtype(device)
        self.batch_tokens = usual_batch_tokens(device)
        self._about, self._device, self._threads = about, device, threads
        self._module = module.eval().to(device, getattr(torch, self.dtype))

    @torch.inference_mode()
    def __call__(
        self, ids: NDArray[Any], mask: NDArray[Any], types: NDArray[Any], **more: NDArray[Any]
    ) -> list[NDArray[Any]]:
        """Return the outputs of the module, float32; the arguments are those of ``OnnxNetwork``."""
        arrays = inputs.named(self._about, ids, mask, types) | more
        with devices.torch_threads(self._threads):
            outputs = self._module(
                **{name: torch.from_numpy(array).to(self._device, non_blocking=True) for name, array in arrays.items()}
            )
        return [output.float().cpu().numpy() for output in outputs]
