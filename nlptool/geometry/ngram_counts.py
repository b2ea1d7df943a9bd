"""The different n-grams of arrays of ids and their counts, by sorting numbers of 64 bits.

An n-gram that ends at a token is the number of the (n - 1)-gram that ends at the token before, in the upper 32 bits, and the id
of the token in the lower ones: one number for any n, as the (n - 1)-grams are numbered in their order when n has its turn.
Sorting these numbers puts the n-grams in the order of their ids.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.uint32]

_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Different rows of ids in ascending order, and how often each comes."""

    columns: tuple[Ids, ...]  # (L,) each
    counts: NDArray[np.int64]  # (L,)

    def __len__(self) -> int:
        return len(self.counts)

    def __getitem__(self, chosen: slice | NDArray[np.bool_] | NDArray[np.int64]) -> Rows:
        return Rows(tuple(column[chosen] for column in self.columns), self.counts[chosen])


@dataclass(frozen=True, slots=True, eq=False)
class Numbered:
    """Different keys in ascending order, and where each key of an array stands among them."""

    keys: NDArray[np.uint64]  # (L,)
    numbers: Ids  # (N,), keys[numbers] is the array


def packed(upper: Ids, lower: Ids) -> NDArray[np.uint64]:
    """Return the numbers of 64 bits that have ``upper`` in their upper 32 bits and ``lower`` in the others, (N,)."""
    keys = upper.astype(np.uint64)
    keys <<= _HALF
    keys |= lower
    return keys


def unpacked(keys: NDArray[np.uint64]) -> tuple[Ids, Ids]:
    """Return the upper and the lower 32 bits of numbers, (N,) each."""
    return (keys >> _HALF).astype(np.uint32), (keys & _LOW).astype(np.uint32)


def numbered(keys: NDArray[np.uint64]) -> Numbered:
    """Number the different keys of an array in ascending order. Sorts the array itself."""
    order = np.argsort(keys)
    keys.sort()
    is_new = _is_new(keys)
    numbers = np.empty(len(keys), np.uint32)
    numbers[order] = np.cumsum(is_new, dtype=np.uint32) - np.uint32(1)
    return Numbered(keys[is_new], numbers)


def distinct(keys: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Return the different keys in ascending order, and how often each comes. Sorts the array itself."""
    keys.sort()
    starts = np.flatnonzero(_is_new(keys))
    return keys[starts], np.diff(starts, append=len(keys))


def _is_new(keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Return where a key of a sorted array is not the one before it."""
    is_new = np.ones(len(keys), np.bool_)
    np.not_equal(keys[1:], keys[:-1], out=is_new[1:])
    return is_new


def count(columns: Sequence[Ids], counts: NDArray[np.int64] | None = None) -> Rows:
    """Count the different rows of ids.

    Args:
        columns: columns[j][i] is the id at place j of row i, (N,) each.
        counts: how often each row comes, (N,); None: once.
    """
    levels: list[NDArray[np.uint64]] = []
    numbers = columns[0]
    for column in columns[1:-1]:
        found = numbered(packed(numbers, column))
        levels.append(found.keys)
        numbers = found.numbers
    keys = packed(numbers, columns[-1]) if len(columns) > 1 else numbers.astype(np.uint64)
    if counts is None:
        keys, totals = distinct(keys)
    else:
        found = numbered(keys)
        keys, totals = found.keys, np.bincount(found.numbers, counts, len(found.keys)).astype(np.int64)
    return Rows(_columns(keys, levels, len(columns)), totals)


def _columns(keys: NDArray[np.uint64], levels: Sequence[NDArray[np.uint64]], n_columns: int) -> tuple[Ids, ...]:
    """Return the ids of rows, of which the keys hold the last and the number of the others in the last of ``levels``."""
    if n_columns == 1:
        return (keys.astype(np.uint32),)
    upper, lower = unpacked(keys)
    columns = [lower]
    for level in reversed(levels):
        upper, lower = unpacked(level[upper])
        columns.append(lower)
    return (upper, *reversed(columns))


def ngrams(
    ids: Ids, places: NDArray[np.integer], lengths: Collection[int], groups: Ids | None = None
) -> Iterator[Rows]:
    """Count the n-grams of some lengths.

    Args:
        ids: of the tokens of all texts, (T,).
        places: the tokens before each that an n-gram which ends with it can have, (T,); negative: it is of none.
        lengths: n, from 1 on.
        groups: of the tokens, (T,); n-grams of different groups are different. No n-gram has tokens of several groups.

    Yields:
        For each n, ascending, the ids of the n-grams, and as a last column their groups.
    """
    levels: list[NDArray[np.uint64]] = []  # the keys of the n-grams of each length from 2 on
    numbers = ids  # of the n-gram that ends at each token
    for n in range(1, max(lengths) + 1):
        at = np.flatnonzero(places >= n - 1)
        if n == 1:
            if n in lengths:
                yield count([ids[at]] if groups is None else [ids[at], groups[at]])
            continue
        keys = packed(numbers[at - 1], ids[at])
        if n == max(lengths) and groups is None:
            keys, counts = distinct(keys)
            yield Rows(_columns(keys, levels, n), counts)
            return
        found = numbered(keys)
        if n in lengths and groups is None:
            counts = np.bincount(found.numbers, minlength=len(found.keys))
            yield Rows(_columns(found.keys, levels, n), counts)
        elif n in lengths and groups is not None:
            keys, counts = distinct(packed(found.numbers, groups[at]))
            upper, lower = unpacked(keys)
            yield Rows((*(column[upper] for column in _columns(found.keys, levels, n)), lower), counts)
        levels.append(found.keys)
        numbers = np.zeros(len(ids), np.uint32)
        numbers[at] = found.numbers
