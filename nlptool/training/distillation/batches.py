"""Batches in which every text has near neighbours, and far ones.

A student that only ever sees unrelated texts side by side learns to tell them apart, and nothing about degrees of
likeness. The texts are split in halves again and again, each time by which of two of them they are nearer to (a random
projection tree: S. Dasgupta, Y. Freund, STOC 2008), until few are left; a batch takes several of these neighbourhoods.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


def batches(
    vectors: NDArray[np.float32], rng: np.random.Generator, *, together: int, neighbourhood: int
) -> Iterator[NDArray[np.int64]]:
    """Go once through the rows of ``vectors`` (N, D), in batches of about ``together`` indices; every one comes once.

    Args:
        neighbourhood: rows at most that stay together because they are near each other.
    """
    found = _leaves(vectors, rng, neighbourhood)
    order = rng.permutation(len(found))
    if not found:
        return
    n_leaves = max(1, round(together / (len(vectors) / len(found))))
    for start in range(0, len(order), n_leaves):
        yield np.concatenate([found[leaf] for leaf in order[start : start + n_leaves]])


def _leaves(vectors: NDArray[np.float32], rng: np.random.Generator, size: int) -> list[NDArray[np.int64]]:
    waiting, found = [np.arange(len(vectors))], []
    while waiting:
        rows = waiting.pop()
        if len(rows) <= size:
            found.append(rows)
            continue
        first, second = rng.choice(rows, 2, replace=False)
        nearer = vectors[rows] @ (vectors[first] - vectors[second])
        order = np.argsort(nearer, kind="stable")
        waiting += [rows[order[: len(rows) // 2]], rows[order[len(rows) // 2 :]]]
    return [rows for rows in found if len(rows)]
