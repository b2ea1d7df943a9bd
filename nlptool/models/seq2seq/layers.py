"""The layers of a Transformer (A. Vaswani et al.: Attention Is All You Need, NIPS 2017), with layer norm before each sublayer.

Shapes: B sequences of a batch, S tokens of the source, T of the target, D the hidden size, H heads. Masks are True where a
query may attend, False where not.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from nlptool.models.seq2seq.config import Seq2SeqConfig


class EncoderLayer(nn.Module):
    """Self-attention, then a feed-forward layer; each with a residual connection."""

    def __init__(self, config: Seq2SeqConfig) -> None:
        super().__init__()
        self.self_norm, self.self_attention = nn.LayerNorm(config.hidden_size), Attention(config)
        self.feed_norm, self.feed_forward = nn.LayerNorm(config.hidden_size), feed_forward(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, states: Tensor, padding_mask: Tensor) -> Tensor:
        """Return the new states, (B, S, D), of ``states`` (B, S, D); ``padding_mask`` is (B, 1, 1, S)."""
        normed = self.self_norm(states)
        attended = self.self_attention(normed, *self.self_attention.keys_and_values(normed), padding_mask)
        states = states + self.dropout(attended)
        ffn_out: Tensor = self.dropout(self.feed_forward(self.feed_norm(states)))
        return states + ffn_out


class DecoderLayer(nn.Module):
    """Self-attention, attention to the source, then a feed-forward layer; each with a residual connection."""

    def __init__(self, config: Seq2SeqConfig) -> None:
        super().__init__()
        self.self_norm, self.self_attention = nn.LayerNorm(config.hidden_size), Attention(config)
        self.cross_norm, self.cross = nn.LayerNorm(config.hidden_size), Attention(config)
        self.feed_norm, self.feed_forward = nn.LayerNorm(config.hidden_size), feed_forward(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self, states: Tensor, causal_mask: Tensor, memory: Tensor, padding_mask: Tensor, weights: list[Tensor] | None
    ) -> Tensor:
        """Return the new states of whole targets, (B, T, D).

        Args:
            states: (B, T, D).
            causal_mask: (T, T) bool, lower triangular.
            memory: (B, S, D), the encoder's output.
            padding_mask: (B, 1, 1, S) bool.
            weights: a list to which the cross-attention weights (B, H, T, S) are appended; None: they are not computed.
        """
        normed = self.self_norm(states)
        attended = self.self_attention(normed, *self.self_attention.keys_and_values(normed), causal_mask)
        states = states + self.dropout(attended)
        return self._cross_and_feed_forward(states, self.cross.keys_and_values(memory), padding_mask, weights)

    def step(
        self, states: Tensor, kv_cache: tuple[Tensor, ...], cross_kv: tuple[Tensor, ...], padding_mask: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        """Return the new states of one token, (B, 1, D), and the cache with its key and value appended.

        Args:
            states: (B, 1, D).
            kv_cache: keys and values of the tokens before, each (B, H, t, D / H).
            cross_kv: keys and values of the source, each (B, H, S, D / H).
            padding_mask: (B, 1, 1, S) bool.
        """
        normed = self.self_norm(states)
        new_kv = self.self_attention.keys_and_values(normed)
        kv_cache_out = [torch.cat((old, new), 2) for old, new in zip(kv_cache, new_kv, strict=True)]
        states = states + self.self_attention(normed, *kv_cache_out, None)
        return self._cross_and_feed_forward(states, cross_kv, padding_mask, None), kv_cache_out

    def _cross_and_feed_forward(
        self, states: Tensor, cross_kv: tuple[Tensor, ...], padding_mask: Tensor, weights: list[Tensor] | None
    ) -> Tensor:
        states = states + self.dropout(self.cross(self.cross_norm(states), *cross_kv, padding_mask, weights))
        ffn_out: Tensor = self.dropout(self.feed_forward(self.feed_norm(states)))
        return states + ffn_out


class Attention(nn.Module):
    """Multi-head attention (Vaswani et al. 2017, section 3.2)."""

    def __init__(self, config: Seq2SeqConfig) -> None:
        super().__init__()
        self.n_heads = config.heads
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key_value = nn.Linear(config.hidden_size, 2 * config.hidden_size)
        self.output = nn.Linear(config.hidden_size, config.hidden_size)

    def keys_and_values(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Return the keys and the values of ``states`` (B, S, D), each (B, H, S, D / H)."""
        keys, values = self.key_value(states).chunk(2, -1)
        return self._split_heads(keys), self._split_heads(values)

    def forward(
        self, states: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, weights: list[Tensor] | None = None
    ) -> Tensor:
        """Return the output of attention, (B, T, D), for queries made of ``states`` (B, T, D).

        Args:
            keys: (B, H, S, D / H).
            values: (B, H, S, D / H).
            mask: bool, broadcast to (B, H, T, S); None: every query attends to every key.
            weights: a list to which the attention weights (B, H, T, S) are appended; None: they are not computed.
        """
        queries = self._split_heads(self.query(states))
        if weights is None:
            heads = _attended(queries, keys, values, mask)
        else:
            weights.append(attention_weights(queries, keys, mask))
            heads = weights[-1] @ values  # (B, H, T, D / H)
        output: Tensor = self.output(heads.transpose(1, 2).flatten(2))
        return output

    def _split_heads(self, states: Tensor) -> Tensor:
        """(B, T, D) -> (B, H, T, D / H)."""
        return states.view(*states.shape[:2], self.n_heads, -1).transpose(1, 2)


def _attended(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
    """Return scaled dot-product attention, (B, H, T, D / H).

    On a processor it is computed in float32: with short sequences PyTorch's kernel for bfloat16 takes seven times as long.
    """
    if queries.device.type != "cpu" or queries.dtype == torch.float32:
        return functional.scaled_dot_product_attention(queries, keys, values, mask)
    with torch.autocast("cpu", enabled=False):
        return functional.scaled_dot_product_attention(queries.float(), keys.float(), values.float(), mask)


def attention_weights(queries: Tensor, keys: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return softmax(Q Kᵀ / √d), (..., T, S), of queries (..., T, d) and keys (..., S, d). Each row sums to 1."""
    scores = queries @ keys.transpose(-2, -1) / math.sqrt(queries.shape[-1])
    return (scores if mask is None else scores.masked_fill(~mask, -math.inf)).softmax(-1)


def feed_forward(config: Seq2SeqConfig) -> nn.Module:
    """Return the position-wise feed-forward layer: D -> intermediate size -> D, with a ReLU between."""
    return nn.Sequential(
        nn.Linear(config.hidden_size, config.intermediate_size), nn.ReLU(), nn.Dropout(config.dropout),
        nn.Linear(config.intermediate_size, config.hidden_size),
    )  # fmt: skip


def positional_encoding(length: int, hidden_size: int, device: torch.device | None = None) -> Tensor:
    """Return the sinusoidal positional encoding, (length, hidden_size) float32 (Vaswani et al. 2017, section 3.5).

    PE[p][2i] = sin(p / 10000^(2i / hidden_size)) and PE[p][2i + 1] = cos of the same; ``hidden_size`` is even.
    """
    positions = torch.arange(length, dtype=torch.float32, device=device)[:, None]
    exponents = torch.arange(0, hidden_size, 2, dtype=torch.float32, device=device)
    angles = positions * torch.exp(exponents * (-math.log(10_000.0) / hidden_size))  # (length, hidden_size / 2)
    return torch.stack((angles.sin(), angles.cos()), -1).flatten(1)
