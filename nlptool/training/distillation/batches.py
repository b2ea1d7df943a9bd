"""Batches in which every text has near neighbours and distant texts.

A student whose batches hold only unrelated texts learns to tell them apart, and nothing about degrees of similarity. The texts
are split in halves recursively, each time by which of two random texts they are nearer to (a random projection tree: S.
Dasgupta, Y. Freund, STOC 2008), until few are left in a leaf; a batch is made of several leaves.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


def batches(
    vectors: NDArray[np.float32], rng: np.random.Generator, *, together: int, neighbourhood: int
) -> Iterator[NDArray[np.int64]]:
    """Yield the indices of the rows of ``vectors`` (N, D), each once, in batches of about ``together``.

    Args:
        neighbourhood: rows of a leaf at most, which are near each other.
    """
    leaves = _leaves(vectors, rng, neighbourhood)
    order = rng.permutation(len(leaves))
    if not leaves:
        return
    n_leaves = max(1, round(together / (len(vectors) / len(leaves))))
    for start in range(0, len(order), n_leaves):
        yield np.concatenate([leaves[leaf] for leaf in order[start : start + n_leaves]])


def _leaves(vectors: NDArray[np.float32], rng: np.random.Generator, size: int) -> list[NDArray[np.int64]]:
    nodes, leaves = [np.arange(len(vectors))], []
    while nodes:
        rows = nodes.pop()
        if len(rows) <= size:
            leaves.append(rows)
            continue
        first, second = rng.choice(rows, 2, replace=False)
        projection = vectors[rows] @ (vectors[first] - vectors[second])
        order = np.argsort(projection, kind="stable")
        nodes += [rows[order[: len(rows) // 2]], rows[order[len(rows) // 2 :]]]
    return [rows for rows in leaves if len(rows)]
