"""MinHash signatures of texts: short codes whose agreement estimates how many n-grams of characters two texts share.

A. Z. Broder: On the Resemblance and Containment of Documents (1997). The signatures are those of the library rensa: two
positions agree with a probability equal to the Jaccard similarity of the two sets.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import rensa
from numpy.typing import NDArray

N_HASHES = 128
"""Positions of a signature: the standard error of an estimate is at most sqrt(0.25 / 128) = 0.044."""

_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_MISSED = 1e-4  # of pairs, whose signatures agree less than is taken for possible
_RECALL = 0.99  # of pairs at the threshold, of which a band has to agree


def ngrams(text: str, n: int) -> NDArray[np.uint64]:
    """Return a hash of each different n-gram of characters of a text, sorted; of a text that is shorter than n, of itself."""
    return np.unique(_hashes([text], n)[0])


def jaccard(ngrams: NDArray[np.uint64], others: Sequence[NDArray[np.uint64]]) -> NDArray[np.float64]:
    """Return what share of the n-grams of a text and of each other text is in both, from 0 to 1, (N,).

    Args:
        ngrams: of the text, as the function of this name returns them.
        others: those of each other text.
    """
    lengths = np.array([len(other) for other in others])
    every = np.concatenate(others)
    places = np.minimum(np.searchsorted(ngrams, every), len(ngrams) - 1)
    common = np.add.reduceat(ngrams[places] == every, np.cumsum(lengths) - lengths, dtype=np.int64)
    shares: NDArray[np.float64] = common / (len(ngrams) + lengths - common)
    return shares


@lru_cache(4096)
def least_agreement(similarity: float) -> int:
    """Return in how many positions two signatures agree at least, but for one in 10,000 pairs of texts of a similarity."""
    chance = 0.0  # that so many positions agree, or fewer
    for count in range(N_HASHES + 1):
        chance += math.comb(N_HASHES, count) * similarity**count * (1 - similarity) ** (N_HASHES - count)
        if chance > _MISSED:
            return count
    return N_HASHES


def signatures(texts: Sequence[str], n: int, *, seed: int = 1) -> NDArray[np.uint32]:
    """Return the MinHash signatures of the n-grams of characters of texts, (N, 128) uint32."""
    if not texts:
        return np.empty((0, N_HASHES), np.uint32)
    hashes, offsets = _hashes(texts, n)
    matrix = rensa.RMinHash.digest_matrix_from_flat_token_hashes(hashes, offsets, N_HASHES, seed)
    return np.array(matrix.to_rows(), np.uint32)


def _hashes(texts: Sequence[str], n: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return the hashes of the n-grams of texts, one text after the other, and where each text begins: (H,) and (N + 1,)."""
    padded = [text.ljust(n, "\0") for text in texts]
    lengths = np.array([len(text) for text in padded])
    codes = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    n_windows = len(codes) - n + 1
    hashes = np.zeros(n_windows, np.uint64)
    for place in range(n):
        hashes *= _FACTOR
        hashes += codes[place : place + n_windows] + np.uint64(1)
    begins = np.zeros(n_windows + n - 1, bool)
    ends = np.cumsum(lengths)
    for place in range(1, n):  # the last n - 1 characters of each text begin n-grams that reach into the next one
        begins[ends - place] = True
    hashes = hashes[~begins[:n_windows]]
    hashes ^= hashes >> np.uint64(31)
    hashes *= _FACTOR
    hashes ^= hashes >> np.uint64(29)
    return hashes, np.concatenate([[0], np.cumsum(lengths - n + 1)]).astype(np.uint64)


def band_size(threshold: float) -> int:
    """Return how many positions a band has: the most with which at least 99 % of the pairs at the threshold agree in one.

    Pairs with the similarity s agree in one of b bands of r positions with the probability 1 - (1 - s^r)^b (J. Leskovec,
    A. Rajaraman and J. D. Ullman: Mining of Massive Datasets, section 3.4).
    """
    return max((r for r in range(1, N_HASHES + 1) if 1 - (1 - threshold**r) ** (N_HASHES // r) >= _RECALL), default=1)


def buckets(codes: NDArray[np.uint32], threshold: float) -> NDArray[np.int32]:
    """Return for each text and band the number of the bucket of texts that agree in it, (N, bands); -1: it is alone there.

    Args:
        codes: signatures, (N, 128).
        threshold: the similarity of the pairs that are to share a bucket.
    """
    size = band_size(threshold)
    n_bands = N_HASHES // size
    found = np.full((len(codes), n_bands), -1, np.int32)
    n_buckets = 0
    for band in range(n_bands):
        keys = _mixed(codes[:, band * size : (band + 1) * size])
        _, of_text, sizes = np.unique(keys, return_inverse=True, return_counts=True)
        shared = sizes > 1
        numbers = np.where(shared, np.cumsum(shared) - 1 + n_buckets, -1)
        found[:, band] = numbers[of_text]
        n_buckets += int(shared.sum())
    return found


def _mixed(columns: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """Return a hash of each row, (N,)."""
    keys = np.zeros(len(columns), np.uint64)
    for column in columns.T:
        keys ^= column
        keys *= _FACTOR
        keys ^= keys >> np.uint64(32)
    return keys
