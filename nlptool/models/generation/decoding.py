"""What is asked of a decoder, and what it gives: shared by the engines that run one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Decoding:
    """How a text is found. Greedy search by default."""

    beams: int = 1
    n_return: int = 1  # hypotheses of each source, at most ``beams`` unless sampled
    sample: bool = False
    temperature: float = 1.0
    top_k: int = 0  # of the most probable tokens alone; 0: of all
    top_p: float = 1.0  # of the fewest most probable tokens whose probabilities reach this
    max_new_tokens: int | None = None  # as the model says
    min_new_tokens: int = 0
    length_penalty: float = 1.0  # hypotheses of a beam search are ranked by log-probability / length ** length_penalty
    no_repeat_ngram: int = 0  # tokens in a row that do not come twice; 0: any may


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A text that was found.

    Attributes:
        ids: its tokens, without those that begin every text and without the one that ended it.
        log_probability: the sum of the natural logarithms of the probabilities that the model gives to ``ids`` and to the end
            token, if that was reached: as the model says, before temperature, top-k, top-p and what was ruled out. At most 0;
            higher is more probable.
        finish_reason: stop, for an end token; length, for ``max_new_tokens``.
    """

    ids: list[int]
    log_probability: float
    finish_reason: str


class Engine(Protocol):
    """A model that runs: token ids in, token ids out. One batch at a time; the caller sorts and packs."""

    name: str  # ct2 | torch
    device: str
    batch_tokens: int  # of the sources of a batch, padding included; times ``beams`` in a search

    def generate(
        self, sources: Sequence[Sequence[int]], decoding: Decoding, seeds: Sequence[Sequence[int]]
    ) -> list[list[Hypothesis]]:
        """The hypotheses of each source, best first.

        Args:
            sources: ids with all special tokens; of a decoder-only model the prompts.
            seeds: a seed for each source, as ``numpy.random.default_rng`` takes it; only for sampling.
        """

    def stream(self, source: Sequence[int], decoding: Decoding, seed: Sequence[int]) -> Iterator[int | Hypothesis]:
        """The tokens of one text as they are chosen (greedy search or sampling), and at last the hypothesis."""

    def attention(self, source: Sequence[int], ids: Sequence[int]) -> NDArray[np.float32]:
        """(L, H, T, S): how much the decoder looks at each token of the source when it says each of ``ids``; the sum over S is 1
        for encoder-decoders.

        Raises:
            ModelError: the model has no attention.
        """
