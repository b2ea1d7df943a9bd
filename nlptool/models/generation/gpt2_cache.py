"""The keys and values of the tokens that a GPT-2 has read: room for them grows by doubling, so that a token is copied seldom."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_MORE = 64  # tokens that there is room for beside those of the prompt


class Cache:
    """Keys and values of L layers, each (B, H, T, d). A cache is changed in place.

    Args:
        n_tokens: that there is to be room for at first.

    Attributes:
        length: T, the tokens in it.
    """

    def __init__(self, n_layers: int, n_texts: int, n_heads: int, n_tokens: int, size: int) -> None:
        self.length = 0
        shape = (n_layers, 2, n_texts, n_heads, n_tokens + _MORE, size)
        self._stored = np.empty(shape, np.float32)

    def add(self, layer: int, keys: Floats, values: Floats) -> tuple[Floats, Floats]:
        """Add those of new tokens, (B, H, N, d) each, in one layer; return those of all tokens, which are valid until the next
        call of ``advance`` or ``reorder``."""
        end = self.length + keys.shape[2]
        if end > self._stored.shape[4]:
            self._grow(end)
        self._stored[layer, 0, :, :, self.length : end] = keys
        self._stored[layer, 1, :, :, self.length : end] = values
        return self._stored[layer, 0, :, :, :end], self._stored[layer, 1, :, :, :end]

    def advance(self, n_tokens: int) -> None:
        """Count tokens that were added in every layer."""
        self.length += n_tokens

    def reorder(self, rows: NDArray[np.int64]) -> None:
        """Keep the texts ``rows`` (N,), in this order; one may occur several times, or not at all."""
        n = self.length
        if (np.diff(rows) > 0).all():  # some are left out: the others move up
            for place, row in enumerate(rows):
                if place != row:
                    self._stored[:, :, place, :, :n] = self._stored[:, :, row, :, :n]
            self._stored = self._stored[:, :, : len(rows)]
            return
        kept = self._stored
        self._stored = np.empty((*kept.shape[:2], len(rows), *kept.shape[3:]), np.float32)
        self._stored[..., :n, :] = kept[:, :, rows, :, :n]

    def _grow(self, least: int) -> None:
        kept = self._stored
        room = max(least, 2 * kept.shape[4])
        self._stored = np.empty((*kept.shape[:4], room, kept.shape[5]), np.float32)
        self._stored[..., : kept.shape[4], :] = kept
