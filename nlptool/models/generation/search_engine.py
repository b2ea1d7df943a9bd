"""What the engines in torch and in numpy share: ``search`` over a decoder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nlptool.models.generation import search as decoding_search
from nlptool.models.generation.arrays import Arrays
from nlptool.models.generation.constraints import DecoderConstraints
from nlptool.models.generation.decoder import Decoder
from nlptool.models.generation.decoding import Decoding, Ends, Hypothesis, ends_of

_LARGEST_LOGITS = 1 << 26  # numbers in a step of a batch, 256 MiB


class SizedDecoder(Decoder, Protocol):
    """A decoder that says how many logits it gives for a token, and scores texts that are given."""

    vocab_size: int

    def score(self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[NDArray[np.float64]]:
        """Return what ``decoding.Engine`` says, of one batch."""


class SearchEngine:
    """``decoding.Engine`` but for its name, its device, the size of its batches, and attention.

    Args:
        arrays: of the library that the decoder computes with.
        limited: returns a context in which that library computes with the threads that were chosen.
    """

    def __init__(
        self,
        decoder: SizedDecoder,
        constraints: DecoderConstraints,
        arrays: Arrays,
        limited: Callable[[], AbstractContextManager[object]],
    ) -> None:
        self._decoder, self._constraints, self._arrays = decoder, constraints, arrays
        self.limited = limited

    def generate(
        self,
        sources: Sequence[Sequence[int]],
        decoding: Decoding,
        seeds: Sequence[Sequence[int]],
        ends: Ends | None = None,
    ) -> list[list[Hypothesis]]:
        """Return the hypotheses of each source, best first. With a very large vocabulary, some sources at a time.

        Raises:
            ModelError: as for ``search.search``.
        """
        rows = decoding.n_return if decoding.sample else decoding.beams
        most = max(1, _LARGEST_LOGITS // (self._decoder.vocab_size * rows))
        hypotheses = []
        with self.limited():
            for first in range(0, len(sources), most):
                part = slice(first, first + most)
                hypotheses += decoding_search.search(
                    self._decoder, sources[part], decoding, self._constraints, seeds[part], arrays=self._arrays,
                    ends=ends_of(ends, range(len(sources))[part]),
                )  # fmt: skip
        return hypotheses

    def score(self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[NDArray[np.float64]]:
        """As of ``decoding.Engine``; with a very large vocabulary, some texts at a time."""
        widest = max((len(source) + len(target) for source, target in zip(sources, targets, strict=True)), default=1)
        most = max(1, _LARGEST_LOGITS // (self._decoder.vocab_size * widest))
        found = []
        with self.limited():
            for first in range(0, len(sources), most):
                part = slice(first, first + most)
                found += self._decoder.score(sources[part], targets[part])
        return found

    def stream(
        self, source: Sequence[int], decoding: Decoding, seed: Sequence[int], ends: Ends | None = None
    ) -> Iterator[int | Hypothesis]:
        """Yield the tokens of one text as they are chosen, and finally the hypothesis.

        Raises:
            ModelError: as for ``search.stream``.
        """
        tokens = decoding_search.stream(
            self._decoder, source, decoding, self._constraints, seed, arrays=self._arrays, ends=ends
        )
        while True:
            with self.limited():  # not around a yield: it would last for the caller's work too
                token = next(tokens, None)
            if token is None:
                return
            yield token
