"""Initialization of a new BERT that a processor can train: word2vec embeddings, and heads that attend to neighbours.

From random weights, BERT spends its first millions of tokens on the frequencies of the pieces, until attention has found that
the words beside a mask matter; the noise of next-sentence prediction, which is at chance so early, keeps it there. So it begins
with what it would learn first:

- the token embeddings are those of word2vec, learned from the same text, and the output's biases are log frequencies;
- position embeddings are sines and cosines of different frequencies (A. Vaswani et al.: Attention Is All You Need, NIPS 2017), in
  dimensions of their own, so that a head can attend to a relative position by rotating them: the heads of the first layers
  begin with the relative positions -1, 1, -2, 2, ...

That structured attention is a better initialization than a random one is from A. Trockman, J. Z. Kolter: Mimetic Initialization
of Self-Attention Layers (ICML 2023). No weight is fixed: all of them are trained.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from nlptool.training.bert.corpus import Documents
from nlptool.training.tokenized_corpus import Vocabulary
from nlptool.training.words import word2vec

_LAYERS = 2  # whose heads attend to neighbours
_ATTENTION_MARGIN = 11.0  # by how much the attention logit of a head's position is above the others'
_EMBEDDING_STD = 0.05  # standard deviation of the token embeddings
_POSITION_SHARE = 1 / 3  # of the squared length of an embedding
_MAX_TOKENS = 30_000_000  # from which embeddings are learned
_CHUNK = 1_000_000
_WORD2VEC = word2vec.Word2VecSettings(skipgram=False, window=4, negative=8, epochs=1, alpha=0.05)


def n_positional(hidden_size: int, heads: int) -> int:
    """Return the number of dimensions of the position: those of a head, a quarter of all at most, and an even number."""
    return min(hidden_size // heads, hidden_size // 4) // 2 * 2


def frequencies(tokens: NDArray[np.unsignedinteger[Any]], size: int) -> NDArray[np.int64]:
    """Return the count of each piece, (V,) int64."""
    parts = (tokens[start : start + _CHUNK] for start in range(0, len(tokens), _CHUNK))
    return sum((np.bincount(part, minlength=size) for part in parts), np.zeros(size, np.int64))


def word2vec_embeddings(
    documents: Documents,
    pieces: Sequence[str],
    dim: int,
    *,
    seed: int,
    report: Callable[[int, int], None],
    stop: Callable[[], bool],
) -> NDArray[np.float32]:
    """Return word2vec (CBOW) vectors of the pieces, (V, dim) float32, from the first 30 million tokens; zeros for a piece
    without occurrences.

    Raises:
        KeyboardInterrupt: ``stop`` returned True.
    """
    part = _FirstLines(documents)
    counts = frequencies(part.tokens, len(pieces))
    known = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
    index = np.full(len(pieces), -1, np.int32)
    index[known] = np.arange(len(known), dtype=np.int32)
    vocabulary = Vocabulary([pieces[piece] for piece in known], counts[known], index)
    trained = word2vec.train(part, vocabulary, replace(_WORD2VEC, dimension=dim, seed=seed), report=report, stop=stop)
    if trained.interrupted:
        raise KeyboardInterrupt
    rows = np.zeros((len(pieces), dim), np.float32)
    rows[known] = trained.vectors
    return rows


class _FirstLines:
    """The first lines of the documents, as word2vec reads them."""

    def __init__(self, documents: Documents) -> None:
        n_lines = max(1, int(np.searchsorted(documents.lines, _MAX_TOKENS, side="right")) - 1)
        self._lines = documents.lines[: n_lines + 1]
        self.tokens = documents.tokens[: self._lines[-1]]

    def passes(self, index: NDArray[np.int32]) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int32]]]:
        """Yield pieces and lengths of lines, in chunks."""
        first, last = 0, len(self._lines) - 1
        while first < last:
            until = max(first + 1, int(np.searchsorted(self._lines, self._lines[first] + _CHUNK, side="right")) - 1)
            lines = self._lines[first : until + 1]
            yield index[self.tokens[lines[0] : lines[-1]]], np.diff(lines).astype(np.int32)
            first = until


@torch.no_grad()
def initialize(network: Any, counts: NDArray[np.int64], rows: NDArray[np.float32] | None, *, seed: int) -> None:
    """Set the weights of a new BERT of transformers.

    Args:
        counts: (V,), the count of each piece.
        rows: (V, H - P), vectors of the pieces, P being ``n_positional``; None: random ones.
    """
    random = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.Linear) and module is not network.cls.predictions.decoder:
            module.weight.normal_(0, module.in_features**-0.5, generator=random)
    shares = torch.from_numpy((counts + 1) / (counts + 1).sum())
    network.cls.predictions.bias.copy_(shares.log())
    _init_token_embeddings(network, rows, random)
    angular = _init_position_embeddings(network, random)
    _init_attention_heads(network, angular)


def _init_token_embeddings(network: Any, rows: NDArray[np.float32] | None, random: torch.Generator) -> None:
    config, embeddings = network.config, network.bert.embeddings
    dim = config.hidden_size - n_positional(config.hidden_size, config.num_attention_heads)
    for table in (embeddings.word_embeddings, embeddings.token_type_embeddings):
        table.weight.normal_(0, _EMBEDDING_STD, generator=random)
        table.weight[:, dim:] = 0
    if rows is not None:
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        trained = torch.from_numpy(lengths[:, 0] > 0)
        unit = torch.from_numpy(rows / np.maximum(lengths, 1e-12))
        embeddings.word_embeddings.weight[trained, :dim] = unit[trained] * _EMBEDDING_STD * math.sqrt(dim)


def _init_position_embeddings(network: Any, random: torch.Generator) -> torch.Tensor:
    """Set the position embeddings to sines and cosines; return their angular frequencies (P / 2,), in radians a position."""
    config, table = network.config, network.bert.embeddings.position_embeddings.weight
    size = n_positional(config.hidden_size, config.num_attention_heads)
    n = size // 2
    # From 0 to pi with some noise: with equal steps, distant positions would be alike.
    angular = (torch.arange(n) + torch.rand(n, generator=random)) * math.pi / max(1, n)
    angles = torch.arange(len(table))[:, None] * angular  # (T, n)
    squared = (config.hidden_size - size) * _EMBEDDING_STD**2 * _POSITION_SHARE / (1 - _POSITION_SHARE)  # of the length
    table.zero_()
    table[:, config.hidden_size - size :] = torch.stack([angles.cos(), angles.sin()], 2).flatten(1) * math.sqrt(
        squared / max(1, n)
    )
    return angular


def _init_attention_heads(network: Any, angular: torch.Tensor) -> None:
    """Let the heads of the first layers attend to the relative positions -1, 1, -2, 2, ..., by the position alone."""
    config = network.config
    size, n_dims = 2 * len(angular), config.hidden_size // config.num_attention_heads
    if not size:
        return
    # After the layer norm an embedding has the squared length H, of which the position has its share.
    scale = math.sqrt(_ATTENTION_MARGIN * math.sqrt(n_dims) / (config.hidden_size * _POSITION_SHARE))
    for number in range(min(_LAYERS, config.num_hidden_layers) * config.num_attention_heads):
        layer, head = divmod(number, config.num_attention_heads)
        offset = (number // 2 + 1) * (-1) ** (number + 1)
        attention = network.bert.encoder.layer[layer].attention.self
        for matrix, shift in ((attention.query.weight, offset), (attention.key.weight, 0)):
            rows = matrix[head * n_dims : (head + 1) * n_dims]
            rows.zero_()
            rows[:size, config.hidden_size - size :] = _rotation(angular * shift) * scale


def _rotation(angles: torch.Tensor) -> torch.Tensor:
    """Return the matrix (2n, 2n) that rotates n pairs of numbers by ``angles`` (n,)."""
    matrix = torch.diag(angles.cos().repeat_interleave(2))
    first = 2 * torch.arange(len(angles))
    matrix[first, first + 1] = -angles.sin()
    matrix[first + 1, first] = angles.sin()
    return matrix
