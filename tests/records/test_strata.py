"""Random samples of streams in groups: who is drawn, how often, and what is kept meanwhile."""

from __future__ import annotations

import itertools
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nlptool.records import strata
from nlptool.records.reservoir import Reservoir
from nlptool.records.strata import OfEach, Proportional, Sampler, Stratum, shares

LIKELY = 0.001  # a test that draws rightly fails with this probability, and does not, since its seeds are given


def drawn(sampler: Sampler[int], groups: str) -> list[int]:
    for index, group in enumerate(groups):
        sampler.add(index, group)
    return sampler.items()


def uniform(counts: Counter[int], items: range) -> float:
    """The probability of counts as unequal as these if all items are drawn equally often."""
    return float(stats.chisquare([counts[item] for item in items]).pvalue)


def test_a_reservoir_keeps_each_item_equally_often() -> None:
    counts = Counter[int]()
    for seed in range(4000):
        reservoir: Reservoir[int] = Reservoir(5, seed=seed)
        for item in range(40):
            reservoir.add(item)
        counts.update(reservoir.items())
    assert uniform(counts, range(40)) > LIKELY
    assert counts.total() == 20_000


@pytest.mark.parametrize("make", [OfEach, Proportional])
def test_each_item_of_a_group_is_drawn_equally_often(make: type[Sampler[int]]) -> None:
    groups = "a" * 30 + "ab" * 15 + "b" * 15 + "c" * 45  # a 45, b 30, c 45
    counts = Counter[int]()
    for seed in range(4000):
        counts.update(drawn(make(8, seed=seed), groups))  # type: ignore[call-arg]
    for group in "abc":
        mine = [counts[index] for index, each in enumerate(groups) if each == group]
        assert stats.chisquare(mine).pvalue > LIKELY, group
        assert sum(mine) == 4000 * (8 if make is OfEach else {"a": 3, "b": 2, "c": 3}[group])


def test_pairs_of_items_are_drawn_equally_often() -> None:
    pairs = Counter[tuple[int, ...]]()
    for seed in range(6000):
        pairs.update(itertools.combinations(drawn(Proportional(4, seed=seed), "aaaaaaaa"), 2))
    assert len(pairs) == 28
    assert stats.chisquare(list(pairs.values())).pvalue > LIKELY


def test_groups_of_one_item_are_drawn_equally_often_and_not_the_first_ones() -> None:
    counts = Counter[int]()
    for seed in range(4000):
        counts.update(drawn(Proportional(3, seed=seed), "abcdefghijkl"))
    assert counts.total() == 12_000
    assert uniform(counts, range(12)) > LIKELY


def test_the_sample_has_the_shares_of_the_stream_however_long_it_is() -> None:
    groups = random.Random(1).choices("abcd", weights=[900, 90, 9, 1], k=30_000)
    sampler: Proportional[int] = Proportional(100, seed=1)
    found = drawn(sampler, "".join(groups))
    seen = Counter(groups)
    assert found == sorted(found)
    assert Counter(groups[index] for index in found) == {
        group: n for group, n in zip(seen, shares(list(seen.values()), 100), strict=True) if n
    }
    assert sampler.strata()["a"] == Stratum(seen["a"], Counter(groups[index] for index in found)["a"])
    n_kept = sampler._n_below + sum(map(len, sampler._lowest.values()))
    assert n_kept <= 4 * 100 + 100 * 4


def test_a_group_that_comes_late_has_its_share() -> None:
    groups = "a" * 20_000 + "b" * 20_000 + "c" * 10_000
    counts = Counter(groups[index] for index in drawn(Proportional(50, seed=7), groups))
    assert counts == {"a": 20, "b": 20, "c": 10}


@settings(deadline=None, max_examples=80)
@given(st.text(alphabet="abcdef", max_size=300), st.integers(1, 40), st.integers(0, 99))
def test_samples_have_the_size_that_is_asked_and_no_item_twice(groups: str, size: int, seed: int) -> None:
    sampler: Proportional[int] = Proportional(size, seed=seed)
    found = drawn(sampler, groups)
    assert len(found) == min(size, len(groups))
    assert found == sorted(set(found))
    counts = Counter(groups[index] for index in found)
    for group, n in Counter(groups).items():
        assert abs(counts[group] - min(1.0, size / len(groups)) * n) < 1
        assert sampler.strata()[group] == (n, counts[group])
    each: OfEach[int] = OfEach(size, seed=seed)
    found = drawn(each, groups)
    assert found == sorted(set(found))
    assert Counter(groups[index] for index in found) == {group: min(size, n) for group, n in Counter(groups).items()}
    assert each.strata() == {group: (n, min(size, n)) for group, n in Counter(groups).items()}


@pytest.mark.parametrize(
    ("counts", "size", "expected"),
    [
        ([], 3, []),
        ([5, 5], 20, [5, 5]),
        ([1, 1, 1], 2, [1, 1, 0]),
        ([50, 30, 20], 10, [5, 3, 2]),
        ([53, 24, 23], 7, [4, 2, 1]),  # 3.71, 1.68, 1.61
        ([999, 1], 10, [10, 0]),
        ([10**18, 10**18 + 1], 3, [1, 2]),  # floats would not tell these apart
    ],
)
def test_shares_are_those_of_largest_remainders(counts: list[int], size: int, expected: list[int]) -> None:
    assert shares(counts, size) == expected


def test_the_limit_is_lowered_as_often_as_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strata, "_ALWAYS", 1)
    sampler: Proportional[int] = Proportional(10, seed=1)
    assert len(drawn(sampler, "a" * 100_000)) == 10
    assert 2**-11 >= sampler._limit >= 2**-13
