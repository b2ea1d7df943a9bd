"""Language models of two generations, in torch: what ``nlptool train lm`` trains beside n-grams and Transformers.

- ``feedforward``: Y. Bengio, R. Ducharme, P. Vincent, C. Jauvin: A Neural Probabilistic Language Model (JMLR 3, 2003),
  equations 1 and 2: x are the embeddings of the n - 1 tokens before, one behind the other, and the logits are
  b + W x + U tanh(d + H x); without direct connections W is 0.
- ``rnn``, ``lstm``, ``gru``: a recurrent network reads token after token, and its state stands for all that was before
  (T. Mikolov et al.: Recurrent neural network based language model, Interspeech 2010; M. Sundermeyer et al.: LSTM Neural
  Networks for Language Modeling, Interspeech 2012), with dropout between its layers alone (W. Zaremba et al. 2014).

The output layer can be tied to the embeddings (O. Press, L. Wolf: Using the Output Embedding to Improve Language Models, EACL
2017). All share one interface: ``forward`` reads a run of tokens after a state, and returns the state behind it.

Shapes: B sequences, T tokens, V the size of the vocabulary, D that of the hidden states, E of the embeddings, N the context.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nlptool.models.language.config import END, FEEDFORWARD, LSTM, RECURRENT, LanguageConfig

State = tuple[Tensor, ...]
"""What a network knows of the tokens before, each (.., B, ..) with the batch in the second dimension: hidden states (L, B, D),
and cells of an LSTM; or the last N tokens of a feedforward network, (1, B, N)."""

_RECURRENT: dict[str, Any] = dict(zip(RECURRENT, (nn.RNN, nn.LSTM, nn.GRU), strict=True))
_WIDTH = 0.1  # embeddings begin in an interval of twice this width around 0


class LanguageNetwork(nn.Module):
    """A network that gives the logits of the next token. Subclasses define all but ``forward``."""

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        self.config = config

    def begin(self, n_sequences: int) -> State:
        """Return the state before the first token of B texts."""
        raise NotImplementedError

    def states(self, ids: Tensor, state: State) -> tuple[Tensor, State]:
        """Return what the output layer reads at each of ``ids`` (B, T), (B, T, D), and the state after them."""
        raise NotImplementedError

    def project(self, states: Tensor) -> Tensor:
        """Return the logits, (..., V), of the token that follows, for what ``states`` returns."""
        raise NotImplementedError

    def matrices(self) -> list[nn.Parameter]:
        """Return the matrices of the layers: not the embeddings, and not the output layer."""
        raise NotImplementedError

    def forward(self, ids: Tensor, state: State) -> tuple[Tensor, State]:
        """Return the logits of the token that follows each of ``ids`` (B, T), (B, T, V), and the state after them."""
        states, state = self.states(ids, state)
        return self.project(states), state


class EmbeddingNetwork(LanguageNetwork):
    """A network of nlptool's own, with its embeddings and its output layer. Subclasses define the rest."""

    def __init__(self, config: LanguageConfig, n_features: int) -> None:
        super().__init__(config)
        self.embedding = nn.Embedding(config.vocab_size, config.embedding_size)
        nn.init.uniform_(self.embedding.weight, -_WIDTH, _WIDTH)
        self.dropout = nn.Dropout(config.dropout)
        self.output = nn.Linear(n_features, config.vocab_size)
        nn.init.zeros_(self.output.bias)
        if config.tied:
            self.output.weight = self.embedding.weight
        else:
            nn.init.uniform_(self.output.weight, -_WIDTH, _WIDTH)

    def project(self, states: Tensor) -> Tensor:
        return self.output(states)  # type: ignore[no-any-return]


class Feedforward(EmbeddingNetwork):
    """Bengio's network."""

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__(config, config.hidden_size)
        n_inputs = config.context * config.embedding_size
        self.hidden = nn.Linear(n_inputs, config.hidden_size)
        self.direct = nn.Linear(n_inputs, config.vocab_size, bias=False) if config.direct else None
        if self.direct is not None:
            nn.init.zeros_(self.direct.weight)

    def begin(self, n_sequences: int) -> State:
        return (torch.full((1, n_sequences, self.config.context), END, device=self.embedding.weight.device),)

    def states(self, ids: Tensor, state: State) -> tuple[Tensor, State]:
        """As of the class above; with direct connections the last N * E numbers are the embeddings."""
        n_tokens, context = ids.shape[1], self.config.context
        read = torch.cat([state[0][0], ids], dim=1)[:, 1:]  # (B, N - 1 + T)
        embedded = self.dropout(self.embedding(read))
        inputs = embedded.unfold(1, context, 1).transpose(2, 3).flatten(2)  # (B, T, N * E), the nearest token last
        hidden = self.dropout(torch.tanh(self.hidden(inputs)))
        found = hidden if self.direct is None else torch.cat([hidden, inputs], dim=-1)
        return found[:, :n_tokens], (read[None, :, -context:],)

    def project(self, states: Tensor) -> Tensor:
        if self.direct is None:
            return super().project(states)
        hidden, inputs = states.tensor_split([self.config.hidden_size], dim=-1)
        return super().project(hidden) + self.direct(inputs)  # type: ignore[no-any-return]

    def matrices(self) -> list[nn.Parameter]:
        return [parameter for parameter in self.hidden.parameters() if parameter.ndim == 2]


class Recurrent(EmbeddingNetwork):
    """An RNN, LSTM or GRU."""

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__(config, config.hidden_size)
        between = config.dropout if config.layers > 1 else 0.0
        self.recurrent = _RECURRENT[config.architecture](
            config.embedding_size, config.hidden_size, config.layers, dropout=between, batch_first=True
        )

    def begin(self, n_sequences: int) -> State:
        zeros = self.embedding.weight.new_zeros(self.config.layers, n_sequences, self.config.hidden_size)
        return (zeros, zeros.clone()) if self.config.architecture == LSTM else (zeros,)

    def states(self, ids: Tensor, state: State) -> tuple[Tensor, State]:
        embedded = self.dropout(self.embedding(ids))
        given = state if self.config.architecture == LSTM else state[0]
        found, after = self.recurrent(embedded, given)
        return self.dropout(found), tuple(after) if self.config.architecture == LSTM else (after,)

    def matrices(self) -> list[nn.Parameter]:
        return [parameter for parameter in self.recurrent.parameters() if parameter.ndim == 2]


def new(config: LanguageConfig) -> EmbeddingNetwork:
    """Return a network with random weights."""
    return Feedforward(config) if config.architecture == FEEDFORWARD else Recurrent(config)


def reordered(state: State, rows: Tensor) -> State:
    """Return the state of the sequences ``rows`` (N,), in this order."""
    return tuple(part.index_select(1, rows) for part in state)
