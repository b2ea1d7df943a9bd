"""A network in torch: on a GPU, or where a model does not run in onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nlptool.batches import pack
from nlptool.errors import RunError
from nlptool.models import convert
from nlptool.models.encoder import Embeddings, Encoder, Prepared, Settings, Shape


def is_there(device: str) -> bool:
    """Whether torch can compute on ``device``; auto means a CUDA device."""
    return bool(torch.backends.mps.is_available() if device == "mps" else torch.cuda.is_available())


def describe(folder: Path, *, allow_pickle: bool = False) -> Mapping[str, Any]:
    """What ``convert.describe`` says of a folder whose model is not converted."""
    return convert.describe(convert.load(folder, allow_pickle=allow_pickle), folder)


class TorchNetwork:
    """The modules of a ``SentenceTransformer`` up to the vector, without the final normalisation.

    On a CUDA device it computes in bfloat16 if the device does, elsewhere in float32. Large
    batches keep a GPU busy; a processor likes small ones.

    Args:
        device: cpu, cuda or mps.
        dtype: float32 or bfloat16; as the device likes it unless given.
    """

    engine = "torch"

    def __init__(self, modules: Sequence[Any], device: str, *, dtype: str | None = None) -> None:
        self.dtype = dtype or ("bfloat16" if device == "cuda" and torch.cuda.is_bf16_supported() else "float32")
        self.batch_tokens = 512 if device == "cpu" else 32_768
        self._device = device
        self._modules = torch.nn.ModuleList(modules).eval().to(device, getattr(torch, self.dtype))

    @torch.inference_mode()
    def __call__(self, input_ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """(B, T) ids and mask to (B, D) vectors."""
        features: dict[str, Any] = {
            "input_ids": torch.from_numpy(input_ids).to(self._device, non_blocking=True),
            "attention_mask": torch.from_numpy(mask).to(self._device, non_blocking=True),
        }
        for module in self._modules:
            features = module(features)
        vectors: NDArray[np.float32] = features["sentence_embedding"].float().cpu().numpy()
        return vectors


class OtherEncoder:
    """Any stack of modules, run by sentence-transformers itself: static embeddings, bags of words."""

    engine = "torch"

    def __init__(self, model: Any, about: Mapping[str, Any], settings: Settings, prompt: str) -> None:
        self.dimension = settings.dim or int(about["dimension"])
        self._width = int(about["dimension"])
        self._model = model
        self._shape = Shape(about, settings)
        self._prompt = prompt
        if settings.max_length is not None and model.max_seq_length:
            model.max_seq_length = min(settings.max_length, model.max_seq_length)
        self._budget = 1 if settings.deterministic else settings.batch_tokens or 512

    def encode(self, texts: Sequence[str]) -> Embeddings:
        """Embed ``texts``; the order is kept."""
        whole = [self._n_tokens(self._prompt + text) for text in texts]
        limit = self._model.max_seq_length or max(whole, default=0)
        lengths = [min(length, limit) for length in whole]
        vectors = np.empty((len(texts), self._width), np.float32)
        for batch in pack(lengths, self._budget):
            vectors[batch] = self._model.encode(
                [texts[index] for index in batch],
                prompt=self._prompt,
                batch_size=len(batch),
                show_progress_bar=False,
            )
        truncated = [length > limit for length in whole]
        return Embeddings(self._shape(vectors), lengths, truncated, [1] * len(texts))

    def _n_tokens(self, text: str) -> int:
        tokenizer = self._model.tokenizer
        encoded = (
            tokenizer.encode(text, truncation=False, verbose=False) if callable(tokenizer) else tokenizer.encode(text)
        )
        return len(getattr(encoded, "ids", encoded))


def open_encoder(prepared: Prepared) -> Any:
    """Load the model that ``prepared`` describes.

    Raises:
        RunError: a setting does not go with its modules.
    """
    settings = prepared.settings
    if settings.threads:
        torch.set_num_threads(settings.threads)
    model = convert.load(prepared.weights, allow_pickle=prepared.allow_pickle)
    modules = convert.network(model)
    tokenizer = convert.tokenizer(model.tokenizer, prepared.weights)
    if tokenizer is not None and convert.is_usual(modules):
        network = TorchNetwork(modules, prepared.device, dtype="float32" if settings.deterministic else None)
        return Encoder(prepared.subwords(tokenizer), network, prepared.about, settings)
    if settings.chunk:
        raise RunError(f"{prepared.name} cannot take a text in chunks: its parts are not the usual ones")
    from sentence_transformers import SentenceTransformer

    with convert.silenced():
        other = SentenceTransformer(modules=modules, device=prepared.device)
    return OtherEncoder(other, prepared.about, settings, prepared.prompt)
