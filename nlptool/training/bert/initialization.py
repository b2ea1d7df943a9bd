"""What a new BERT begins with, so that a processor can train it: pieces that know their company, heads that look at neighbours.

From random weights, BERT spends its first millions of tokens at the frequencies of the pieces, until attention has found that
the words beside a mask matter; the noise of the next sentences, which cannot be told apart so early, keeps it there. What it
would find first is given to it instead:

- the vectors of the pieces are word2vec's, learned from the same text, and the output's biases are their frequencies;
- positions are turns of circles of different speeds (A. Vaswani et al.: Attention Is All You Need, NIPS 2017), in dimensions of
  their own, so that a head can look at a place by turning them: those of the first layers begin with the places 1, 1, 2, 2, ...
  before and behind.

That structured attention is a better beginning than a random one is from A. Trockman, J. Z. Kolter: Mimetic Initialization of
Self-Attention Layers (ICML 2023). Nothing is fixed: all of it is trained like any other weight.
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

_LAYERS = 2  # whose heads look at neighbours
_SURE = 11.0  # by how much the logit of the place that a head looks at is above the others'
_SPREAD = 0.05  # standard deviation of the vectors of pieces
_POSITION = 1 / 3  # of the squared length of an embedding
_MOST_TOKENS = 30_000_000  # from which vectors are learned
_CHUNK = 1_000_000
_VECTORS = word2vec.Word2VecSettings(skipgram=False, window=4, negative=8, epochs=1, alpha=0.05)


def n_positions(width: int, heads: int) -> int:
    """Dimensions that hold the position alone: as many as a head has, a quarter at most, and an even number."""
    return min(width // heads, width // 4) // 2 * 2


def frequencies(tokens: NDArray[np.unsignedinteger[Any]], size: int) -> NDArray[np.int64]:
    """(V,): how often each piece comes."""
    parts = (tokens[start : start + _CHUNK] for start in range(0, len(tokens), _CHUNK))
    return sum((np.bincount(part, minlength=size) for part in parts), np.zeros(size, np.int64))


def vectors(
    documents: Documents,
    pieces: Sequence[str],
    dim: int,
    *,
    seed: int,
    report: Callable[[int, int], None],
    stop: Callable[[], bool],
) -> NDArray[np.float32]:
    """(V, dim): word2vec (CBOW) of the pieces, from the first 30 million tokens; a row of zeros for one that is not there.

    Raises:
        KeyboardInterrupt: ``stop`` said yes.
    """
    part = _Part(documents)
    counts = frequencies(part.tokens, len(pieces))
    known = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
    index = np.full(len(pieces), -1, np.int32)
    index[known] = np.arange(len(known), dtype=np.int32)
    vocabulary = Vocabulary([pieces[place] for place in known], counts[known], index)
    trained = word2vec.train(part, vocabulary, replace(_VECTORS, dim=dim, seed=seed), report=report, stop=stop)
    if trained.interrupted:
        raise KeyboardInterrupt
    rows = np.zeros((len(pieces), dim), np.float32)
    rows[known] = trained.vectors
    return rows


class _Part:
    """The first lines of the documents, as word2vec goes through them."""

    def __init__(self, documents: Documents) -> None:
        n_lines = max(1, int(np.searchsorted(documents.lines, _MOST_TOKENS, side="right")) - 1)
        self._lines = documents.lines[: n_lines + 1]
        self.tokens = documents.tokens[: self._lines[-1]]

    def passes(self, index: NDArray[np.int32]) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int32]]]:
        """Pieces and lengths of lines, in chunks."""
        first, last = 0, len(self._lines) - 1
        while first < last:
            until = max(first + 1, int(np.searchsorted(self._lines, self._lines[first] + _CHUNK, side="right")) - 1)
            lines = self._lines[first : until + 1]
            yield index[self.tokens[lines[0] : lines[-1]]], np.diff(lines).astype(np.int32)
            first = until


@torch.no_grad()
def initialize(network: Any, counts: NDArray[np.int64], rows: NDArray[np.float32] | None, *, seed: int) -> None:
    """Give a BERT of transformers its first weights.

    Args:
        counts: (V,), how often each piece comes.
        rows: (V, H - P), vectors of the pieces, P being ``n_positions``; None: random ones.
    """
    random = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.Linear) and module is not network.cls.predictions.decoder:
            module.weight.normal_(0, module.in_features**-0.5, generator=random)
    shares = torch.from_numpy((counts + 1) / (counts + 1).sum())
    network.cls.predictions.bias.copy_(shares.log())
    _init_token_embeddings(network, rows, random)
    speeds = _init_position_embeddings(network, random)
    _init_attention_heads(network, speeds)


def _init_token_embeddings(network: Any, rows: NDArray[np.float32] | None, random: torch.Generator) -> None:
    config, embeddings = network.config, network.bert.embeddings
    dim = config.hidden_size - n_positions(config.hidden_size, config.num_attention_heads)
    for table in (embeddings.word_embeddings, embeddings.token_type_embeddings):
        table.weight.normal_(0, _SPREAD, generator=random)
        table.weight[:, dim:] = 0
    if rows is not None:
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        there = torch.from_numpy(lengths[:, 0] > 0)
        unit = torch.from_numpy(rows / np.maximum(lengths, 1e-12))
        embeddings.word_embeddings.weight[there, :dim] = unit[there] * _SPREAD * math.sqrt(dim)


def _init_position_embeddings(network: Any, random: torch.Generator) -> torch.Tensor:
    """Points on circles; (P / 2,) by how much each turns from one position to the next, in radians."""
    config, table = network.config, network.bert.embeddings.position_embeddings.weight
    size = n_positions(config.hidden_size, config.num_attention_heads)
    n = size // 2
    # Spread from 0 to pi with some disorder: in even steps, places far apart would look the same.
    speeds = (torch.arange(n) + torch.rand(n, generator=random)) * math.pi / max(1, n)
    angles = torch.arange(len(table))[:, None] * speeds  # (T, n)
    squared = (config.hidden_size - size) * _SPREAD**2 * _POSITION / (1 - _POSITION)  # of the length
    table.zero_()
    table[:, config.hidden_size - size :] = torch.stack([angles.cos(), angles.sin()], 2).flatten(1) * math.sqrt(
        squared / max(1, n)
    )
    return speeds


def _init_attention_heads(network: Any, speeds: torch.Tensor) -> None:
    """Let the heads of the first layers look at the places -1, 1, -2, 2, ... from each, by the positions alone."""
    config = network.config
    size, n_dims = 2 * len(speeds), config.hidden_size // config.num_attention_heads
    if not size:
        return
    # After its norm an embedding has the squared length H, of which the position has its part.
    scale = math.sqrt(_SURE * math.sqrt(n_dims) / (config.hidden_size * _POSITION))
    for number in range(min(_LAYERS, config.num_hidden_layers) * config.num_attention_heads):
        layer, head = divmod(number, config.num_attention_heads)
        place = (number // 2 + 1) * (-1) ** (number + 1)
        attention = network.bert.encoder.layer[layer].attention.self
        for matrix, turn in ((attention.query.weight, place), (attention.key.weight, 0)):
            rows = matrix[head * n_dims : (head + 1) * n_dims]
            rows.zero_()
            rows[:size, config.hidden_size - size :] = _rotation(speeds * turn) * scale


def _rotation(angles: torch.Tensor) -> torch.Tensor:
    """(2n, 2n), which turns n pairs of numbers by n angles, (n,)."""
    turns = torch.diag(angles.cos().repeat_interleave(2))
    first = 2 * torch.arange(len(angles))
    turns[first, first + 1] = -angles.sin()
    turns[first + 1, first] = angles.sin()
    return turns
