"""What a search asks of numpy: see ``arrays.Arrays``. Tokens are filtered and drawn as in ``sampling``, which is in torch."""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager

import numpy as np
from numpy.typing import NDArray

from nlptool.models.generation.arrays import no_numbers
from nlptool.models.generation.decoding import Decoding

Floats = NDArray[np.float32]


class NumpyArrays:
    """``arrays.Arrays`` of numpy."""

    def computing(self) -> AbstractContextManager[object]:
        return contextlib.nullcontext()

    def copy(self, logits: Floats) -> Floats:
        return logits.copy()

    def normalizers(self, logits: Floats) -> Floats:
        largest = logits.max(-1, keepdims=True)
        if not np.isfinite(largest).all():
            raise no_numbers()
        exponentials = logits - largest
        np.exp(exponentials, out=exponentials)
        sums: Floats = np.log(exponentials.sum(-1)) + largest[:, 0]
        if not np.isfinite(sums).all():
            raise no_numbers()
        return sums

    def most_probable(self, logits: Floats) -> NDArray[np.int64]:
        tokens: NDArray[np.int64] = logits.argmax(-1)
        return tokens

    def sample(self, logits: Floats, decoding: Decoding, uniform: NDArray[np.float64]) -> NDArray[np.int64]:
        return sample(filter_logits(logits, decoding), uniform)

    def values(self, logits: Floats, tokens: NDArray[np.int64]) -> Floats:
        return logits[np.arange(len(tokens)), tokens]

    def ids(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        return tokens

    def rows(self, indices: NDArray[np.int64], like: Floats) -> NDArray[np.int64]:
        return indices


def filter_logits(logits: Floats, decoding: Decoding) -> Floats:
    """Return what ``sampling.filter_logits`` does."""
    scores = logits / np.float32(decoding.temperature)
    if 0 < decoding.top_k < scores.shape[1]:
        least = np.partition(scores, -decoding.top_k, axis=1)[:, -decoding.top_k, None]
        scores[scores < least] = -np.inf
    if decoding.top_p < 1:
        _keep_nucleus(scores, decoding.top_p)
    return scores


def _keep_nucleus(scores: Floats, top_p: float) -> None:
    """Set to -inf, in place, what is not among the most probable tokens, whose probabilities sum up to ``top_p``. Values alone
    are sorted, which is several times as fast as sorting their indices. Of equal tokens those with the larger ids are kept."""
    for row in scores:  # (V,): one after the other, since one alone stays in the processor's cache
        ordered = np.sort(row)
        if ordered[-1] == -np.inf:  # every token is excluded
            continue
        cumulative = np.cumsum(_exponentials(ordered))
        n_excluded = min(cumulative.searchsorted((1 - top_p) * cumulative[-1], "right"), len(row) - 1)
        least = ordered[n_excluded]
        equal = np.flatnonzero(row == least)[: n_excluded - ordered.searchsorted(least)]
        row[row < least] = -np.inf
        row[equal] = -np.inf


def sample(scores: Floats, uniform: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return what ``sampling.sample`` does."""
    tokens = np.empty(len(scores), np.int64)
    for place, (row, number) in enumerate(zip(scores, uniform, strict=True)):
        possible = np.flatnonzero(row > -np.inf)
        if not len(possible):
            tokens[place] = 0
            continue
        cumulative = np.cumsum(_exponentials(row[possible]))
        threshold = min(number * cumulative[-1], np.nextafter(cumulative[-1], 0))
        tokens[place] = possible[cumulative.searchsorted(threshold, "right")]
    return tokens


def _exponentials(scores: Floats) -> NDArray[np.float64]:
    """Return numbers in proportion to the probabilities of tokens (V,)."""
    exponentials = scores.astype(np.float64)
    exponentials -= exponentials.max()
    return np.exp(exponentials, out=exponentials)
