"""An n-gram model as a decoder, token by token: ``models.generation.decoder.Decoder``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nlptool.models.language.kneser_ney import NgramModel


@dataclass(frozen=True, slots=True)
class Contexts:
    """The last tokens of each sequence of a batch, (R, N - 1) at most, those of a short one padded before with -1."""

    tokens: Tensor

    def reorder(self, rows: Tensor) -> Contexts:
        """Return the contexts of the sequences ``rows`` (N,), in this order."""
        return Contexts(self.tokens.index_select(0, rows))


class NgramDecoder:
    """An n-gram model that continues texts, which begin with its ``begin``."""

    def __init__(self, model: NgramModel) -> None:
        self.vocab_size = model.n_words
        self._model = model
        self._width = max(1, model.order - 1)

    def begin(self, sources: Sequence[Sequence[int]]) -> tuple[Tensor, Contexts]:
        """Return the log-probabilities (B, V) of the token after each text, and the contexts."""
        tokens = torch.full((len(sources), self._width), -1)
        for row, source in enumerate(sources):
            last = list(source)[-self._width :]
            tokens[row, self._width - len(last) :] = torch.tensor(last, dtype=torch.int64)
        return self._logits(tokens), Contexts(tokens)

    def step(self, tokens: Tensor, state: Contexts) -> tuple[Tensor, Contexts]:
        """Return the log-probabilities (R, V) of what follows ``tokens`` (R,), and the contexts after them."""
        after = torch.cat([state.tokens, tokens[:, None]], dim=1)[:, -self._width :]
        return self._logits(after), Contexts(after)

    def score(self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[NDArray[np.float64]]:
        """Return the log-probability of each token of each target, (n,) each, after its source."""
        texts = [[*source, *target] for source, target in zip(sources, targets, strict=True)]
        lengths = np.array(list(map(len, texts)), np.int64)
        values = self._model.score(np.array([id for text in texts for id in text], np.int64), lengths)
        parts = np.split(values, np.cumsum(lengths)[:-1])
        return [part[len(source) :] for part, source in zip(parts, sources, strict=True)]

    def attention(self, source: Sequence[int], ids: Sequence[int]) -> Tensor | None:
        """Return None: there is no attention."""
        return None

    def _logits(self, contexts: Tensor) -> Tensor:
        found = np.stack([self._model.distribution([id for id in row if id >= 0]) for row in contexts.tolist()])
        with np.errstate(divide="ignore"):
            return torch.from_numpy(np.log(found).astype(np.float32))
