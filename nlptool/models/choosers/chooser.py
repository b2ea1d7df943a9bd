"""Choosers by a network: several pairs of texts to a probability of each.

Method: J. Devlin et al.: BERT (NAACL 2019), section 4.4. The network reads each choice with the context by itself, and gives it a
number; a softmax over the choices makes probabilities of these. Any number of choices goes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.models.heads.batches import BatchedNetwork, Network
from nlptool.models.heads.tokenizer import ModelInput, TextTokenizer
from nlptool.models.masked.model import log_softmax
from nlptool.specs import ChooserSpec


@dataclass(frozen=True, slots=True)
class Chosen:
    """The probabilities of C choices.

    Attributes:
        probabilities: (C,) float32, which add up to 1.
        n_tokens: that the network read, special tokens included.
        n_unknown: tokens that stand for what the vocabulary lacks.
        truncated: one of the pairs was longer than the network takes.
    """

    probabilities: NDArray[np.float32]
    n_tokens: int
    n_unknown: int
    truncated: bool

    def entry(self) -> dict[str, Any]:
        """Return what the entry of a record says of it."""
        return {"n_tokens": self.n_tokens, "n_unknown": self.n_unknown, "truncated": self.truncated}


class Chooser:
    """A chooser by a tokenizer and a network."""

    def __init__(
        self,
        tokenizer: TextTokenizer,
        network: Network,
        about: Mapping[str, Any],
        spec: ChooserSpec,
        *,
        name: str,
        device: str,
    ) -> None:
        self.name, self.device, self.engine = name, device, network.engine
        self._tokenizer = tokenizer
        self._network = BatchedNetwork(network, about, spec)

    def choose(self, items: Sequence[Sequence[tuple[str, str]]]) -> list[Chosen]:
        """Return the probabilities of the choices of each item.

        Args:
            items: the pairs of texts of the choices, one or more each.
        """
        tokenized = self._tokenizer.read([pair for pairs in items for pair in pairs])
        logits = self._logits([text.chunks[0] for text in tokenized])
        found, first = [], 0
        for pairs in items:
            here = slice(first, first + len(pairs))
            first += len(pairs)
            probabilities = np.exp(log_softmax(logits[None, here])[0])
            texts = tokenized[here]
            found.append(
                Chosen(
                    probabilities,
                    sum(text.n_tokens for text in texts),
                    sum(text.n_unknown for text in texts),
                    any(text.truncated for text in texts),
                )
            )
        return found

    def _logits(self, rows: Sequence[ModelInput]) -> NDArray[np.float32]:
        """Return the logit of each sequence, (N,)."""
        return np.array(self._network.logits(rows), np.float32).reshape(-1)
