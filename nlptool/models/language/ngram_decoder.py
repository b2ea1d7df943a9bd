"""An n-gram model as a decoder, token by token, in numpy: ``models.generation.decoder.Decoder``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.models.language.kneser_ney import NgramModel


@dataclass(frozen=True, slots=True)
class Contexts:
    """The last tokens of each sequence of a batch, (R, N - 1) at most, those of a short one padded before with -1."""

    tokens: NDArray[np.int64]

    def reorder(self, rows: Any) -> Contexts:
        """Return the contexts of the sequences ``rows`` (N,), in this order."""
        return Contexts(self.tokens[np.asarray(rows)])


class NgramDecoder:
    """An n-gram model that continues texts, which begin with its ``begin``."""

    def __init__(self, model: NgramModel) -> None:
        self.vocab_size = model.n_words
        self._model = model
        self._width = max(1, model.order - 1)

    def begin(self, sources: Sequence[Sequence[int]]) -> tuple[Any, Contexts]:
        """Return the log-probabilities (B, V) of the token after each text, and the contexts."""
        tokens = np.full((len(sources), self._width), -1)
        for row, source in enumerate(sources):
            last = list(source)[-self._width :]
            tokens[row, self._width - len(last) :] = last
        return self.logits(tokens), Contexts(tokens)

    def step(self, tokens: Any, state: Contexts) -> tuple[Any, Contexts]:
        """Return the log-probabilities (R, V) of what follows ``tokens`` (R,), and the contexts after them."""
        after = np.concatenate([state.tokens, np.asarray(tokens)[:, None]], axis=1)[:, -self._width :]
        return self.logits(after), Contexts(after)

    def score(self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[NDArray[np.float64]]:
        """Return the log-probability of each token of each target, (n,) each, after its source."""
        texts = [[*source, *target] for source, target in zip(sources, targets, strict=True)]
        lengths = np.array(list(map(len, texts)), np.int64)
        values = self._model.score(np.array([id for text in texts for id in text], np.int64), lengths)
        parts = np.split(values, np.cumsum(lengths)[:-1])
        return [part[len(source) :] for part, source in zip(parts, sources, strict=True)]

    def logits(self, contexts: NDArray[np.int64]) -> Any:
        """Return the log-probabilities (R, V) of what follows the contexts, float32."""
        found = np.stack([self._model.distribution([id for id in row if id >= 0]) for row in contexts.tolist()])
        with np.errstate(divide="ignore"):
            return np.log(found).astype(np.float32)
