"""Generation in torch: sampling, attention, GPUs, networks of our own, and whatever CTranslate2 does not run.

The decoders here say what comes next, for ``search``: an encoder–decoder of transformers, a decoder-only model of transformers,
and a network of ``nlptool train seq2seq``. Keys and values of what was read are kept from token to token.
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
from nlptool.models.generation import search as decoding_search
from nlptool.models.generation.constraints import DECODER, DecoderConstraints
from nlptool.models.generation.decoding import Decoding, Hypothesis
from nlptool.models.runtime import devices, transformers_loading
from nlptool.models.runtime.batching import pad
from nlptool.models.seq2seq import folder as seq2seq_folder
from nlptool.models.seq2seq import network as seq2seq_network
from nlptool.models.seq2seq.config import NEVER_SAID, PAD

_LARGEST_LOGITS = 1 << 26  # numbers in a step of a batch, 256 MiB


class Network(decoding_search.Decoder, Protocol):
    """A decoder that shows what it looks at."""

    vocabulary: int

    def attention(self, source: Sequence[int], ids: Sequence[int]) -> Tensor | None:
        """(L, H, T, S) as of ``decoding.Engine``; None without attention."""


class TorchEngine:
    """A model in torch, as ``decoding.Engine`` describes it.

    Args:
        name: of the model, for messages.
        device: cpu, cuda or mps, where the network is.
        threads: of the processor; as torch likes it unless given.
    """

    name = "torch"

    def __init__(
        self, network: Network, rules: DecoderConstraints, device: str, *, name: str, threads: int | None = None
    ) -> None:
        self.device, self._threads = device, threads
        self.batch_tokens = 2048 if device == "cpu" else 32_768
        self._network, self._rules, self._name = network, rules, name

    def generate(
        self, sources: Sequence[Sequence[int]], decoding: Decoding, seeds: Sequence[Sequence[int]]
    ) -> list[list[Hypothesis]]:
        """The hypotheses of each source, best first. Where the vocabulary is very large, some sources at a time.

        Raises:
            ModelError: the model gives no numbers, or has no room for one more token.
        """
        rows = decoding.n_return if decoding.sample else decoding.beams
        most = max(1, _LARGEST_LOGITS // (self._network.vocabulary * rows))
        found = []
        with devices.torch_threads(self._threads):
            for first in range(0, len(sources), most):
                part = slice(first, first + most)
                found += decoding_search.search(self._network, sources[part], decoding, self._rules, seeds[part])
        return found

    def stream(self, source: Sequence[int], decoding: Decoding, seed: Sequence[int]) -> Iterator[int | Hypothesis]:
        """The tokens of one text as they are chosen, and at last the hypothesis.

        Raises:
            ModelError: as of ``generate``.
        """
        tokens = decoding_search.stream(self._network, source, decoding, self._rules, seed)
        while True:
            with devices.torch_threads(self._threads):  # not around a yield: it would last for the caller's work too
                token = next(tokens, None)
            if token is None:
                return
            yield token

    def attention(self, source: Sequence[int], ids: Sequence[int]) -> NDArray[np.float32]:
        """(L, H, T, S): how much the decoder looks at each token of the source when it says each of ``ids``. Of a decoder-only
        model S are the tokens of the prompt, and what it looks at in its own text is left out.

        Raises:
            ModelError: the model has no attention.
        """
        with devices.torch_threads(self._threads):
            weights = self._network.attention(source, ids) if ids else None
        if weights is None and ids:
            raise ModelError(
                f"{self._name} has no attention: its decoder sees the source as one vector",
                hint="nlptool train seq2seq --architecture lstm-attention",
            )
        return np.zeros((0, 0, 0, len(source)), np.float32) if weights is None else weights.float().cpu().numpy()


def open_engine(
    folder: Path, rules: DecoderConstraints, *, name: str, device: str = "cpu", threads: int | None = None,
    dtype: str | None = None, allow_pickle: bool = False,
) -> TorchEngine:  # fmt: skip
    """Load the model of a folder: one of transformers, running no code of its own, or one of ``nlptool train seq2seq``.

    Args:
        name: for messages.
        device: cpu, cuda or mps.
        threads: of the processor; as torch likes it unless given.
        dtype: float32 or bfloat16; bfloat16 on a CUDA device that computes in it unless given, elsewhere float32.
        allow_pickle: open a pickle where there are no safetensors.

    Raises:
        ModelError: it cannot be loaded, lacks weights, or writes no text.
    """
    dtype = dtype or ("bfloat16" if device == "cuda" and torch.cuda.is_bf16_supported() else "float32")
    network: Network
    if seq2seq_folder.is_one(folder):
        own = seq2seq_network.loaded(seq2seq_folder.read(folder), torch.device(device))  # small: always in float32
        network = OwnDecoder(own, rules.start)
        rules = replace(rules, suppressed=(*rules.suppressed, *((id,) for id in NEVER_SAID)))
    else:
        with devices.torch_threads(threads):
            loaded = load(folder, allow_pickle=allow_pickle)
        loaded = loaded.to(getattr(torch, dtype)).to(device)
        network = DecoderOnly(loaded, rules) if rules.kind == DECODER else EncoderDecoder(loaded, rules)
    return TorchEngine(network, rules, device, name=name, threads=threads)


def load(folder: Path, *, allow_pickle: bool = False) -> Any:
    """The network of transformers in a folder, in float32 on the processor, with its head over the vocabulary.

    Raises:
        ModelError: transformers refuses it, it asks for code of its own, writes no text, or lacks weights.
    """
    with transformers_loading.silenced():
        from transformers import (
            MODEL_FOR_CAUSAL_LM_MAPPING,
            MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING,
            AutoConfig,
            AutoModelForCausalLM,
            AutoModelForSeq2SeqLM,
        )

        transformers_loading.refuse_own_code(folder)
        place = str(folder.absolute())
        safe: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        try:
            config = AutoConfig.from_pretrained(place, **safe)
            kind: Any = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
            known = MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING if config.is_encoder_decoder else MODEL_FOR_CAUSAL_LM_MAPPING
            if type(config) not in known:
                raise ModelError(
                    f"{folder} is a {config.model_type}, which writes no text",
                    hint="nlptool models list --task generate shows models that do",
                )
            network, found = kind.from_pretrained(
                place, **safe, use_safetensors=None if allow_pickle else True, dtype=torch.float32,
                output_loading_info=True,
            )  # fmt: skip
        except ModelError:
            raise
        except Exception as error:  # of many libraries
            raise transformers_loading.cannot_be_loaded(folder, error) from error
    if missing := sorted(found["missing_keys"]):
        raise transformers_loading.lacks(folder, missing)
    return network.eval()


@dataclass(frozen=True, slots=True)
class _Read:
    """How far an encoder–decoder has come.

    Attributes:
        sources: (R,) the source of each row; rows of one source share what the encoder read.
        states: (R, S, D) of the encoder.
        mask: (R, S), 0 for padding.
        cache: keys and values, changed by every step.
    """

    sources: Tensor
    states: Tensor
    mask: Tensor
    cache: Any

    def reordered(self, rows: Tensor) -> Self:
        sources = self.sources[rows]
        self.cache.self_attention_cache.reorder_cache(rows)
        if sources.equal(self.sources):  # beams that change places: what they read is the same
            return self
        self.cache.cross_attention_cache.reorder_cache(rows)
        return replace(self, sources=sources, states=self.states[rows], mask=self.mask[rows])


class EncoderDecoder:
    """An encoder–decoder of transformers: T5, BART, Marian and their like."""

    def __init__(self, network: Any, rules: DecoderConstraints) -> None:
        self.network = network
        self.vocabulary = rules.size
        self._rules = rules
        self._cache_name = _cache_name(network)

    @torch.inference_mode()
    def begin(self, sources: Sequence[Sequence[int]]) -> tuple[Tensor, _Read]:
        """As of ``search.Decoder``."""
        ids, mask = _padded(sources, self._rules.pad_id, self.network.device)
        states = self.network.get_encoder()(input_ids=ids, attention_mask=mask).last_hidden_state
        start = torch.tensor([self._rules.start], device=ids.device).expand(len(ids), -1)
        return self._decoded(start, _Read(torch.arange(len(ids), device=ids.device), states, mask, None))

    @torch.inference_mode()
    def step(self, tokens: Tensor, state: _Read) -> tuple[Tensor, _Read]:
        """As of ``search.Decoder``."""
        return self._decoded(tokens[:, None], state)

    def _decoded(self, ids: Tensor, read: _Read) -> tuple[Tensor, _Read]:
        from transformers.modeling_outputs import BaseModelOutput

        found = self.network(
            encoder_outputs=BaseModelOutput(last_hidden_state=read.states), attention_mask=read.mask,
            decoder_input_ids=ids, use_cache=True, **{self._cache_name: read.cache},
        )  # fmt: skip
        return found.logits[:, -1].float(), replace(read, cache=found[self._cache_name])

    @torch.inference_mode()
    def attention(self, source: Sequence[int], ids: Sequence[int]) -> Tensor | None:
        """As of ``decoding.Engine``."""
        before = self._rules.start
        inputs = torch.tensor([[*before, *ids[:-1]]], device=self.network.device)
        with _with_weights(self.network):
            found = self.network(
                input_ids=torch.tensor([list(source)], device=inputs.device), decoder_input_ids=inputs,
                output_attentions=True, use_cache=False,
            )  # fmt: skip
        return torch.cat(found.cross_attentions)[:, :, len(before) - 1 :]


@dataclass(frozen=True, slots=True)
class _Prompted:
    """How far a decoder-only model has come.

    Attributes:
        mask: (R, n), 0 for the padding before the prompts.
        cache: keys and values, changed by every step.
    """

    mask: Tensor
    cache: Any

    def reordered(self, rows: Tensor) -> Self:
        self.cache.reorder_cache(rows)
        return replace(self, mask=self.mask[rows])


class DecoderOnly:
    """A decoder-only model of transformers: GPT-2, GPT-NeoX and their like. Shorter prompts are filled up on the left, and
    positions are counted from their first tokens."""

    def __init__(self, network: Any, rules: DecoderConstraints) -> None:
        self.network = network
        self.vocabulary = rules.size
        self._pad_id = rules.pad_id
        known = inspect.signature(network.forward).parameters
        self._last: dict[str, int] = {"logits_to_keep": 1} if "logits_to_keep" in known else {}
        self._takes_positions = "position_ids" in known
        self._cache_name = _cache_name(network)

    @torch.inference_mode()
    def begin(self, sources: Sequence[Sequence[int]]) -> tuple[Tensor, _Prompted]:
        """As of ``search.Decoder``."""
        ids, mask = _padded(sources, self._pad_id, self.network.device, left=True)
        return self._decoded(ids, mask, None)

    @torch.inference_mode()
    def step(self, tokens: Tensor, state: _Prompted) -> tuple[Tensor, _Prompted]:
        """As of ``search.Decoder``."""
        mask = torch.cat((state.mask, state.mask.new_ones(len(tokens), 1)), 1)
        return self._decoded(tokens[:, None], mask, state.cache)

    def _decoded(self, ids: Tensor, mask: Tensor, cache: Any) -> tuple[Tensor, _Prompted]:
        positions = {"position_ids": (mask.cumsum(1) - 1).clamp(min=0)[:, -ids.shape[1] :]}
        found = self.network(
            input_ids=ids, attention_mask=mask, use_cache=True, **self._last, **{self._cache_name: cache},
            **(positions if self._takes_positions else {}),
        )  # fmt: skip
        return found.logits[:, -1].float(), _Prompted(mask, found[self._cache_name])

    @torch.inference_mode()
    def attention(self, source: Sequence[int], ids: Sequence[int]) -> Tensor | None:
        """As of ``decoding.Engine``: (L, H, T, S)."""
        whole = torch.tensor([[*source, *ids[:-1]]], device=self.network.device)
        before = len(source) - 1
        cache = None
        if before:  # what is not asked for is not kept: the square of a long prompt in every layer
            cache = self.network(input_ids=whole[:, :before], use_cache=True, **self._last)[self._cache_name]
        with _with_weights(self.network):
            found = self.network(
                input_ids=whole[:, before:], use_cache=True, output_attentions=True, **self._last,
                **{self._cache_name: cache},
            )  # fmt: skip
        return torch.cat(found.attentions)[..., : len(source)]


class OwnDecoder:
    """A network of ``nlptool train seq2seq``.

    Args:
        network: ready to be asked (``eval``), on its device.
        start: what its decoder begins with.
    """

    def __init__(self, network: seq2seq_network.Seq2Seq, start: Sequence[int]) -> None:
        self.network = network
        self.vocabulary = network.shape.target_size
        self._start = list(start)
        self._device = network.output_bias.device

    @torch.inference_mode()
    def begin(self, sources: Sequence[Sequence[int]]) -> tuple[Tensor, seq2seq_network.State]:
        """As of ``search.Decoder``."""
        ids, _ = _padded(sources, PAD, self._device)
        state = self.network.begin(self.network.encode(ids))
        for token in self._start:
            logits, state = self.step(torch.full((len(ids),), token, device=self._device), state)
        return logits, state

    @torch.inference_mode()
    def step(self, tokens: Tensor, state: seq2seq_network.State) -> tuple[Tensor, seq2seq_network.State]:
        """As of ``search.Decoder``."""
        logits, state = self.network.step(tokens, state)
        return logits.float(), state

    @torch.inference_mode()
    def attention(self, source: Sequence[int], ids: Sequence[int]) -> Tensor | None:
        """As of ``decoding.Engine``; None without attention."""
        inputs = torch.tensor([[*self._start, *ids[:-1]]], device=self._device)
        weights = self.network.attention(torch.tensor([list(source)], device=self._device), inputs)
        return None if weights is None else weights[0, :, :, len(self._start) - 1 :]


def _cache_name(network: Any) -> str:
    """Return the name under which a network takes and returns its keys and values: ``cache`` since transformers 5.24."""
    return "cache" if "cache" in inspect.signature(network.forward).parameters else "past_key_values"


@contextmanager
def _with_weights(network: Any) -> Iterator[None]:
    """Let a network of transformers compute attention in plain products: the faster ways show no weights."""
    usual = network.config._attn_implementation
    network.set_attn_implementation("eager")
    try:
        yield
    finally:
        network.set_attn_implementation(usual)


def _padded(sources: Sequence[Sequence[int]], pad_id: int, device: Any, *, left: bool = False) -> tuple[Tensor, Tensor]:
    """Return ids and mask, both (B, S), on the device."""
    ids, mask = pad(sources, pad_id, left=left)
    return torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device)
