"""Generation in torch: sampling, attention, GPUs, networks of nlptool's own, and whatever CTranslate2 does not run.

The decoders here implement ``decoder.Decoder``: an encoder-decoder of transformers, a decoder-only model of transformers, and a
network of ``nlptool train seq2seq``. All keep a key-value cache.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nlptool.errors import ModelError
from nlptool.models.generation import forced, transformers_config
from nlptool.models.generation.constraints import DECODER, DecoderConstraints
from nlptool.models.generation.search_engine import SearchEngine, SizedDecoder
from nlptool.models.generation.torch_arrays import TorchArrays
from nlptool.models.language import decoder as language_decoder
from nlptool.models.language import folder as language_folder
from nlptool.models.runtime import devices, transformers_loading
from nlptool.models.runtime.batching import pad
from nlptool.models.seq2seq import folder as seq2seq_folder
from nlptool.models.seq2seq import network as seq2seq_network
from nlptool.models.seq2seq.config import NEVER_GENERATED, PAD


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


@dataclass(frozen=True, slots=True)
class _EncoderDecoderState:
    """The state of an encoder-decoder between two tokens."""

    sources: Tensor  # (R,), the source of each sequence; sequences of one source share the encoder's output
    states: Tensor  # (R, S, D), the encoder's output
    mask: Tensor  # (R, S), 0 for padding
    cache: Any  # keys and values, changed in place by every step

    def reorder(self, rows: Tensor) -> Self:
        sources = self.sources[rows]
        self.cache.self_attention_cache.reorder_cache(rows)
        if sources.equal(self.sources):  # beams of the same sources change places: the encoder's output stays
            return self
        self.cache.cross_attention_cache.reorder_cache(rows)
        return replace(self, sources=sources, states=self.states[rows], mask=self.mask[rows])


class EncoderDecoder:
    """An encoder-decoder of transformers, such as T5, BART or Marian."""

    def __init__(self, network: Any, constraints: DecoderConstraints) -> None:
        self.network = network
        self.vocab_size = constraints.vocab_size
        self._constraints = constraints
        self._cache_name = _cache_name(network)

    @torch.inference_mode()
    def begin(self, sources: Sequence[Sequence[int]]) -> tuple[Tensor, _EncoderDecoderState]:
        ids, mask = _pad(sources, self._constraints.pad_id, self.network.device)
        states = self.network.get_encoder()(input_ids=ids, attention_mask=mask).last_hidden_state
        start = torch.tensor([self._constraints.start_ids], device=ids.device).expand(len(ids), -1)
        return self._run(start, _EncoderDecoderState(torch.arange(len(ids), device=ids.device), states, mask, None))

    @torch.inference_mode()
    def step(self, tokens: Tensor, state: _EncoderDecoderState) -> tuple[Tensor, _EncoderDecoderState]:
        return self._run(tokens[:, None], state)

    def _run(self, ids: Tensor, state: _EncoderDecoderState) -> tuple[Tensor, _EncoderDecoderState]:
        from transformers.modeling_outputs import BaseModelOutput

        outputs = self.network(
            encoder_outputs=BaseModelOutput(last_hidden_state=state.states), attention_mask=state.mask,
            decoder_input_ids=ids, use_cache=True, **{self._cache_name: state.cache},
        )  # fmt: skip
        return outputs.logits[:, -1].float(), replace(state, cache=outputs[self._cache_name])

    @torch.inference_mode()
    def score(self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[NDArray[np.float64]]:
        start_ids = self._constraints.start_ids
        ids, mask = _pad(sources, self._constraints.pad_id, self.network.device)
        inputs, _ = _pad([[*start_ids, *target[:-1]] for target in targets], self._constraints.pad_id, ids.device)
        logits = self.network(input_ids=ids, attention_mask=mask, decoder_input_ids=inputs, use_cache=False).logits
        return forced.of_rows(logits, targets, [len(start_ids) - 1] * len(targets))

    @torch.inference_mode()
    def attention(self, source: Sequence[int], ids: Sequence[int]) -> Tensor | None:
        start_ids = self._constraints.start_ids
        inputs = torch.tensor([[*start_ids, *ids[:-1]]], device=self.network.device)
        with _eager_attention(self.network):
            outputs = self.network(
                input_ids=torch.tensor([list(source)], device=inputs.device), decoder_input_ids=inputs,
                output_attentions=True, use_cache=False,
            )  # fmt: skip
        return torch.cat(outputs.cross_attentions)[:, :, len(start_ids) - 1 :]


@dataclass(frozen=True, slots=True)
class _DecoderOnlyState:
    """The state of a decoder-only model between two tokens."""

    mask: Tensor  # (R, n), 0 for the padding before the prompts
    cache: Any  # keys and values, changed in place by every step

    def reorder(self, rows: Tensor) -> Self:
        self.cache.reorder_cache(rows)
        return replace(self, mask=self.mask[rows])


class DecoderOnly:
    """A decoder-only model of transformers, such as GPT-2 or GPT-NeoX. Shorter prompts are padded on the left; positions count
    from a prompt's first token."""

    def __init__(self, network: Any, constraints: DecoderConstraints) -> None:
        self.network = network
        self.vocab_size = constraints.vocab_size
        self._pad_id = constraints.pad_id
        parameters = inspect.signature(network.forward).parameters
        self._last: dict[str, int] = {"logits_to_keep": 1} if "logits_to_keep" in parameters else {}
        self._takes_positions = "position_ids" in parameters
        self._cache_name = _cache_name(network)

    @torch.inference_mode()
    def begin(self, sources: Sequence[Sequence[int]]) -> tuple[Tensor, _DecoderOnlyState]:
        ids, mask = _pad(sources, self._pad_id, self.network.device, left=True)
        return self._run(ids, mask, None)

    @torch.inference_mode()
    def step(self, tokens: Tensor, state: _DecoderOnlyState) -> tuple[Tensor, _DecoderOnlyState]:
        mask = torch.cat((state.mask, state.mask.new_ones(len(tokens), 1)), 1)
        return self._run(tokens[:, None], mask, state.cache)

    def _run(self, ids: Tensor, mask: Tensor, cache: Any) -> tuple[Tensor, _DecoderOnlyState]:
        positions = {"position_ids": (mask.cumsum(1) - 1).clamp(min=0)[:, -ids.shape[1] :]}
        outputs = self.network(
            input_ids=ids, attention_mask=mask, use_cache=True, **self._last, **{self._cache_name: cache},
            **(positions if self._takes_positions else {}),
        )  # fmt: skip
        return outputs.logits[:, -1].float(), _DecoderOnlyState(mask, outputs[self._cache_name])

    @torch.inference_mode()
    def score(self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[NDArray[np.float64]]:
        read = [[*source, *target[:-1]] for source, target in zip(sources, targets, strict=True)]
        ids, mask = _pad(read, self._pad_id, self.network.device)  # behind the tokens, where none of them looks
        logits = self.network(input_ids=ids, attention_mask=mask, use_cache=False).logits
        return forced.of_rows(logits, targets, [len(source) - 1 for source in sources])

    @torch.inference_mode()
    def attention(self, source: Sequence[int], ids: Sequence[int]) -> Tensor | None:
        ids_in = torch.tensor([[*source, *ids[:-1]]], device=self.network.device)
        n_before = len(source) - 1
        cache = None
        if n_before:  # without weights: for a long prompt they would be its length squared in every layer
            cache = self.network(input_ids=ids_in[:, :n_before], use_cache=True, **self._last)[self._cache_name]
        with _eager_attention(self.network):
            outputs = self.network(
                input_ids=ids_in[:, n_before:], use_cache=True, output_attentions=True, **self._last,
                **{self._cache_name: cache},
            )  # fmt: skip
        return torch.cat(outputs.attentions)[..., : len(source)]


class Seq2SeqDecoder:
    """A network of ``nlptool train seq2seq``.

    Args:
        network: in evaluation mode, on its device.
        start_ids: the first tokens of the decoder.
    """

    def __init__(self, network: seq2seq_network.Seq2Seq, start_ids: Sequence[int]) -> None:
        self.network = network
        self.vocab_size = network.config.target_vocab_size
        self._start_ids = list(start_ids)
        self._device = network.output_bias.device

    @torch.inference_mode()
    def begin(self, sources: Sequence[Sequence[int]]) -> tuple[Tensor, seq2seq_network.State]:
        ids, _ = _pad(sources, PAD, self._device)
        state = self.network.begin(self.network.encode(ids))
        for token in self._start_ids:
            logits, state = self.step(torch.full((len(ids),), token, device=self._device), state)
        return logits, state

    @torch.inference_mode()
    def step(self, tokens: Tensor, state: seq2seq_network.State) -> tuple[Tensor, seq2seq_network.State]:
        logits, state = self.network.step(tokens, state)
        return logits.float(), state

    @torch.inference_mode()
    def score(self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[NDArray[np.float64]]:
        ids, _ = _pad(sources, PAD, self._device)
        inputs, _ = _pad([[*self._start_ids, *target[:-1]] for target in targets], PAD, self._device)
        logits = self.network.lm_logits(self.network.decode(self.network.encode(ids), inputs))
        return forced.of_rows(logits, targets, [len(self._start_ids) - 1] * len(targets))

    @torch.inference_mode()
    def attention(self, source: Sequence[int], ids: Sequence[int]) -> Tensor | None:
        inputs = torch.tensor([[*self._start_ids, *ids[:-1]]], device=self._device)
        weights = self.network.attention(torch.tensor([list(source)], device=self._device), inputs)
        return None if weights is None else weights[0, :, :, len(self._start_ids) - 1 :]


def _cache_name(network: Any) -> str:
    """Return the name under which a network takes and returns its keys and values: ``cache`` since transformers 5.24."""
    return "cache" if "cache" in inspect.signature(network.forward).parameters else "past_key_values"


@contextmanager
def _eager_attention(network: Any) -> Iterator[None]:
    """Let a network of transformers compute attention with plain matrix products: faster kernels return no weights."""
    implementation = network.config._attn_implementation
    network.set_attn_implementation("eager")
    try:
        yield
    finally:
        network.set_attn_implementation(implementation)


def _pad(sources: Sequence[Sequence[int]], pad_id: int, device: Any, *, left: bool = False) -> tuple[Tensor, Tensor]:
    """Return ids and mask, both (B, S), on the device."""
    ids, mask = pad(sources, pad_id, left=left)
    return torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device)
