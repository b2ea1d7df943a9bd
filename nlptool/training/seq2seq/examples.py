"""The examples of an encoder–decoder: pairs of token ids, in batches of nearly equal length.

A batch holds pairs of the same or nearly the same lengths, within a budget of tokens. Which pairs of a length share a batch, and
the order of the batches, depend on the seed and the epoch alone: a training that was interrupted goes on with the same batches.
All epochs have the same number of batches.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlptool.models.seq2seq.config import BOS, EOS, PAD

Ids = Sequence[int]


@dataclass(frozen=True, slots=True)
class Batch:
    """B pairs with sources of up to S and targets of up to T tokens, end included."""

    source: NDArray[np.int64]  # (B, S), each row ends with </s>; padding is 0
    inputs: NDArray[np.int64]  # (B, T), of the decoder: <s> and the target without its end
    positions: NDArray[np.int64]  # (N,), of the tokens of ``inputs``, indices into the flattened rows
    targets: NDArray[np.int64]  # (N,), the next token of each position, </s> at the end

    @property
    def n_tokens(self) -> int:
        """Return the number of tokens of sources and targets, without padding."""
        return int((self.source != PAD).sum()) + len(self.targets)


class Examples:
    """Pairs of token ids without special tokens.

    Args:
        batch_tokens: tokens in a batch: sources and targets, ends and padding included.
    """

    def __init__(self, pairs: Sequence[tuple[Ids, Ids]], *, batch_tokens: int, seed: int = 1) -> None:
        self._seed = seed
        self._sides = tuple(_Side([pair[side] for pair in pairs]) for side in (0, 1))
        self._batch_ends = self._split(batch_tokens)
        self._epoch = -1, np.zeros(0, np.int64), np.zeros(0, np.int64)

    @property
    def n_batches(self) -> int:
        """Return the number of batches of an epoch."""
        return len(self._batch_ends) - 1

    @property
    def n_tokens(self) -> int:
        """Return the number of tokens of an epoch, without padding."""
        return sum(int(side.lengths.sum()) for side in self._sides)

    def batches(self, first: int = 0) -> Iterator[Batch]:
        """Yield the batches of all epochs without end, from number ``first`` on."""
        while True:
            yield self.batch(*divmod(first, self.n_batches))
            first += 1

    def batch(self, epoch: int, number: int) -> Batch:
        """Return one batch of an epoch, the same at every call."""
        if self._epoch[0] != epoch:
            rng = np.random.default_rng([self._seed, epoch])
            pairs = rng.permutation(len(self._sides[0].lengths))
            self._epoch = epoch, pairs[self._by_length(pairs)], rng.permutation(self.n_batches)
        _, order, turns = self._epoch
        return self._batch(order[slice(*self._batch_ends[turns[number] : turns[number] + 2])])

    def in_order(self) -> Iterator[tuple[NDArray[np.int64], Batch]]:
        """Yield all pairs once, by length: their indices, and the batch."""
        order = self._by_length(np.arange(len(self._sides[0].lengths)))
        for start, end in itertools.pairwise(self._batch_ends):
            yield order[start:end], self._batch(order[start:end])

    def _by_length(self, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the stable order of ``pairs`` by the lengths of their targets and sources."""
        source, target = (side.lengths[pairs] for side in self._sides)
        return np.lexsort((source, target))

    def _split(self, batch_tokens: int) -> list[int]:
        """Return the start of each batch among the pairs in order of length, and the end of the last."""
        order = self._by_length(np.arange(len(self._sides[0].lengths)))
        sources, targets = (side.lengths[order].tolist() for side in self._sides)
        ends, longest = [0], (0, 0)
        for index, lengths in enumerate(zip(sources, targets, strict=True)):
            wider = max(longest[0], lengths[0]), max(longest[1], lengths[1])
            if index > ends[-1] and sum(wider) * (index + 1 - ends[-1]) > batch_tokens:
                ends.append(index)
                wider = lengths
            longest = wider
        return [*ends, len(order)]

    def _batch(self, pairs: NDArray[np.int64]) -> Batch:
        source, target = (side.rows(pairs) for side in self._sides)
        inputs = np.full_like(target, BOS)
        inputs[:, 1:] = np.where(target[:, :-1] == EOS, PAD, target[:, :-1])
        positions = np.flatnonzero(target != PAD)
        return Batch(source, inputs, positions, target.ravel()[positions])


class _Side:
    """The sources or the targets, concatenated, each with </s> at its end."""

    def __init__(self, texts: Sequence[Ids]) -> None:
        self.lengths = np.array([len(ids) + 1 for ids in texts], np.int64)
        self._starts = np.cumsum(self.lengths) - self.lengths
        self._ids = np.fromiter((id for ids in texts for id in (*ids, EOS)), np.int32, int(self.lengths.sum()))

    def rows(self, texts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the ids of ``texts``, padded with 0, (B, T) int64."""
        lengths = self.lengths[texts][:, None]
        columns = np.arange(lengths.max())[None, :]
        mask = columns < lengths
        rows = np.full(mask.shape, PAD, np.int64)
        rows[mask] = self._ids[(self._starts[texts][:, None] + columns)[mask]]
        return rows
