"""fastText's character n-grams, by which words are known that a vocabulary lacks.

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
    """The vectors of n-grams; several n-grams share a row."""

    vectors: NDArray[np.float32]  # (buckets, D)
    min_n: int  # characters
    max_n: int

    def vector(self, word: str) -> NDArray[np.float32] | None:
        """The mean over the n-grams of ``word``, (D,); None if it is too short to have any."""
        _, rows = buckets([word.encode(errors="surrogatepass")], self.min_n, self.max_n, len(self.vectors))
        return np.asarray(self.vectors[rows].mean(axis=0, dtype=np.float32)) if len(rows) else None


def buckets(words: list[bytes], min_n: int, max_n: int, n_buckets: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows of the words' character n-grams: those of word i are buckets[first[i]:first[i + 1]], by their place and length.

    All words at once: the hashes (FNV-1a over bytes with a sign) of the n-grams that begin at each letter grow by a
    character a step.
    """
    lengths = np.array([len(word) + 2 for word in words])
    letters = np.frombuffer(b"".join(b"<%b>" % word for word in words) + b"\0", np.uint8)
    ends = np.repeat(np.cumsum(lengths), lengths)  # for each letter where its word ends
    continues = (letters & 0xC0) == 0x80  # a character's second byte and those after it
    signed = letters.view(np.int8).astype(np.int32).view(np.uint32)
    starts = np.flatnonzero(~continues[:-1])
    places, hashes = starts.copy(), np.full(len(starts), _FNV_OFFSET, np.uint32)
    begins = np.cumsum(lengths) - lengths
    found: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    for n in range(1, max_n + 1):
        inside = places < ends[starts]
        starts, places, hashes = starts[inside], places[inside], hashes[inside]
        if not len(starts):
            break
        growing = np.arange(len(starts))
        while len(growing):
            hashes[growing] = (hashes[growing] ^ signed[places[growing]]) * _FNV_PRIME
            places[growing] += 1
            growing = growing[continues[places[growing]]]
        if n >= min_n:
            marks = np.isin(starts, begins) | (places == ends[starts])  # < and > alone are no n-grams
            counted = slice(None) if n > 1 else ~marks
            keys = starts[counted] * (max_n + 1) + n
            found.append((keys, (hashes[counted] % np.uint32(n_buckets)).astype(np.int64)))
    if not found:
        return np.zeros(len(words) + 1, np.int64), np.zeros(0, np.int64)
    keys = np.concatenate([key for key, _ in found])
    order = np.argsort(keys, kind="stable")
    first = np.searchsorted(keys[order], np.append(begins, lengths.sum()) * (max_n + 1))
    return first, np.concatenate([bucket for _, bucket in found])[order]
