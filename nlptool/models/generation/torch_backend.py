"""Generation in torch: sampling, attention, GPUs, networks of nlptool's own, and whatever CTranslate2 does not run.

The decoders, each a ``decoder.Decoder``: ``transformers_decoders``, ``models.seq2seq.decoder`` and ``models.language.decoder``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nlptool.errors import ModelError
from nlptool.models.generation import transformers_config
from nlptool.models.generation.constraints import DECODER, DecoderConstraints
from nlptool.models.generation.search_engine import SearchEngine, SizedDecoder
from nlptool.models.generation.torch_arrays import TorchArrays
from nlptool.models.generation.transformers_decoders import DecoderOnly, EncoderDecoder
from nlptool.models.language import decoder as language_decoder
from nlptool.models.language import folder as language_folder
from nlptool.models.runtime import devices, transformers_loading
from nlptool.models.seq2seq import folder as seq2seq_folder
from nlptool.models.seq2seq import network as seq2seq_network
from nlptool.models.seq2seq.config import NEVER_GENERATED
from nlptool.models.seq2seq.decoder import Seq2SeqDecoder


class Network(SizedDecoder, Protocol):
    """A decoder that can return its attention weights."""

    def attention(self, source: Sequence[int], ids: Sequence[int]) -> Tensor | None:
        """Return (L, H, T, S) as ``decoding.Engine`` does; None without attention."""


class TorchEngine(SearchEngine):
    """A ``decoding.Engine`` in torch.

    Args:
        name: of the model, for messages.
        device: of the network: cpu, cuda or mps.
        threads: CPU threads; None: torch's default.
    """

    name = "torch"

    def __init__(
        self, network: Network, constraints: DecoderConstraints, device: str, *, name: str, threads: int | None = None
    ) -> None:
        super().__init__(network, constraints, TorchArrays(), lambda: devices.torch_threads(threads))
        self.device, self._network, self._name = device, network, name
        self.batch_tokens = 2048 if device == "cpu" else 32_768

    def attention(self, source: Sequence[int], ids: Sequence[int]) -> NDArray[np.float32]:
        """Return the attention weights, (L, H, T, S), of each of ``ids`` over the tokens of the source. For a decoder-only model
        the source is the prompt; attention to its own output is left out.

        Raises:
            ModelError: the model has no attention.
        """
        with self.limited():
            weights = self._network.attention(source, ids) if ids else None
        if weights is None and ids and not isinstance(self._network, Seq2SeqDecoder):
            raise ModelError(
                f"{self._name} has no attention: its network is no Transformer",
                hint="nlptool train lm --architecture transformer",
            )
        if weights is None and ids:
            raise ModelError(
                f"{self._name} has no attention: its decoder sees the source as one vector",
                hint="nlptool train seq2seq --architecture lstm-attention",
            )
        return np.zeros((0, 0, 0, len(source)), np.float32) if weights is None else weights.float().cpu().numpy()


def open_engine(
    folder: Path, constraints: DecoderConstraints, *, name: str, device: str = "cpu", threads: int | None = None,
    dtype: str | None = None, allow_pickle: bool = False,
) -> TorchEngine:  # fmt: skip
    """Load the model of a folder: one of transformers, running no code of its own, or one of ``nlptool train seq2seq``.

    Args:
        name: of the model, for messages.
        device: cpu, cuda or mps.
        threads: CPU threads; None: torch's default.
        dtype: float32 or bfloat16; None: bfloat16 on a CUDA device that supports it, else float32.
        allow_pickle: load a pickle if there are no safetensors.

    Raises:
        ModelError: it cannot be loaded, lacks weights, or generates no text.
    """
    dtype = dtype or ("bfloat16" if device == "cuda" and torch.cuda.is_bf16_supported() else "float32")
    network: Network
    if seq2seq_folder.is_seq2seq(folder):
        seq2seq = seq2seq_network.load(seq2seq_folder.read(folder), torch.device(device))  # small: always in float32
        network = Seq2SeqDecoder(seq2seq, constraints.start_ids)
        constraints = replace(constraints, suppressed=(*constraints.suppressed, *((id,) for id in NEVER_GENERATED)))
    elif language_folder.is_language(folder):
        network = language_decoder.open_network(language_folder.read(folder), torch.device(device))
    else:
        with devices.torch_threads(threads):
            loaded = load(folder, allow_pickle=allow_pickle)
        loaded = loaded.to(getattr(torch, dtype)).to(device)
        network = (
            DecoderOnly(loaded, constraints) if constraints.kind == DECODER else EncoderDecoder(loaded, constraints)
        )
    return TorchEngine(network, constraints, device, name=name, threads=threads)


def load(folder: Path, *, allow_pickle: bool = False) -> Any:
    """Load the network of transformers in a folder, with its language model head, in float32 on the CPU.

    Raises:
        ModelError: it cannot be loaded, requires code of its own, generates no text, or lacks weights.
    """
    config = transformers_config.load_config(folder)
    with transformers_loading.silenced():
        from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

        model_class: Any = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
        network, missing = transformers_loading.network(model_class, folder, allow_pickle=allow_pickle)
    if missing:
        raise transformers_loading.lacks(folder, missing)
    return network
