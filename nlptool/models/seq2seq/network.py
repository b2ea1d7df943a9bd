"""Encoder–decoders of three generations, in torch: what `nlptool train seq2seq` trains.

- ``lstm``: the whole source in one vector, from which an LSTM says the target (I. Sutskever, O. Vinyals, Q. Le: Sequence to
  Sequence Learning with Neural Networks, NIPS 2014); the source is read in both directions.
- ``lstm-attention``: the decoder looks at all of the source at every token (D. Bahdanau, K. Cho, Y. Bengio: Neural Machine
  Translation by Jointly Learning to Align and Translate, ICLR 2015), in the global, "general" form of M.-T. Luong, H. Pham,
  C. Manning: Effective Approaches to Attention-based Neural Machine Translation (EMNLP 2015) without feeding the last
  attention back, so that the LSTM runs over a whole target at once.
- ``transformer``: attention alone (A. Vaswani et al.: Attention Is All You Need, NIPS 2017), with the norm before each block
  and one at the end (R. Xiong et al.: On Layer Normalization in the Transformer Architecture, ICML 2020), which learns without
  a long warm-up.

All share one interface: ``forward`` reads whole targets in training, ``begin`` and ``step`` go a token at a time in use. The
output layer is the target's embedding (O. Press, L. Wolf, EACL 2017). No search here: see ``search``.

Shapes: B sentences, S tokens of the source, T of the target, D the width, H heads, L layers, V pieces of the target.
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

from nlptool.errors import ModelError
from nlptool.models.seq2seq.config import ATTENTION, IMPOSSIBLE, LSTM, NEVER_SAID, PAD, TRANSFORMER, Seq2SeqConfig
from nlptool.models.seq2seq.folder import Model


@dataclass(frozen=True, slots=True)
class Memory:
    """What the encoder has read.

    Attributes:
        states: (B, S, D), of each token.
        there: (B, S), False for padding.
        last: what the decoder of an LSTM begins with: two of (L, B, D). A Transformer has none.
    """

    states: Tensor
    there: Tensor
    last: tuple[Tensor, ...] = ()


@dataclass(frozen=True, slots=True)
class State:
    """How far a decoder has come, for each of its rows.

    Attributes:
        there: (B, S), False for padding of the source.
        read: (B, ...) tensors that stay as they are: what the encoder read.
        said: tensors that change with every token; of an LSTM with the rows in their second dimension.
        rows: the dimension of the rows in ``said``.
        n_said: tokens so far.
    """

    there: Tensor
    read: tuple[Tensor, ...]
    said: tuple[Tensor, ...]
    rows: int
    n_said: int = 0

    def reordered(self, rows: Tensor) -> State:
        """The state of these rows (N,), in this order; a row may come more than once, or not at all."""
        return replace(
            self,
            there=self.there.index_select(0, rows),
            read=tuple(each.index_select(0, rows) for each in self.read),
            said=tuple(each.index_select(self.rows, rows) for each in self.said),
        )


class Seq2Seq(nn.Module):
    """An encoder–decoder. The networks below fill in ``encode``, ``decode``, ``begin``, ``step`` and ``attention``."""

    def __init__(self, shape: Seq2SeqConfig) -> None:
        super().__init__()
        self.shape = shape
        self.source_embedding = nn.Embedding(shape.source_size, shape.width, padding_idx=PAD)
        self.target_embedding = nn.Embedding(shape.target_size, shape.width, padding_idx=PAD)
        self.output_bias = nn.Parameter(torch.zeros(shape.target_size))
        self.dropout = nn.Dropout(shape.dropout)
        for embedding in (self.source_embedding, self.target_embedding):
            nn.init.normal_(embedding.weight, std=shape.width**-0.5)
            with torch.no_grad():
                embedding.weight[PAD] = 0.0

    def forward(self, source: Tensor, inputs: Tensor) -> Tensor:
        """(B, T, V) logits of the token after each of ``inputs``.

        Args:
            source: (B, S) ids, each row ended by </s> and filled up with 0.
            inputs: (B, T) ids, <s> and the target but for its end, filled up with 0.
        """
        return self.project(self.decode(self.encode(source), inputs))

    def project(self, states: Tensor) -> Tensor:
        """Decoder states (..., D) -> logits (..., V)."""
        return functional.linear(self.dropout(states), self.target_embedding.weight, self.output_bias)

    def said(self, states: Tensor) -> Tensor:
        """The same for states that are asked what to say: padding, beginnings and unknown pieces are never said."""
        logits = self.project(states)
        logits[..., list(NEVER_SAID)] = IMPOSSIBLE
        return logits

    def encode(self, source: Tensor) -> Memory:
        """Read the sources (B, S)."""
        raise NotImplementedError

    def decode(self, memory: Memory, inputs: Tensor) -> Tensor:
        """(B, T, D) states of the decoder, for whole targets at once."""
        raise NotImplementedError

    def begin(self, memory: Memory) -> State:
        """The state before the first token."""
        raise NotImplementedError

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """(B, V) logits of the token after ``tokens`` (B,), and the state behind them. The first tokens are <s>."""
        raise NotImplementedError

    def attention(self, source: Tensor, inputs: Tensor) -> Tensor | None:
        """(B, L, H, T, S): how much each position of the target looks at each of the source; None without attention."""
        raise NotImplementedError


class Recurrent(Seq2Seq):
    """LSTMs, with attention or without."""

    def __init__(self, shape: Seq2SeqConfig) -> None:
        super().__init__(shape)
        width, between = shape.width, shape.dropout if shape.layers > 1 else 0.0
        options: dict[str, Any] = {"num_layers": shape.layers, "batch_first": True, "dropout": between}
        self.encoder = nn.LSTM(width, width // 2, bidirectional=True, **options)  # both directions together are D wide
        self.decoder = nn.LSTM(width, width, **options)
        if shape.architecture == ATTENTION:
            self.alignment = nn.Linear(width, width, bias=False)
            self.combination = nn.Linear(2 * width, width, bias=False)

    def encode(self, source: Tensor) -> Memory:
        there = source != PAD
        embedded = self.dropout(self.source_embedding(source))
        packed = pack_padded_sequence(embedded, there.sum(1).cpu(), batch_first=True, enforce_sorted=False)
        states, last = self.encoder(packed)
        states, _ = pad_packed_sequence(states, batch_first=True, total_length=source.shape[1])
        return Memory(self.dropout(states), there, (_joined(last[0]), _joined(last[1])))

    def decode(self, memory: Memory, inputs: Tensor) -> Tensor:
        states, _ = self.decoder(self.dropout(self.target_embedding(inputs)), memory.last)
        return self._attended(states, memory.states, memory.there)[0]

    def begin(self, memory: Memory) -> State:
        return State(memory.there, (memory.states,), memory.last, rows=1)

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        states, said = self.decoder(self.target_embedding(tokens)[:, None], state.said)  # (B, 1, D)
        states, _ = self._attended(states, state.read[0], state.there)
        return self.said(states[:, 0]), replace(state, said=tuple(said), n_said=state.n_said + 1)

    def attention(self, source: Tensor, inputs: Tensor) -> Tensor | None:
        memory = self.encode(source)
        states, _ = self.decoder(self.target_embedding(inputs), memory.last)
        weights = self._attended(states, memory.states, memory.there)[1]
        return None if weights is None else weights[:, None, None]

    def _attended(self, states: Tensor, read: Tensor, there: Tensor) -> tuple[Tensor, Tensor | None]:
        """The states (B, T, D) with what they looked at in ``read`` (B, S, D), and the weights (B, T, S)."""
        if self.shape.architecture == LSTM:
            return states, None
        scores = self.alignment(states) @ read.transpose(1, 2)  # (B, T, S)
        weights = scores.masked_fill(~there[:, None], -math.inf).softmax(-1)
        return torch.tanh(self.combination(torch.cat((weights @ read, states), -1))), weights


def _joined(last: Tensor) -> Tensor:
    """The last states of both directions (2 L, B, D / 2) side by side: (L, B, D)."""
    doubled, n_rows, half = last.shape
    return last.view(doubled // 2, 2, n_rows, half).transpose(1, 2).reshape(doubled // 2, n_rows, 2 * half)


class Transformer(Seq2Seq):
    """Attention alone."""

    def __init__(self, shape: Seq2SeqConfig) -> None:
        super().__init__(shape)
        self.encoder = nn.ModuleList(EncoderLayer(shape) for _ in range(shape.layers))
        self.encoder_norm = nn.LayerNorm(shape.width)
        self.decoder = nn.ModuleList(DecoderLayer(shape) for _ in range(shape.layers))
        self.decoder_norm = nn.LayerNorm(shape.width)
        for name, parameter in self.named_parameters():
            if parameter.ndim > 1 and not name.endswith("embedding.weight"):
                nn.init.xavier_uniform_(parameter)

    def encode(self, source: Tensor) -> Memory:
        there = source != PAD
        states = self._embedded(self.source_embedding, source)
        for layer in self.encoder:
            states = layer(states, there[:, None, None])  # (B, S, D)
        return Memory(self.encoder_norm(states), there)

    def decode(self, memory: Memory, inputs: Tensor) -> Tensor:
        return self._decoded(memory, inputs, None)

    def begin(self, memory: Memory) -> State:
        read = [each for layer in self._decoder_layers() for each in layer.cross.keys_and_values(memory.states)]
        shape = (len(memory.there), self.shape.heads, 0, self.shape.width // self.shape.heads)
        nothing = memory.states.new_zeros(shape)
        return State(memory.there, tuple(read), (nothing,) * len(read), rows=0)

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        states = self._embedded(self.target_embedding, tokens[:, None], after=state.n_said)  # (B, 1, D)
        said: list[Tensor] = []
        for number, layer in enumerate(self._decoder_layers()):
            own = slice(2 * number, 2 * number + 2)
            states, kept = layer.step(states, state.said[own], state.read[own], state.there[:, None, None])
            said += kept
        logits = self.said(self.decoder_norm(states[:, 0]))
        return logits, replace(state, said=tuple(said), n_said=state.n_said + 1)

    def attention(self, source: Tensor, inputs: Tensor) -> Tensor | None:
        weights: list[Tensor] = []
        self._decoded(self.encode(source), inputs, weights)
        return torch.stack(weights, 1)

    def _decoder_layers(self) -> Iterator[DecoderLayer]:
        return cast("Iterator[DecoderLayer]", iter(self.decoder))

    def _decoded(self, memory: Memory, inputs: Tensor, weights: list[Tensor] | None) -> Tensor:
        length = inputs.shape[1]
        before = torch.ones(length, length, dtype=torch.bool, device=inputs.device).tril()  # row i sees columns 0 .. i
        states = self._embedded(self.target_embedding, inputs)
        for layer in self._decoder_layers():
            states = layer(states, before, memory.states, memory.there[:, None, None], weights)
        normed: Tensor = self.decoder_norm(states)  # (B, T, D)
        return normed

    def _embedded(self, embedding: nn.Module, ids: Tensor, *, after: int = 0) -> Tensor:
        """(B, T, D): what the tokens are and where they stand."""
        width = self.shape.width
        places = positions(after + ids.shape[1], width, ids.device)[after:]
        embedded: Tensor = self.dropout(embedding(ids) * math.sqrt(width) + places)
        return embedded


class EncoderLayer(nn.Module):
    """Self-attention, then two matrices with a ReLU between them; each is added to what came in."""

    def __init__(self, shape: Seq2SeqConfig) -> None:
        super().__init__()
        self.self_norm, self.self_attention = nn.LayerNorm(shape.width), Attention(shape)
        self.feed_norm, self.feed_forward = nn.LayerNorm(shape.width), feed_forward(shape)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, states: Tensor, there: Tensor) -> Tensor:
        normed = self.self_norm(states)
        states = states + self.dropout(self.self_attention(normed, *self.self_attention.keys_and_values(normed), there))
        fed: Tensor = self.dropout(self.feed_forward(self.feed_norm(states)))
        return states + fed


class DecoderLayer(nn.Module):
    """The same, with attention to the source between the two."""

    def __init__(self, shape: Seq2SeqConfig) -> None:
        super().__init__()
        self.self_norm, self.self_attention = nn.LayerNorm(shape.width), Attention(shape)
        self.cross_norm, self.cross = nn.LayerNorm(shape.width), Attention(shape)
        self.feed_norm, self.feed_forward = nn.LayerNorm(shape.width), feed_forward(shape)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(
        self, states: Tensor, before: Tensor, read: Tensor, there: Tensor, weights: list[Tensor] | None
    ) -> Tensor:
        """Whole targets: ``before`` (T, T) hides what comes later. The weights of the attention to the source are added to
        ``weights``, if that is a list."""
        normed = self.self_norm(states)
        said = self.self_attention.keys_and_values(normed)
        states = states + self.dropout(self.self_attention(normed, *said, before))
        return self._rest(states, self.cross.keys_and_values(read), there, weights)

    def step(
        self, states: Tensor, said: tuple[Tensor, ...], read: tuple[Tensor, ...], there: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        """One token (B, 1, D) after those of which ``said`` holds the keys and values; the new ones are there with theirs."""
        normed = self.self_norm(states)
        kept = [
            torch.cat((old, new), 2) for old, new in zip(said, self.self_attention.keys_and_values(normed), strict=True)
        ]
        states = states + self.self_attention(normed, *kept, None)
        return self._rest(states, read, there, None), kept

    def _rest(self, states: Tensor, read: tuple[Tensor, ...], there: Tensor, weights: list[Tensor] | None) -> Tensor:
        states = states + self.dropout(self.cross(self.cross_norm(states), *read, there, weights))
        fed: Tensor = self.dropout(self.feed_forward(self.feed_norm(states)))
        return states + fed


class Attention(nn.Module):
    """Attention of several heads (Vaswani et al. 2017, section 3.2)."""

    def __init__(self, shape: Seq2SeqConfig) -> None:
        super().__init__()
        self.n_heads = shape.heads
        self.query = nn.Linear(shape.width, shape.width)
        self.key_value = nn.Linear(shape.width, 2 * shape.width)
        self.output = nn.Linear(shape.width, shape.width)

    def keys_and_values(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Both (B, H, S, D / H)."""
        keys, values = self.key_value(states).chunk(2, -1)
        return self._parted(keys), self._parted(values)

    def forward(
        self, states: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, weights: list[Tensor] | None = None
    ) -> Tensor:
        """(B, T, D): what each of ``states`` (B, T, D) found in ``values``.

        Args:
            mask: that can be broadcast to (B, H, T, S), False where nothing is to be seen.
            weights: a list to which (B, H, T, S) are added.
        """
        queries = self._parted(self.query(states))
        if weights is None:
            found = functional.scaled_dot_product_attention(queries, keys, values, mask)
        else:
            shares = scaled_dot_product(queries, keys, mask)
            weights.append(shares)
            found = shares @ values
        joined: Tensor = self.output(found.transpose(1, 2).flatten(2))
        return joined

    def _parted(self, states: Tensor) -> Tensor:
        """(B, T, D) -> (B, H, T, D / H)."""
        return states.view(*states.shape[:2], self.n_heads, -1).transpose(1, 2)


def scaled_dot_product(queries: Tensor, keys: Tensor, mask: Tensor | None = None) -> Tensor:
    """softmax(Q Kᵀ / √d), (..., T, S): how much each query (..., T, d) takes of each key (..., S, d); rows sum to 1."""
    scores = queries @ keys.transpose(-2, -1) / math.sqrt(queries.shape[-1])
    return (scores if mask is None else scores.masked_fill(~mask, -math.inf)).softmax(-1)


def feed_forward(shape: Seq2SeqConfig) -> nn.Module:
    return nn.Sequential(
        nn.Linear(shape.width, shape.intermediate), nn.ReLU(), nn.Dropout(shape.dropout),
        nn.Linear(shape.intermediate, shape.width),
    )  # fmt: skip


def positions(length: int, width: int, device: torch.device | None = None) -> Tensor:
    """(length, width) float32: PE(p, 2i) = sin(p / 10000^(2i / width)), PE(p, 2i + 1) = cos of the same (Vaswani et al. 2017,
    section 3.5); ``width`` is even."""
    places = torch.arange(length, dtype=torch.float32, device=device)[:, None]
    rates = torch.exp(torch.arange(0, width, 2, dtype=torch.float32, device=device) * (-math.log(10_000.0) / width))
    angles = places * rates  # (length, width / 2)
    return torch.stack((angles.sin(), angles.cos()), -1).flatten(1)


def new(shape: Seq2SeqConfig) -> Seq2Seq:
    """A network with random weights, by torch's own generator."""
    return Transformer(shape) if shape.architecture == TRANSFORMER else Recurrent(shape)


def loaded(model: Model, device: torch.device | None = None) -> Seq2Seq:
    """The network of a folder, in float32, ready to be asked.

    Raises:
        ModelError: its weights are damaged, or are those of another shape.
    """
    with torch.device("meta"):  # no memory before its weights are found to be as large as its config.json says
        network = new(model.shape)
    try:
        tensors = {name: torch.from_numpy(values).clone() for name, values in model.weights().items()}
        network.load_state_dict(tensors, assign=True)
    except RuntimeError as error:  # of torch: names or shapes that differ
        raise ModelError(
            f"{model.folder} is damaged: its weights are not those that its config.json describes"
        ) from error
    return network.to(device).eval()
