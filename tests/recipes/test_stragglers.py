"""The simulation of runs over shards against what is known of such runs."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scale.stragglers import Cluster, drawn, repeated, simulate

WORK = st.lists(st.floats(0.01, 100), min_size=1, max_size=30)
WORKERS = st.integers(1, 8)


def makespan(work: list[float], cluster: Cluster, seed: int = 0) -> float:
    return simulate(work, [1.0] * cluster.workers, cluster, np.random.default_rng(seed)).makespan


@given(work=WORK, startup=st.floats(0, 10), overhead=st.floats(0, 1))
def test_one_worker_takes_the_sum(work: list[float], startup: float, overhead: float) -> None:
    for is_static in (False, True):
        cluster = Cluster(1, startup, overhead, is_static=is_static)
        assert makespan(work, cluster) == pytest.approx(startup + sum(work) + overhead * len(work))


@given(shards=st.integers(1, 60), workers=WORKERS)
def test_equal_shards_are_done_in_rounds(shards: int, workers: int) -> None:
    for is_static in (False, True):
        cluster = Cluster(workers, startup=2.0, overhead=0.5, is_static=is_static)
        assert makespan([3.0] * shards, cluster) == pytest.approx(2.0 + math.ceil(shards / workers) * 3.5)


@given(work=WORK, workers=WORKERS)
def test_a_queue_keeps_grahams_bound(work: list[float], workers: int) -> None:
    """List scheduling: R. L. Graham, Bounds on multiprocessing timing anomalies (1969)."""
    took = makespan(work, Cluster(workers))
    assert took >= max(sum(work) / workers, *work) - 1e-9
    assert took <= sum(work) / workers + (1 - 1 / workers) * max(work) + 1e-9


@given(work=st.lists(st.integers(1, 9), min_size=1, max_size=6), workers=st.integers(1, 3))
@settings(max_examples=40)
def test_no_order_of_shards_is_more_than_twice_the_best(work: list[int], workers: int) -> None:
    spans = [makespan([float(each) for each in order], Cluster(workers)) for order in set(permutations(work))]
    assert max(spans) <= (2 - 1 / workers) * min(spans) + 1e-9


@given(work=WORK, workers=WORKERS)
def test_shares_from_the_beginning_take_as_long_as_the_largest_share(work: list[float], workers: int) -> None:
    shares = [sum(work[worker::workers]) for worker in range(workers)]
    assert makespan(work, Cluster(workers, is_static=True)) == pytest.approx(max(shares))


def test_a_slow_worker_delays_its_share_but_not_a_queue() -> None:
    work, speeds = [1.0] * 60, [1.0, 1.0, 0.5]
    rng = np.random.default_rng(0)
    assert simulate(work, speeds, Cluster(3, is_static=True), rng).makespan == 40
    assert simulate(work, speeds, Cluster(3), rng).makespan == 24


@pytest.mark.parametrize(("length", "repair"), [(0.5, 0.0), (1.0, 0.3), (2.0, 0.0)])
def test_a_shard_between_failures_takes_as_long_as_theory_says(length: float, repair: float) -> None:
    """With failures at rate 1 work of length w, begun anew after each, takes (1 + repair) (exp(w) - 1) on average."""
    cluster, rng = Cluster(1, mtbf=1.0, repair=repair), np.random.default_rng(1)
    runs = [simulate([length], [1.0], cluster, rng) for _ in range(20_000)]
    expected = (1 + repair) * (math.exp(length) - 1)
    spans = np.array([run.makespan for run in runs])
    assert abs(spans.mean() - expected) < 4 * spans.std() / math.sqrt(len(runs))
    failures = np.array([run.failures for run in runs])
    assert abs(failures.mean() - (math.exp(length) - 1)) < 4 * failures.std() / math.sqrt(len(runs))


@given(seed=st.integers(0, 1000), workers=WORKERS, is_static=st.booleans())
@settings(max_examples=50)
def test_failures_come_at_their_rate_and_their_work_is_done_again(seed: int, workers: int, is_static: bool) -> None:
    cluster = Cluster(workers, mtbf=50.0, is_static=is_static)
    run = simulate([1.0] * 200, [1.0] * workers, cluster, np.random.default_rng(seed))
    assert run.makespan >= (200 + run.lost) / workers - 1e-9
    assert run.lost <= run.failures
    busy = 200 + run.lost
    assert abs(run.failures - busy / 50) <= 6 * math.sqrt(busy / 50)


def test_work_and_speeds_have_the_means_that_they_are_to_have() -> None:
    work, speeds = drawn(1e5, 100_000, Cluster(100_000, sigma=0.5, speed_sigma=0.3), np.random.default_rng(2))
    assert work.mean() == pytest.approx(1, abs=0.01)
    assert speeds.mean() == pytest.approx(1, abs=0.01)
    assert np.log(work).std() == pytest.approx(0.5, abs=0.01)


def test_the_same_seed_gives_the_same_runs() -> None:
    cluster = Cluster(5, 1.0, 0.1, 0.3, 0.2, 300.0, 10.0)
    assert repeated(1e3, 40, cluster, seed=3, draws=3) == repeated(1e3, 40, cluster, seed=3, draws=3)
    assert repeated(1e3, 40, cluster, seed=3, draws=3) != repeated(1e3, 40, cluster, seed=4, draws=3)
