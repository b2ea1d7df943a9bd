"""The folds of a cross-validation: every example once, groups whole, classes spread evenly."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nlptool.training.classifier.folds import fold_numbers

STRATA = st.lists(st.integers(0, 5), min_size=1, max_size=80)


@given(STRATA, st.integers(1, 7), st.integers(0, 2**32 - 1))
@settings(max_examples=200, deadline=None)
def test_without_groups_strata_and_folds_are_even(strata: list[int], n_folds: int, seed: int) -> None:
    classes = np.array(strata)
    folds = fold_numbers(classes, None, n_folds, seed)
    for stratum in set(strata):
        counts = np.bincount(folds[classes == stratum], minlength=n_folds)
        assert counts.max() - counts.min() <= 1
    sizes = np.bincount(folds, minlength=n_folds)
    assert sizes.sum() == len(strata)
    assert sizes.max() - sizes.min() <= 1
    assert np.array_equal(folds, fold_numbers(classes, None, n_folds, seed))
    assert np.array_equal(folds, fold_numbers(classes, np.arange(len(classes)), n_folds, seed))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12)), min_size=1, max_size=80), st.integers(1, 6))
@settings(max_examples=200, deadline=None)
def test_groups_stay_together(examples: list[tuple[int, int]], n_folds: int) -> None:
    strata, groups = (np.array(column) for column in zip(*examples, strict=True))
    folds = fold_numbers(strata, groups, n_folds, seed=0)
    assert folds.min() >= 0
    assert folds.max() < n_folds
    for group in set(groups.tolist()):
        assert len(set(folds[groups == group].tolist())) == 1


def test_another_seed_gives_other_folds() -> None:
    strata = np.repeat([0, 1], 50)
    assert not np.array_equal(fold_numbers(strata, None, 5, 0), fold_numbers(strata, None, 5, 1))


def test_groups_are_spread_by_their_classes() -> None:
    strata = np.repeat([0, 1, 0, 1], 4)  # four groups of four; each fold gets one of each class
    folds = fold_numbers(strata, np.repeat(np.arange(4), 4), 2, seed=3)
    assert np.bincount(folds[strata == 0]).tolist() == [4, 4]
    assert np.bincount(folds[strata == 1]).tolist() == [4, 4]


def test_examples_without_a_group_fill_what_groups_have_left() -> None:
    strata = np.zeros(12, np.int64)
    groups = np.array([7] * 5 + list(range(8, 15)))
    assert sorted(np.bincount(fold_numbers(strata, groups, 3, seed=0)).tolist()) == [3, 4, 5]
