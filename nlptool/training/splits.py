"""Which scored pairs are kept out of a training, so that none of their texts is in it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def split_dev(pairs: Sequence[tuple[str, str]], share: float, seed: int) -> NDArray[np.bool_]:
    """(N,): whether a pair is held out. No text is in a pair of both kinds: pairs that share a text, directly or by way of
    other pairs, stay together, and the groups come in a random order until ``share`` of all pairs is reached.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    places: dict[str, int] = {}
    sides = np.array([[places.setdefault(text, len(places)) for text in pair] for pair in pairs], np.int64).reshape(
        -1, 2
    )
    edges = coo_array((np.ones(len(sides)), (sides[:, 0], sides[:, 1])), shape=(len(places), len(places)))
    n_groups, groups = connected_components(edges, directed=False)
    of_pairs = groups[sides[:, 0]]
    order = np.random.default_rng(seed).permutation(n_groups)
    sizes = np.bincount(of_pairs, minlength=n_groups)[order]
    chosen = order[np.cumsum(sizes) <= share * len(pairs)]
    return np.isin(of_pairs, chosen)


def dev_by_source(
    pairs: Sequence[tuple[str, str]], share: float, most: int
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Pairs to learn from, and a share of them that is held out, always the same: no source is in both, pairs with the same one
    stay together. ``most`` pairs are held out, if no source has more."""
    sources: dict[str, int] = {}
    of_pairs = np.array([sources.setdefault(source, len(sources)) for source, _ in pairs], np.int64)
    order = np.random.default_rng(0).permutation(len(sources))
    sizes = np.bincount(of_pairs, minlength=len(sources))[order]
    apart = np.isin(of_pairs, order[np.cumsum(sizes) <= min(most, share * len(pairs))])
    return (
        [pair for pair, held in zip(pairs, apart, strict=True) if not held],
        [pair for pair, held in zip(pairs, apart, strict=True) if held],
    )
