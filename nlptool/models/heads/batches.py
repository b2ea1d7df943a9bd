"""A network with heads at work on sequences: in batches of similar length, packed by a budget of tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nlptool.models.runtime.batching import pack, pad
from nlptool.specs import HeadsSpec


class Network(Protocol):
    """Token ids to the logits of every task."""

    engine: str
    batch_tokens: int

    def __call__(
        self, ids: NDArray[np.int64], mask: NDArray[np.int64], types: NDArray[np.int64]
    ) -> list[NDArray[np.float32]]:
        """Return the logits of each task, (B, K) or of tokens (B, T, K), for (B, T) token ids, their mask and the number of
        their text."""


class Row(Protocol):
    """One sequence of the network."""

    @property
    def ids(self) -> list[int]:
        """(T,), special tokens included."""

    @property
    def types(self) -> list[int]:
        """(T,), 1 for the second text."""


class BatchedNetwork:
    """A network that is given any number of sequences.

    Args:
        about: the manifest: ``pad_id``, and ``masks``, whether sequences of different lengths can be batched.
    """

    def __init__(self, network: Network, about: Mapping[str, Any], spec: HeadsSpec) -> None:
        self._network = network
        self._pad_id = int(about["pad_id"])
        self._budget = 1 if spec.deterministic or not about["masks"] else spec.batch_tokens or network.batch_tokens

    def logits(self, rows: Sequence[Row], task: int = 0) -> list[NDArray[np.float32]]:
        """Return the logits of a task for each sequence, (K,) or of its tokens (T, K).

        Args:
            task: its number.
        """
        found = [np.empty(0, np.float32)] * len(rows)
        for batch in pack([len(row.ids) for row in rows], self._budget):
            ids, mask = pad([rows[index].ids for index in batch], self._pad_id)
            types, _ = pad([rows[index].types for index in batch], 0)
            logits = self._network(ids, mask, types)[task]
            for place, index in enumerate(batch):
                found[index] = logits[place] if logits.ndim < 3 else logits[place, : len(rows[index].ids)]
        return found
