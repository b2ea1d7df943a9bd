"""Networks of transformers as decoders, token by token, in torch: encoder–decoders and decoder-only models. Both keep a cache of
keys and values."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nlptool.models.generation import forced
from nlptool.models.generation.constraints import DecoderConstraints
from nlptool.models.generation.torch_arrays import padded


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
        ids, mask = padded(sources, self._constraints.pad_id, self.network.device)
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
        ids, mask = padded(sources, self._constraints.pad_id, self.network.device)
        inputs, _ = padded([[*start_ids, *target[:-1]] for target in targets], self._constraints.pad_id, ids.device)
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
        ids, mask = padded(sources, self._pad_id, self.network.device, left=True)
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
        ids, mask = padded(read, self._pad_id, self.network.device)  # behind the tokens, where none of them looks
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
