"""Train/dev splits of texts and pairs of texts, such that no text is in both parts."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray


def split_dev(pairs: Sequence[tuple[str, str]], share: float, seed: int) -> NDArray[np.bool_]:
    """Return which pairs are held out, (N,) bool.

    Pairs that share a text, directly or through other pairs, form a group (a connected component) that stays together; groups
    are held out in random order until ``share`` of all pairs is reached.
    """
    groups = groups_of(pairs)
    order = np.random.default_rng(seed).permutation(int(groups.max(initial=-1)) + 1)
    return _held_out(groups, order, share * len(pairs))


def stratified(
    texts: Sequence[tuple[str, ...]], strata: Sequence[Hashable], share: float, seed: int
) -> NDArray[np.bool_]:
    """Return which examples are held out, (N,) bool.

    Examples that share a text, directly or through others, stay together (``groups_of``). The groups are tried in random order,
    those with examples of the rarest stratum first (Sechidis et al. 2011, On the Stratification of Multi-Label Data): one is held
    out if that brings the strata nearer to ``share`` of their examples; then those that bring the whole nearer to ``share`` of
    all, which strata of a few examples need.

    Args:
        texts: one or two of each example.
        strata: the class of each example, say; no stratum gives more than ``share`` of its examples, rounded up, or its last one.
        share: from 0 to 1.
    """
    groups = groups_of(texts)
    members: list[list[int]] = [[] for _ in range(int(groups.max(initial=-1)) + 1)]
    ids: dict[Hashable, int] = {}
    for group, stratum in zip(groups.tolist(), strata, strict=True):
        members[group].append(ids.setdefault(stratum, len(ids)))
    sizes = Counter(itertools.chain.from_iterable(members))
    targets = [share * sizes[stratum] for stratum in range(len(sizes))]
    most = [min(math.ceil(round(target, 6)), sizes[stratum] - 1) for stratum, target in enumerate(targets)]
    counts = [list(Counter(strata_of_group).items()) for strata_of_group in members]
    held_out, so_far = np.zeros(len(counts), bool), [0] * len(sizes)
    order = np.random.default_rng(seed).permutation(len(counts)).tolist()
    order.sort(key=lambda group: min(sizes[stratum] for stratum, _ in counts[group]))
    for weight_of_all in (0, 1):
        missing = share * len(texts) - sum(so_far)
        for group in order:
            if held_out[group] or any(so_far[stratum] + n > most[stratum] for stratum, n in counts[group]):
                continue
            size = len(members[group])
            further = weight_of_all * (abs(missing - size) - abs(missing))
            for stratum, n in counts[group]:
                distance = targets[stratum] - so_far[stratum]
                further += abs(distance - n) - abs(distance)
            if further < 0:
                held_out[group] = True
                missing -= size
                for stratum, n in counts[group]:
                    so_far[stratum] += n
    return held_out[groups]


def groups_of(texts: Sequence[tuple[str, ...]]) -> NDArray[np.int64]:
    """Return the group of each example, (N,) int64, from 0: those that share a text, directly or through others, have the same.

    Args:
        texts: one or two of each example; a group is a connected component of the graph whose edges they are.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ids: dict[str, int] = {}
    ends = [(ids.setdefault(each[0], len(ids)), ids.setdefault(each[-1], len(ids))) for each in texts]
    if not ends:
        return np.zeros(0, np.int64)
    edges = np.array(ends, np.int64)
    graph = coo_array((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(len(ids), len(ids)))
    _, group_of_text = connected_components(graph, directed=False)
    return np.asarray(group_of_text[edges[:, 0]], np.int64)


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
