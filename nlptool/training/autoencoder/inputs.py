"""What an autoencoder learns from: counts of words, sparse, or embeddings; and the loss of a reconstruction."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nlptool.models.autoencoders.shape import WORDS
from nlptool.models.autoencoders.word_counts import scaled


@dataclass(frozen=True, slots=True)
class Batch:
    """The rows of some texts, and how many known words these have together."""

    rows: NDArray[np.int64]
    n_tokens: int


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs of N texts.

    Attributes:
        reads: words | embeddings.
        data: (N, V): counts, in a sparse matrix of scipy; or standardized embeddings, an array of float32.
        length: the sum to which the counts of a text are scaled.
    """

    reads: str
    data: Any
    length: float = 1.0

    def __len__(self) -> int:
        return int(self.data.shape[0])

    def take(self, rows: NDArray[np.int64]) -> Tensor:
        """Return the inputs of some texts, (B, V) float32."""
        if self.reads == WORDS:
            return torch.from_numpy(scaled(self.data[rows].toarray(), self.length).astype(np.float32))
        return torch.from_numpy(np.asarray(self.data[rows], np.float32))

    def means(self) -> Tensor:
        """Return the mean of each input, (V,); of words the share of each among all, none of them 0."""
        if self.reads == WORDS:
            counts = np.asarray(self.data.sum(axis=0), np.float64).ravel() + 1.0
            return torch.from_numpy((counts / counts.sum()).astype(np.float32))
        return torch.from_numpy(np.asarray(self.data.mean(axis=0), np.float32))

    def logarithms(self) -> Any:
        """Return log(1 + n) of counts n, as latent semantic analysis takes them, sparse."""
        return self.data.log1p()

    def sizes(self) -> NDArray[np.int64]:
        """Return the number of known words of each text, (N,); 1 of an embedding."""
        if self.reads == WORDS:
            return np.asarray(self.data.sum(axis=1)).ravel().astype(np.int64)
        return np.ones(len(self), np.int64)

    def parts(self, size: int) -> Iterator[Tensor]:
        """Yield all inputs, ``size`` texts at once."""
        for first in range(0, len(self), size):
            yield self.take(np.arange(first, min(first + size, len(self))))

    @property
    def name(self) -> str:
        """A digest of the data."""
        digest = hashlib.sha256(repr((self.reads, self.data.shape, self.length)).encode())
        arrays: list[Any] = (
            [self.data.data, self.data.indices, self.data.indptr] if self.reads == WORDS else [self.data]
        )
        for array in arrays:
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def reconstruction_losses(reads: str, outputs: Tensor, inputs: Tensor) -> Tensor:
    """Return the loss of each text, (B,).

    Of words it is the cross-entropy, in nats a word, of the softmax of the outputs against the share of each word in the text; of
    embeddings the mean squared error of a component, whose variance is 1.

    Args:
        outputs: (B, V), before the softmax.
        inputs: (B, V).
    """
    if reads == WORDS:
        shares = inputs / inputs.sum(1, keepdim=True)
        return -(shares * outputs.log_softmax(1)).sum(1)
    return (outputs - inputs).square().mean(1)
