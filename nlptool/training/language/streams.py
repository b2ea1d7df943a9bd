"""Documents as streams of tokens, cut into batches that continue each other.

In each epoch the documents stand one behind the other in an order of its own, each begun by </s>, and the last ended by one. The
whole is cut into B streams of equal length, and a batch holds the next T tokens of each: what a recurrent network knows at the
end of one batch holds at the beginning of the next (T. Mikolov et al. 2010; truncated backpropagation through time). Which tokens
a batch holds depends on the seed and its number alone, so that an interrupted training goes on with the same ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.models.language.config import END


@dataclass(frozen=True, slots=True)
class Batch:
    """The next T tokens of B streams.

    Attributes:
        inputs, targets: (B, T) int64; a target is the token that follows its input.
        counts: (B, T) bool; False for a token that fills up the last stream, and stands elsewhere in the epoch, too.
        begins: these are the first tokens of an epoch: nothing was before.
    """

    inputs: NDArray[np.int64]
    targets: NDArray[np.int64]
    counts: NDArray[np.bool_]
    begins: bool

    @property
    def n_tokens(self) -> int:
        return self.targets.size


class Streams:
    """The batches of a corpus.

    Args:
        tokens: (N,) of all documents, memory-mapped or not.
        starts: (D + 1,), of each document in ``tokens``, and the end of the last.
        batch_size: B, streams; fewer if the corpus has fewer tokens.
        length: T, tokens; fewer if a stream has fewer.
        seed: of the order of the documents; None: as they stand.
    """

    def __init__(
        self, tokens: NDArray[np.unsignedinteger[Any]], starts: NDArray[np.int64], *, batch_size: int, length: int,
        seed: int | None,
    ) -> None:  # fmt: skip
        self._tokens, self._starts, self._seed = tokens, starts, seed
        self._n_targets = len(tokens) + len(starts) - 1  # each document's tokens, and the end behind it
        self.batch_size = max(1, min(batch_size, self._n_targets))
        self._of_stream = -(-self._n_targets // self.batch_size)
        self.length = min(length, self._of_stream)
        self._epoch: tuple[int, NDArray[np.int64]] = -1, np.zeros(0, np.int64)

    @property
    def n_batches(self) -> int:
        """Return the number of batches of an epoch."""
        return -(-self._of_stream // self.length)

    def batches(self, first: int = 0) -> Iterator[Batch]:
        """Yield the batches of all epochs without end, from number ``first`` on."""
        while True:
            yield self.batch(*divmod(first, self.n_batches))
            first += 1

    def batch(self, epoch: int, number: int) -> Batch:
        """Return one batch of an epoch, the same at every call."""
        if self._epoch[0] != epoch:
            self._epoch = epoch, self._flat(epoch)
        flat = self._epoch[1]
        begin = number * self.length
        end = min(begin + self.length, self._of_stream)
        rows = np.arange(self.batch_size)[:, None] * self._of_stream
        places = rows + np.arange(begin, end)
        counts = places < self._n_targets
        places %= self._n_targets  # the last stream goes on at the beginning
        return Batch(flat[places], flat[places + 1], counts, begins=number == 0)

    def _flat(self, epoch: int) -> NDArray[np.int64]:
        """Return </s> and all documents, each with </s> behind it, (N + D + 1,)."""
        n_documents = len(self._starts) - 1
        order = np.arange(n_documents)
        if self._seed is not None:
            order = np.random.default_rng([self._seed, epoch]).permutation(n_documents)
        flat = np.full(self._n_targets + 1, END, np.int64)
        place = 1
        for document in order:
            tokens = self._tokens[self._starts[document] : self._starts[document + 1]]
            flat[place : place + len(tokens)] = tokens
            place += len(tokens) + 1
        return flat
