"""fastText's character n-grams, which give vectors to words that the vocabulary lacks.

Source: P. Bojanowski et al.: Enriching Word Vectors with Subword Information (TACL 2017); the hash is that of
https://github.com/facebookresearch/fastText/blob/main/src/dictionary.cc.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_FNV_OFFSET, _FNV_PRIME = np.uint32(2166136261), np.uint32(16777619)


@dataclass(frozen=True, slots=True)
class Ngrams:
    """The vectors of hashed n-grams; several n-grams share a row."""

    vectors: NDArray[np.float32]  # (buckets, D)
    min_n: int  # characters
    max_n: int

    def vector(self, word: str) -> NDArray[np.float32] | None:
        """Return the mean vector of the n-grams of ``word``, (D,) float32; None if it is too short to have any."""
        _, rows = buckets([word.encode(errors="surrogatepass")], self.min_n, self.max_n, len(self.vectors))
        return np.asarray(self.vectors[rows].mean(axis=0, dtype=np.float32)) if len(rows) else None


def buckets(words: list[bytes], min_n: int, max_n: int, n_buckets: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows of the words' character n-grams, ordered by position and length.

    All words are hashed at once (FNV-1a over signed bytes): in each step, the n-grams that begin at each character grow by one
    character.

    Returns:
        first, (V + 1,), and rows: the n-grams of word i have the rows[first[i] : first[i + 1]]. Both int64.
    """
    lengths = np.array([len(word) + 2 for word in words])
    letters = np.frombuffer(b"".join(b"<%b>" % word for word in words) + b"\0", np.uint8)
    ends = np.repeat(np.cumsum(lengths), lengths)  # for each byte, the end of its word
    continues = (letters & 0xC0) == 0x80  # the bytes of a character after the first
    signed = letters.view(np.int8).astype(np.int32).view(np.uint32)
    starts = np.flatnonzero(~continues[:-1])
    positions, hashes = starts.copy(), np.full(len(starts), _FNV_OFFSET, np.uint32)
    begins = np.cumsum(lengths) - lengths
    parts: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    for n in range(1, max_n + 1):
        inside = positions < ends[starts]
        starts, positions, hashes = starts[inside], positions[inside], hashes[inside]
        if not len(starts):
            break
        growing = np.arange(len(starts))
        while len(growing):
            hashes[growing] = (hashes[growing] ^ signed[positions[growing]]) * _FNV_PRIME
            positions[growing] += 1
            growing = growing[continues[positions[growing]]]
        if n >= min_n:
            brackets = np.isin(starts, begins) | (positions == ends[starts])  # < and > alone are no n-grams
            counted = slice(None) if n > 1 else ~brackets
            keys = starts[counted] * (max_n + 1) + n
            parts.append((keys, (hashes[counted] % np.uint32(n_buckets)).astype(np.int64)))
    if not parts:
        return np.zeros(len(words) + 1, np.int64), np.zeros(0, np.int64)
    keys = np.concatenate([key for key, _ in parts])
    order = np.argsort(keys, kind="stable")
    first = np.searchsorted(keys[order], np.append(begins, lengths.sum()) * (max_n + 1))
    return first, np.concatenate([bucket for _, bucket in parts])[order]
