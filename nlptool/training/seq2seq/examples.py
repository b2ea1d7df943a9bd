"""What an encoder–decoder is trained on: pairs of token ids, in batches of nearly equal length.

A batch holds pairs whose lengths are the same or nearly so, as many as a budget of tokens has room for. Which pairs of a length
come together, and in which order the batches come, follows from the seed and the epoch alone: a training that was interrupted
goes on with the same batches. All epochs have the same number of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlptool.models.seq2seq.config import BOS, EOS, PAD

Ids = Sequence[int]


@dataclass(frozen=True, slots=True)
class Batch:
    """B pairs, of sources of up to S and targets of up to T tokens, their ends included."""

    source: NDArray[np.int64]  # (B, S), each row ended by </s> and filled up with 0
    inputs: NDArray[np.int64]  # (B, T): what the decoder sees: <s> and the target but for its end
    places: NDArray[np.int64]  # (N,), where ``inputs`` has tokens, counted through all rows
    targets: NDArray[np.int64]  # (N,), what comes after each of them: one token later, the end at last

    @property
    def n_tokens(self) -> int:
        """Of sources and targets, without padding."""
        return int((self.source != PAD).sum()) + len(self.targets)


class Examples:
    """Pairs of token ids without special tokens.

    Args:
        batch_tokens: of a batch: sources and targets with their ends and their padding.
    """

    def __init__(self, pairs: Sequence[tuple[Ids, Ids]], *, batch_tokens: int, seed: int = 1) -> None:
        self._seed = seed
        self._sides = tuple(_Side([pair[side] for pair in pairs]) for side in (0, 1))
        self._cuts = self._cut(batch_tokens)
        self._epoch = -1, np.zeros(0, np.int64), np.zeros(0, np.int64)

    @property
    def n_batches(self) -> int:
        """Of an epoch."""
        return len(self._cuts) - 1

    @property
    def n_tokens(self) -> int:
        """Of an epoch, without padding."""
        return sum(int(side.lengths.sum()) for side in self._sides)

    def batches(self, first: int = 0) -> Iterator[Batch]:
        """Those of all epochs, without end and without the ``first`` ones."""
        while True:
            yield self.batch(*divmod(first, self.n_batches))
            first += 1

    def batch(self, epoch: int, number: int) -> Batch:
        """One batch of an epoch, the same whenever it is asked for."""
        if self._epoch[0] != epoch:
            rng = np.random.default_rng([self._seed, epoch])
            pairs = rng.permutation(len(self._sides[0].lengths))
            self._epoch = epoch, pairs[self._by_length(pairs)], rng.permutation(self.n_batches)
        _, order, turns = self._epoch
        return self._of(order[slice(*self._cuts[turns[number] : turns[number] + 2])])

    def in_order(self) -> Iterator[tuple[NDArray[np.int64], Batch]]:
        """All pairs once, by length: their numbers, and the batch."""
        order = self._by_length(np.arange(len(self._sides[0].lengths)))
        for start, end in zip(self._cuts, self._cuts[1:], strict=False):
            yield order[start:end], self._of(order[start:end])

    def _by_length(self, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
        """The order that sorts pairs by the lengths of their sides; those of the same lengths stay in their order."""
        source, target = (side.lengths[pairs] for side in self._sides)
        return np.lexsort((source, target))

    def _cut(self, batch_tokens: int) -> list[int]:
        """Where batches end among the pairs by length: lengths come in the same order in all epochs."""
        order = self._by_length(np.arange(len(self._sides[0].lengths)))
        sources, targets = (side.lengths[order].tolist() for side in self._sides)
        cuts, longest = [0], (0, 0)
        for number, lengths in enumerate(zip(sources, targets, strict=True)):
            wider = max(longest[0], lengths[0]), max(longest[1], lengths[1])
            if number > cuts[-1] and sum(wider) * (number + 1 - cuts[-1]) > batch_tokens:
                cuts.append(number)
                wider = lengths
            longest = wider
        return [*cuts, len(order)]

    def _of(self, pairs: NDArray[np.int64]) -> Batch:
        source, target = (side.rows(pairs) for side in self._sides)
        inputs = np.full_like(target, BOS)
        inputs[:, 1:] = np.where(target[:, :-1] == EOS, PAD, target[:, :-1])
        places = np.flatnonzero(target != PAD)
        return Batch(source, inputs, places, target.ravel()[places])


class _Side:
    """The sources or the targets, each ended by </s>, one after another."""

    def __init__(self, texts: Sequence[Ids]) -> None:
        self.lengths = np.array([len(ids) + 1 for ids in texts], np.int64)
        self._starts = np.cumsum(self.lengths) - self.lengths
        self._ids = np.fromiter((id for ids in texts for id in (*ids, EOS)), np.int32, int(self.lengths.sum()))

    def rows(self, texts: NDArray[np.int64]) -> NDArray[np.int64]:
        """(B, T) the ids of these texts, filled up with 0."""
        lengths = self.lengths[texts][:, None]
        columns = np.arange(lengths.max())[None, :]
        there = columns < lengths
        rows = np.full(there.shape, PAD, np.int64)
        rows[there] = self._ids[(self._starts[texts][:, None] + columns)[there]]
        return rows
