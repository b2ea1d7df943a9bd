"""A network in torch: on a GPU, or where a model does not run in onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nlptool.models.encoders.encoder import Embeddings, Postprocess
from nlptool.models.runtime import devices, transformers_loading
from nlptool.models.runtime.batching import pack
from nlptool.specs import EncoderSpec


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
        self.dtype = dtype or ("bfloat16" if device == "cuda" and torch.cuda.is_bf16_supported() else "float32")
        self.batch_tokens = 512 if device == "cpu" else 32_768
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


class SentenceTransformersEncoder:
    """Any stack of modules, run by sentence-transformers itself: static embeddings, bags of words."""

    engine = "torch"

    def __init__(self, model: Any, about: Mapping[str, Any], spec: EncoderSpec, prompt: str) -> None:
        self._postprocess = Postprocess.of_model(about, spec)
        self.dimension = self._postprocess.dimension(int(about["dimension"]))
        self._network_dimension = int(about["dimension"])
        self._threads = spec.threads
        self._model = model
        self._prompt = prompt
        if spec.max_length is not None and model.max_seq_length:
            model.max_seq_length = min(spec.max_length, model.max_seq_length)
        self._budget = 1 if spec.deterministic else spec.batch_tokens or 512

    def encode(self, texts: Sequence[str]) -> Embeddings:
        """Embed ``texts``; the order is kept."""
        whole = [self._n_tokens(self._prompt + text) for text in texts]
        limit = self._model.max_seq_length or max(whole, default=0)
        lengths = [min(length, limit) for length in whole]
        vectors = np.empty((len(texts), self._network_dimension), np.float32)
        with devices.torch_threads(self._threads):
            for batch in pack(lengths, self._budget):
                vectors[batch] = self._model.encode(
                    [texts[index] for index in batch],
                    prompt=self._prompt,
                    batch_size=len(batch),
                    show_progress_bar=False,
                )
        truncated = [length > limit for length in whole]
        return Embeddings(self._postprocess(vectors), lengths, truncated, [1] * len(texts))

    def _n_tokens(self, text: str) -> int:
        tokenizer = self._model.tokenizer
        encoded = (
            tokenizer.encode(text, truncation=False, verbose=False) if callable(tokenizer) else tokenizer.encode(text)
        )
        return len(getattr(encoded, "ids", encoded))
