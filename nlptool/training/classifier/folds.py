"""The folds of a cross-validation: stratified, and without examples of one group in two folds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def fold_numbers(
    strata: NDArray[np.int64], groups: NDArray[np.int64] | None, n_folds: int, seed: int
) -> NDArray[np.int64]:
    """Return the fold of each example, (N,), from 0 to ``n_folds`` - 1.

    Each stratum is spread over the folds as evenly as the groups allow: without groups, and where no group has two examples, the
    sizes of a stratum in two folds differ by 1 at most. Large groups are placed first, each in the fold that has the fewest
    examples of its strata.

    Args:
        strata: (N,), from 0.
        groups: (N,); examples of a group stay together. None: every example is a group of its own.
        n_folds: at least 1.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(strata))
    folds = np.full(len(strata), -1, np.int64)
    counts = np.zeros((int(strata.max(initial=-1)) + 1, n_folds), np.int64)
    sizes = np.zeros(n_folds, np.int64)
    for members in _large_groups(groups, order):
        load = counts[strata[members]].sum(axis=0)
        fold = int(np.lexsort((sizes, load))[0])
        folds[members] = fold
        np.add.at(counts[:, fold], strata[members], 1)
        sizes[fold] += len(members)
    singles = order[folds[order] < 0]
    for members in _runs(singles[np.argsort(strata[singles], kind="stable")], strata):
        folds[members] = _fill(counts[strata[members[0]]], sizes, len(members))
        sizes += np.bincount(folds[members], minlength=n_folds)
    return folds


def _large_groups(groups: NDArray[np.int64] | None, order: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the examples of each group of two or more, the largest groups first, those of one size in random order.

    Args:
        order: a random order of the examples.
    """
    if groups is None:
        return []
    by_group = order[np.argsort(groups[order], kind="stable")]
    large = [members for members in _runs(by_group, groups) if len(members) > 1]
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return sorted(large, key=lambda members: (-len(members), rank[members].min()))


def _runs(examples: NDArray[np.int64], keys: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the examples of each key; those of one key stand side by side in ``examples``."""
    starts = np.flatnonzero(np.diff(keys[examples])) + 1
    return [run for run in np.split(examples, starts) if len(run)]


def _fill(counts: NDArray[np.int64], sizes: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Return the folds of ``n`` examples of a stratum: one after another the fold that has the fewest of that stratum, and of
    such folds the smallest.

    Args:
        counts: examples of the stratum in each fold.
        sizes: examples in each fold.
    """
    n_folds = len(counts)
    per_fold = min(n, n // n_folds + 1 + int(counts.max() - counts.min()))  # more go into no fold
    heights = counts[:, None] + np.arange(per_fold)  # (n_folds, per_fold): examples that are there before each
    fold_of, rank = np.repeat(np.arange(n_folds), per_fold), np.argsort(np.argsort(sizes, kind="stable"))
    taken = np.lexsort((rank[fold_of], heights.ravel()))[:n]
    return fold_of[taken]
