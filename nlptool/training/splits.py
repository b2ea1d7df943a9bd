"""Train/dev splits of pairs, such that no text is in both parts."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def split_dev(pairs: Sequence[tuple[str, str]], share: float, seed: int) -> NDArray[np.bool_]:
    """Return which pairs are held out, (N,) bool.

    Pairs that share a text, directly or through other pairs, form a group (a connected component) that stays together; groups
    are held out in random order until ``share`` of all pairs is reached.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ids: dict[str, int] = {}
    edges = np.array([[ids.setdefault(text, len(ids)) for text in pair] for pair in pairs], np.int64).reshape(-1, 2)
    graph = coo_array((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(len(ids), len(ids)))
    n_groups, group_of_text = connected_components(graph, directed=False)
    group_of_pair = group_of_text[edges[:, 0]]
    return _held_out(group_of_pair, np.random.default_rng(seed).permutation(n_groups), share * len(pairs))


def dev_by_source(
    pairs: Sequence[tuple[str, str]], share: float, most: int
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return the training pairs and the dev pairs, always the same ones. Pairs with the same source stay together.

    Args:
        share: of the pairs, held out at most.
        most: number of pairs that are held out at most.
    """
    sources: dict[str, int] = {}
    source_of_pair = np.array([sources.setdefault(source, len(sources)) for source, _ in pairs], np.int64)
    order = np.random.default_rng(0).permutation(len(sources))
    dev = _held_out(source_of_pair, order, min(most, share * len(pairs))).tolist()
    return list(itertools.compress(pairs, [not is_dev for is_dev in dev])), list(itertools.compress(pairs, dev))


def _held_out(groups: NDArray[np.int64], order: NDArray[np.int64], most: float) -> NDArray[np.bool_]:
    """Return which pairs are in the first groups of ``order`` that have at most ``most`` pairs together, (N,) bool.

    Args:
        groups: (N,), the group of each pair.
    """
    sizes = np.bincount(groups, minlength=len(order))[order]
    return np.isin(groups, order[np.cumsum(sizes) <= most])
