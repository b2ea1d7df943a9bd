"""What a search works on: any decoder that gives the logits of the next token, and a batch of sources with their limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, Self

import numpy as np

from nlptool.errors import ModelError
from nlptool.models.generation.arrays import Array
from nlptool.models.generation.constraints import DECODER, DecoderConstraints
from nlptool.models.generation.decoding import Decoding, Ends
from nlptool.models.generation.logits import Processor

STOP, LENGTH = "stop", "length"
MAX_NEW_TOKENS = 128  # the default


class State(Protocol):
    """The state of a decoder between two tokens, for each sequence of its batch."""

    def reorder(self, rows: Array) -> Self:
        """Return the state of the sequences ``rows`` (N,), in this order; a sequence may occur several times, or not at all."""


class Decoder(Protocol):
    """A model that gives the logits of the next token: float32, of numpy, or of torch on the decoder's device. The search may
    write into them."""

    def begin(self, sources: Sequence[Sequence[int]]) -> tuple[Array, Any]:
        """Return the logits, (B, V), of the first token of each source's text, and the state."""

    def step(self, tokens: Array, state: Any) -> tuple[Array, Any]:
        """Return the logits, (R, V), of what follows ``tokens`` (R,), and the state after them."""


class Batch:
    """The sources of a search.

    Attributes:
        process: changes logits, by penalties and exclusions.
        limits: (B,), the maximum number of new tokens of each source.
        ends: says which texts a stop text has ended.
    """

    def __init__(
        self,
        decoder: Decoder,
        sources: Sequence[Sequence[int]],
        decoding: Decoding,
        constraints: DecoderConstraints,
        ends: Ends | None = None,
    ) -> None:
        self.decoder, self.sources, self.decoding, self.constraints = decoder, sources, decoding, constraints
        self.ends = ends
        prefixes = [source if constraints.kind == DECODER else constraints.start_ids for source in sources]
        self.process = Processor(decoding, constraints, sources, prefixes)
        self.limits = np.array([self._limit(len(prefix)) for prefix in prefixes])

    def _limit(self, n_prefix: int) -> int:
        limit = self.decoding.max_new_tokens or MAX_NEW_TOKENS
        max_positions = self.constraints.max_positions
        if max_positions is None:
            return limit
        if n_prefix >= max_positions:
            raise ModelError(
                f"the text has {n_prefix:,} tokens, and the model has room for {max_positions:,}, new ones included",
                hint="--max-length cuts it",
            )
        return min(limit, max_positions - n_prefix)
