"""The settings and the results of decoding, and the interface of the engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Decoding:
    """How texts are decoded. The default is greedy search. Tokens of a text are also those that the decoder is given before the
    first one that it chooses: the start tokens, or the prompt."""

    beams: int = 1
    n_return: int = 1  # hypotheses of each source, at most ``beams`` unless sampled
    sample: bool = False
    temperature: float = 1.0
    top_k: int = 0  # sample from the k most probable tokens; 0: from all
    top_p: float = 1.0  # sample from the fewest tokens whose probabilities sum up to this
    max_new_tokens: int | None = None  # None: as ``max_length`` or the model says
    min_new_tokens: int | None = None  # None: as ``min_length`` says
    max_length: int | None = None  # tokens of a text with those before it
    min_length: int = 0
    length_penalty: float = 1.0  # hypotheses of a beam search are ranked by log-probability / length ** length_penalty
    early_stopping: bool | str = False  # with ``beams`` hypotheses; "never": when no better one is possible
    repetition_penalty: float = 1.0  # logits of tokens of the text are divided by it, negative ones multiplied
    source_repetition_penalty: float = 1.0  # the inverse of it for tokens of the source
    no_repeat_ngram: int = 0  # no n-gram of this size occurs twice; 0: no limit
    no_repeat_source_ngram: int = 0  # no n-gram of this size of the source occurs; 0: no limit
    not_first: tuple[int, ...] = ()  # tokens that do not begin a text
    renormalize: bool = False  # probabilities in a beam search sum up to 1 after penalties and exclusions
    stop: tuple[str, ...] = ()  # texts each of which ends a generation that is no beam search; none is part of its text


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A decoded text.

    Attributes:
        ids: its tokens, without start tokens and without the end token.
        log_probability: natural logarithm of the model's probability of ``ids`` and, if it was reached, the end token: before
            temperature, top-k, top-p and exclusions. At most 0; higher is more probable.
        finish_reason: stop: an end token, or a stop text, whose last token is one of ``ids``; length: ``max_new_tokens``.
    """

    ids: list[int]
    log_probability: float
    finish_reason: str


Ends = Callable[[int, Sequence[int]], bool]
"""Takes the index of a source and the tokens of a text, and says whether the text holds a stop text."""


def ends_of(ends: Ends | None, indices: Sequence[int]) -> Ends | None:
    """Return ``ends`` for some of the sources, by their indices."""
    return None if ends is None else lambda index, ids: ends(indices[index], ids)


class Engine(Protocol):
    """A loaded model: token ids in, token ids out. One batch at a time; the caller sorts and packs."""

    name: str  # ct2 | numpy | torch
    device: str
    batch_tokens: int  # tokens of the sources in a batch, padding included, times ``beams``

    def generate(
        self,
        sources: Sequence[Sequence[int]],
        decoding: Decoding,
        seeds: Sequence[Sequence[int]],
        ends: Ends | None = None,
    ) -> list[list[Hypothesis]]:
        """Return the hypotheses of each source, best first.

        Args:
            sources: ids with all special tokens; for a decoder-only model the prompts.
            seeds: a seed for each source, as ``numpy.random.default_rng`` takes it; only for sampling.
            ends: a text that it is true of is ended; not for a beam search.
        """

    def stream(
        self, source: Sequence[int], decoding: Decoding, seed: Sequence[int], ends: Ends | None = None
    ) -> Iterator[int | Hypothesis]:
        """Yield the tokens of one text as they are chosen (greedy search or sampling), and finally the hypothesis."""

    def score(self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[NDArray[np.float64]]:
        """Return the natural logarithm of the model's probability of each token of a target, given those before it, (n,) each.

        Args:
            sources: ids with all special tokens; for a decoder-only model what stands before the target, at least one token.
            targets: for an encoder–decoder without the tokens that begin every text.
        """

    def attention(self, source: Sequence[int], ids: Sequence[int]) -> NDArray[np.float32]:
        """Return the attention weights, (L, H, T, S), of each of ``ids`` over the tokens of the source. They sum to 1 over S for
        encoder-decoders.

        Raises:
            ModelError: the model has no attention.
        """
