"""The network of transformers' ``GPT2LMHeadModel`` in numpy: for small models, which have written a text before torch is loaded.

A. Radford et al.: Language Models are Unsupervised Multitask Learners (2019). Weights are float32, whatever they are stored in.
Nothing is trained here, and nothing runs on a GPU.

Shapes: B texts, T tokens, D the size of the hidden states, H heads of d numbers, V the size of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import ModelError
from nlptool.models.generation import gpt2_config
from nlptool.models.generation.gpt2_activations import ACTIVATIONS
from nlptool.models.generation.gpt2_cache import Cache
from nlptool.models.generation.gpt2_config import Gpt2Config
from nlptool.models.store.kinds import STANDARD_WEIGHTS
from nlptool.storage import safetensors

Floats = NDArray[np.float32]

_PREFIX = "transformer."
_HEAD = "lm_head.weight"
_NEVER = -1e30  # added to what a token must not see; finite, so that a row of nothing else is no NaN
_MOST_SCORES = 1 << 22  # of attention in memory at once
_LONGEST_BLOCK = 128  # tokens that attend at once: what lies behind them is not computed


@dataclass(frozen=True, slots=True)
class _Norm:
    weight: Floats  # (D,)
    bias: Floats
    epsilon: float

    def __call__(self, states: Floats) -> Floats:
        size = states.shape[-1]
        centred: Floats = states - np.add.reduce(states, -1, keepdims=True) / size
        variance = np.einsum("...i,...i->...", centred, centred)[..., None] / size
        centred /= np.sqrt(variance + self.epsilon)
        centred *= self.weight
        centred += self.bias
        return centred


@dataclass(frozen=True, slots=True)
class _Linear:
    weight: Floats  # (inputs, outputs)
    bias: Floats

    def __call__(self, states: Floats) -> Floats:
        found: Floats = states @ self.weight
        found += self.bias
        return found


@dataclass(frozen=True, slots=True)
class _Layer:
    attention_norm: _Norm
    attention: _Linear  # (D, 3 D): queries, keys, values
    attended: _Linear  # (D, D)
    hidden_norm: _Norm
    hidden: _Linear  # (D, inner)
    output: _Linear  # (inner, D)


class Gpt2:
    """A GPT-2.

    Args:
        tensors: by their names in the file of weights.

    Raises:
        ModelError: one is missing, or has another shape than the configuration says.
    """

    def __init__(self, config: Gpt2Config, tensors: Mapping[str, NDArray[Any]], path: Path) -> None:
        self.config = config
        weights = _Weights(tensors, path)
        size = config.hidden_size
        self._embeddings = weights.get("wte.weight", (config.vocab_size, size))
        self._positions = weights.get("wpe.weight", (config.positions, size))
        self._layers = [self._layer(weights, f"h.{number}.") for number in range(config.layers)]
        self._last = self._norm(weights, "ln_f.")
        self._head = self._embeddings
        if _HEAD in tensors or not config.tied:
            self._head = weights.get(_HEAD, (config.vocab_size, size))
        self._activation = ACTIVATIONS[config.activation]
        self._scale = (size // config.heads) ** -0.5 if config.scales else 1.0

    def _layer(self, weights: _Weights, prefix: str) -> _Layer:
        size = self.config.hidden_size
        inner = weights.shape(f"{prefix}mlp.c_fc.weight")[-1]
        return _Layer(
            self._norm(weights, f"{prefix}ln_1."),
            weights.linear(f"{prefix}attn.c_attn.", size, 3 * size),
            weights.linear(f"{prefix}attn.c_proj.", size, size),
            self._norm(weights, f"{prefix}ln_2."),
            weights.linear(f"{prefix}mlp.c_fc.", size, inner),
            weights.linear(f"{prefix}mlp.c_proj.", inner, size),
        )

    def _norm(self, weights: _Weights, prefix: str) -> _Norm:
        shape = (self.config.hidden_size,)
        return _Norm(weights.get(f"{prefix}weight", shape), weights.get(f"{prefix}bias", shape), self.config.epsilon)

    def states(self, ids: NDArray[np.int64], mask: NDArray[np.int64] | None = None) -> Floats:
        """Return the hidden states after the last layer norm, (B, T, D): at each token those that say what comes next.

        Args:
            ids: (B, T).
            mask: (B, T), 1 for a token and 0 for padding before or behind a text; None: there is none. Positions count from a
                text's first token. What is returned at padding is of no use.

        Raises:
            ModelError: there are more tokens than positions.
        """
        if mask is None:
            return self.read(ids, np.broadcast_to(np.arange(ids.shape[1]), ids.shape))
        positions = np.maximum(mask.cumsum(1) - 1, 0)
        is_before = (np.diff(mask, axis=1) > 0).any()  # padding behind a text is not seen by its tokens anyway
        return self.read(ids, positions, hidden=mask == 0 if is_before else None)

    def read(
        self,
        ids: NDArray[np.int64],
        positions: NDArray[np.int64],
        *,
        cache: Cache | None = None,
        hidden: NDArray[np.bool_] | None = None,
    ) -> Floats:
        """Return the hidden states after the last layer norm, (B, T, D).

        Args:
            ids, positions: (B, T).
            cache: the keys and values of the tokens before; those of ``ids`` are added to it.
            hidden: (B, tokens before + T), what must not be seen; None: nothing.

        Raises:
            ModelError: there is a position that the model lacks.
        """
        if positions.max(initial=0) >= self.config.positions:
            raise ModelError(
                f"the text has {positions.max() + 1:,} tokens, and the model has room for {self.config.positions:,}",
                hint="--max-length cuts it",
            )
        n_texts, n_tokens = ids.shape
        shape = (n_texts, n_tokens, 3, self.config.heads, -1)
        states: Floats = self._embeddings[ids] + self._positions[positions]
        for number, layer in enumerate(self._layers):
            together = layer.attention(layer.attention_norm(states)).reshape(shape)
            queries, keys, values = together.transpose(2, 0, 3, 1, 4)  # each (B, H, T, d)
            queries = queries * (self._scale / (number + 1) if self.config.scales_by_layer else self._scale)
            if cache is not None:
                keys, values = cache.add(number, keys, values)
            states += layer.attended(_attended(queries, keys, values, hidden))
            states += layer.output(self._activation(layer.hidden(layer.hidden_norm(states))))
        if cache is not None:
            cache.advance(n_tokens)
        return self._last(states)

    def project(self, states: Floats) -> Floats:
        """Return the logits, (..., V), of the token that follows, for what ``states`` returns."""
        logits: Floats = states @ self._head.T
        return logits

    def new_cache(self, n_texts: int, n_tokens: int) -> Cache:
        """Return an empty cache with room for so many tokens of so many texts at first."""
        config = self.config
        return Cache(config.layers, n_texts, config.heads, n_tokens, config.hidden_size // config.heads)


def load(folder: Path) -> Gpt2:
    """Load the network of a folder that ``gpt2_config.refuse`` does not refuse.

    Raises:
        ModelError: a file is missing, damaged, or of another network.
    """
    path = folder / STANDARD_WEIGHTS
    names = [name for name in safetensors.header(path) if not name.endswith(gpt2_config.BUFFERS)]
    return Gpt2(gpt2_config.read(folder), {name: safetensors.read(path, name) for name in names}, path)


class _Weights:
    """The tensors of a file, with or without the prefix of the network in their names, in float32."""

    def __init__(self, tensors: Mapping[str, NDArray[Any]], path: Path) -> None:
        self._tensors = {name.removeprefix(_PREFIX): values for name, values in tensors.items()}
        self._path = path

    def shape(self, name: str) -> tuple[int, ...]:
        if name not in self._tensors or not self._tensors[name].ndim:
            raise ModelError(f"{self._path} lacks {name}", hint="download the model again")
        return self._tensors[name].shape

    def get(self, name: str, shape: tuple[int, ...]) -> Floats:
        if self.shape(name) != shape:
            raise ModelError(
                f"{self._path} is damaged: {name} has the shape {self.shape(name)}, and by config.json it should have {shape}"
            )
        return np.asarray(self._tensors[name], np.float32)

    def linear(self, prefix: str, n_inputs: int, n_outputs: int) -> _Linear:
        return _Linear(self.get(f"{prefix}weight", (n_inputs, n_outputs)), self.get(f"{prefix}bias", (n_outputs,)))


def _attended(queries: Floats, keys: Floats, values: Floats, hidden: NDArray[np.bool_] | None) -> Floats:
    """Return the weighted sums of the values, (B, N, D). A token attends to itself and to those before it.

    Args:
        queries: (B, H, N, d), of the last N tokens.
        keys, values: (B, H, T, d).
        hidden: (B, T), what no token attends to.
    """
    n_texts, n_heads, n, size = queries.shape
    n_before = keys.shape[2] - n
    found = np.empty((n_texts, n, n_heads, size), np.float32)
    heads = found.transpose(0, 2, 1, 3)  # (B, H, N, d), the same memory
    block = min(_LONGEST_BLOCK, max(1, _MOST_SCORES // (n_texts * n_heads * keys.shape[2])))
    for start in range(0, n, block):
        end = min(n, start + block)
        seen = n_before + end
        scores: Floats = queries[:, :, start:end] @ keys[:, :, :seen].swapaxes(2, 3)  # (B, H, block, seen)
        if end - start > 1:
            behind = np.triu(np.ones((end - start, end - start), bool), 1)
            np.copyto(scores[..., n_before + start :], _NEVER, where=behind)
        if hidden is not None:
            np.copyto(scores, _NEVER, where=hidden[:, None, None, :seen])
        scores -= scores.max(-1, keepdims=True)
        np.exp(scores, out=scores)
        totals = np.add.reduce(scores, -1, keepdims=True)
        np.divide(scores @ values[:, :, :seen], totals, out=heads[:, :, start:end])
    return found.reshape(n_texts, n, -1)
