"""Encoder-decoders of three generations, in torch: what `nlptool train seq2seq` trains.

- ``lstm``: the encoder compresses the source into one vector, from which an LSTM generates the target (I. Sutskever, O. Vinyals,
  Q. Le: Sequence to Sequence Learning with Neural Networks, NIPS 2014); the encoder is bidirectional.
- ``lstm-attention``: the decoder attends to the whole source at every token (D. Bahdanau, K. Cho, Y. Bengio: Neural Machine
  Translation by Jointly Learning to Align and Translate, ICLR 2015), in the global, "general" form of M.-T. Luong, H. Pham,
  C. Manning: Effective Approaches to Attention-based Neural Machine Translation (EMNLP 2015), without input feeding, so that
  the LSTM runs over a whole target at once.
- ``transformer``: A. Vaswani et al.: Attention Is All You Need (NIPS 2017), with layer norm before each sublayer and one at the
  end (R. Xiong et al.: On Layer Normalization in the Transformer Architecture, ICML 2020), which trains without a long warm-up.

All share one interface: ``forward`` takes whole targets (training), ``begin`` and ``step`` go one token at a time (generation).
The output layer is tied to the target embedding (O. Press, L. Wolf, EACL 2017). Search is in ``models.generation.search``.

Shapes: B sequences of a batch, S tokens of the source, T of the target, D the hidden size, H heads, L layers, V the size of the
target vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from nlptool.models.runtime import own_network
from nlptool.models.seq2seq.config import ATTENTION, IMPOSSIBLE, LSTM, NEVER_GENERATED, PAD, TRANSFORMER, Seq2SeqConfig
from nlptool.models.seq2seq.folder import Model
from nlptool.models.seq2seq.layers import DecoderLayer, EncoderLayer, positional_encoding


@dataclass(frozen=True, slots=True)
class Memory:
    """The encoder's output."""

    states: Tensor  # (B, S, D), one for each token
    padding_mask: Tensor  # (B, S) bool, False for padding
    decoder_state: tuple[Tensor, ...] = ()  # the initial hidden and cell state of an LSTM decoder, each (L, B, D)


@dataclass(frozen=True, slots=True)
class State:
    """The state of a decoder between two tokens, for each sequence of its batch.

    Attributes:
        padding_mask: (B, S) bool, False for padding of the source.
        cross_kv: tensors (B, ...) of the source that stay the same: a Transformer's keys and values for cross-attention, the
            encoder states of an LSTM.
        kv_cache: tensors that change with every token: a Transformer's keys and values for self-attention, the hidden and cell
            state of an LSTM.
        batch_dim: the dimension of the batch in ``kv_cache``.
        length: tokens so far.
    """

    padding_mask: Tensor
    cross_kv: tuple[Tensor, ...]
    kv_cache: tuple[Tensor, ...]
    batch_dim: int
    length: int = 0

    def reorder(self, rows: Tensor) -> State:
        """Return the state of the sequences ``rows`` (N,), in this order; a sequence may occur several times, or not at all."""
        return replace(
            self,
            padding_mask=self.padding_mask.index_select(0, rows),
            cross_kv=tuple(tensor.index_select(0, rows) for tensor in self.cross_kv),
            kv_cache=tuple(tensor.index_select(self.batch_dim, rows) for tensor in self.kv_cache),
        )


class Seq2Seq(nn.Module):
    """An encoder-decoder. Subclasses define ``encode``, ``decode``, ``begin``, ``step`` and ``attention``."""

    def __init__(self, config: Seq2SeqConfig) -> None:
        super().__init__()
        self.config = config
        self.source_embedding = nn.Embedding(config.source_vocab_size, config.hidden_size, padding_idx=PAD)
        self.target_embedding = nn.Embedding(config.target_vocab_size, config.hidden_size, padding_idx=PAD)
        self.output_bias = nn.Parameter(torch.zeros(config.target_vocab_size))
        self.dropout = nn.Dropout(config.dropout)
        for embedding in (self.source_embedding, self.target_embedding):
            nn.init.normal_(embedding.weight, std=config.hidden_size**-0.5)
            with torch.no_grad():
                embedding.weight[PAD] = 0.0

    def forward(self, source: Tensor, inputs: Tensor) -> Tensor:
        """Return the logits, (B, T, V), of the token that follows each of ``inputs``.

        Args:
            source: (B, S) int64, each sequence ended by </s> and padded with 0.
            inputs: (B, T) int64, <s> and the target without its last token, padded with 0.
        """
        return self.project(self.decode(self.encode(source), inputs))

    def project(self, states: Tensor) -> Tensor:
        """Return the logits, (..., V), of decoder states (..., D)."""
        return functional.linear(self.dropout(states), self.target_embedding.weight, self.output_bias)

    def lm_logits(self, states: Tensor) -> Tensor:
        """Return the logits for generation: as ``project``, but padding, <s> and <unk> are impossible."""
        logits = self.project(states)
        logits[..., list(NEVER_GENERATED)] = IMPOSSIBLE
        return logits

    def encode(self, source: Tensor) -> Memory:
        """Run the encoder on sources (B, S)."""
        raise NotImplementedError

    def decode(self, memory: Memory, inputs: Tensor) -> Tensor:
        """Return the decoder states, (B, T, D), of whole targets at once."""
        raise NotImplementedError

    def begin(self, memory: Memory) -> State:
        """Return the decoder's state before the first token."""
        raise NotImplementedError

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """Return the logits, (B, V), of what follows ``tokens`` (B,), and the state after them. The first tokens are <s>."""
        raise NotImplementedError

    def attention(self, source: Tensor, inputs: Tensor) -> Tensor | None:
        """Return the cross-attention weights, (B, L, H, T, S); None for a network without attention."""
        raise NotImplementedError


class Recurrent(Seq2Seq):
    """LSTMs, with attention or without."""

    def __init__(self, config: Seq2SeqConfig) -> None:
        super().__init__(config)
        size, dropout = config.hidden_size, config.dropout if config.layers > 1 else 0.0
        options: dict[str, Any] = {"num_layers": config.layers, "batch_first": True, "dropout": dropout}
        self.encoder = nn.LSTM(size, size // 2, bidirectional=True, **options)  # D for both directions together
        self.decoder = nn.LSTM(size, size, **options)
        if config.architecture == ATTENTION:
            self.alignment = nn.Linear(size, size, bias=False)
            self.combination = nn.Linear(2 * size, size, bias=False)

    def encode(self, source: Tensor) -> Memory:
        padding_mask = source != PAD
        embedded = self.dropout(self.source_embedding(source))
        packed = pack_padded_sequence(embedded, padding_mask.sum(1).cpu(), batch_first=True, enforce_sorted=False)
        states, (hidden, cell) = self.encoder(packed)
        states, _ = pad_packed_sequence(states, batch_first=True, total_length=source.shape[1])
        return Memory(self.dropout(states), padding_mask, (_join_directions(hidden), _join_directions(cell)))

    def decode(self, memory: Memory, inputs: Tensor) -> Tensor:
        states, _ = self.decoder(self.dropout(self.target_embedding(inputs)), memory.decoder_state)
        return self._attend(states, memory.states, memory.padding_mask)[0]

    def begin(self, memory: Memory) -> State:
        return State(memory.padding_mask, (memory.states,), memory.decoder_state, batch_dim=1)

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        states, decoder_state = self.decoder(self.target_embedding(tokens)[:, None], state.kv_cache)  # (B, 1, D)
        states, _ = self._attend(states, state.cross_kv[0], state.padding_mask)
        return self.lm_logits(states[:, 0]), replace(state, kv_cache=tuple(decoder_state), length=state.length + 1)

    def attention(self, source: Tensor, inputs: Tensor) -> Tensor | None:
        memory = self.encode(source)
        states, _ = self.decoder(self.target_embedding(inputs), memory.decoder_state)
        weights = self._attend(states, memory.states, memory.padding_mask)[1]
        return None if weights is None else weights[:, None, None]

    def _attend(self, states: Tensor, memory: Tensor, padding_mask: Tensor) -> tuple[Tensor, Tensor | None]:
        """Combine decoder states (B, T, D) with their context vectors.

        Returns:
            The attentional states (B, T, D), and the weights (B, T, S) over ``memory`` (B, S, D). Without attention the states
            as they are, and None.
        """
        if self.config.architecture == LSTM:
            return states, None
        scores = self.alignment(states) @ memory.transpose(1, 2)  # (B, T, S)
        weights = scores.masked_fill(~padding_mask[:, None], -math.inf).softmax(-1)
        return torch.tanh(self.combination(torch.cat((weights @ memory, states), -1))), weights


def _join_directions(state: Tensor) -> Tensor:
    """Concatenate the final states of both directions: (2 L, B, D / 2) -> (L, B, D)."""
    doubled, batch_size, half = state.shape
    return state.view(doubled // 2, 2, batch_size, half).transpose(1, 2).reshape(doubled // 2, batch_size, 2 * half)


class Transformer(Seq2Seq):
    """A Transformer with the layers of ``layers``."""

    def __init__(self, config: Seq2SeqConfig) -> None:
        super().__init__(config)
        self.encoder = nn.ModuleList(EncoderLayer(config) for _ in range(config.layers))
        self.encoder_norm = nn.LayerNorm(config.hidden_size)
        self.decoder = nn.ModuleList(DecoderLayer(config) for _ in range(config.layers))
        self.decoder_norm = nn.LayerNorm(config.hidden_size)
        for name, parameter in self.named_parameters():
            if parameter.ndim > 1 and not name.endswith("embedding.weight"):
                nn.init.xavier_uniform_(parameter)

    def encode(self, source: Tensor) -> Memory:
        padding_mask = source != PAD
        states = self._embed(self.source_embedding, source)
        for layer in self.encoder:
            states = layer(states, padding_mask[:, None, None])  # (B, S, D)
        return Memory(self.encoder_norm(states), padding_mask)

    def decode(self, memory: Memory, inputs: Tensor) -> Tensor:
        return self._decode(memory, inputs, None)

    def begin(self, memory: Memory) -> State:
        cross_kv = [kv for layer in self._decoder_layers() for kv in layer.cross.keys_and_values(memory.states)]
        heads = self.config.heads
        empty = memory.states.new_zeros(len(memory.states), heads, 0, self.config.hidden_size // heads)
        return State(memory.padding_mask, tuple(cross_kv), (empty,) * len(cross_kv), batch_dim=0)

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        states = self._embed(self.target_embedding, tokens[:, None], start=state.length)  # (B, 1, D)
        kv_cache: list[Tensor] = []
        for index, layer in enumerate(self._decoder_layers()):
            kv = slice(2 * index, 2 * index + 2)
            states, layer_cache = layer.step(
                states, state.kv_cache[kv], state.cross_kv[kv], state.padding_mask[:, None, None]
            )
            kv_cache += layer_cache
        logits = self.lm_logits(self.decoder_norm(states[:, 0]))
        return logits, replace(state, kv_cache=tuple(kv_cache), length=state.length + 1)

    def attention(self, source: Tensor, inputs: Tensor) -> Tensor | None:
        weights: list[Tensor] = []
        self._decode(self.encode(source), inputs, weights)
        return torch.stack(weights, 1)

    def _decoder_layers(self) -> Iterator[DecoderLayer]:
        return cast("Iterator[DecoderLayer]", iter(self.decoder))

    def _decode(self, memory: Memory, inputs: Tensor, weights: list[Tensor] | None) -> Tensor:
        length = inputs.shape[1]
        causal_mask = torch.ones(length, length, dtype=torch.bool, device=inputs.device).tril()
        states = self._embed(self.target_embedding, inputs)
        for layer in self._decoder_layers():
            states = layer(states, causal_mask, memory.states, memory.padding_mask[:, None, None], weights)
        normed: Tensor = self.decoder_norm(states)  # (B, T, D)
        return normed

    def _embed(self, embedding: nn.Module, ids: Tensor, *, start: int = 0) -> Tensor:
        """Return the embeddings, (B, T, D), of tokens (B, T) at the positions from ``start`` on."""
        size = self.config.hidden_size
        encoding = positional_encoding(start + ids.shape[1], size, ids.device)[start:]
        embedded: Tensor = self.dropout(embedding(ids) * math.sqrt(size) + encoding)
        return embedded


def new(config: Seq2SeqConfig) -> Seq2Seq:
    """Return a network with random weights, drawn from torch's global generator."""
    return Transformer(config) if config.architecture == TRANSFORMER else Recurrent(config)


def load(model: Model, device: torch.device | None = None) -> Seq2Seq:
    """Load the network of a folder in float32, in evaluation mode.

    Raises:
        ModelError: its weights are damaged, or belong to another configuration.
    """
    return own_network.with_weights(lambda: new(model.config), model.weights(), model.folder, device)
