"""The token ids of many texts in one array."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nlptool.training.unigram import PAD_ID


class TokenIds:
    """The ids of texts, truncated to ``longest`` tokens. A text without tokens gets one padding token."""

    def __init__(self, texts: Sequence[Sequence[int]], longest: int) -> None:
        texts = [ids[:longest] or [PAD_ID] for ids in texts]
        self._lengths = np.array([len(ids) for ids in texts], np.int64)
        self._starts = np.cumsum(self._lengths) - self._lengths
        self._ids = np.fromiter((token for ids in texts for token in ids), np.int32, int(self._lengths.sum()))

    def __len__(self) -> int:
        return len(self._lengths)

    @property
    def largest(self) -> int:
        """Return the largest id."""
        return int(self._ids.max(initial=0))

    def n_tokens(self, texts: NDArray[np.int64]) -> int:
        """Return the number of tokens of ``texts`` (indices)."""
        return int(self._lengths[texts].sum())

    def take(self, texts: NDArray[np.int64], device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
        """Return the concatenated ids of ``texts`` (n,) int64, and their lengths (B,) int64."""
        lengths = self._lengths[texts]
        ends = np.cumsum(lengths)
        positions = np.arange(ends[-1]) + np.repeat(self._starts[texts] - ends + lengths, lengths)
        return torch.from_numpy(self._ids[positions].astype(np.int64)).to(device), torch.from_numpy(lengths).to(device)

    def shares(self, size: int) -> NDArray[np.float32]:
        """Return the share of each id among all tokens, (size,) float32."""
        counts = np.bincount(self._ids, minlength=size)
        return np.asarray(counts / counts.sum(), np.float32)
