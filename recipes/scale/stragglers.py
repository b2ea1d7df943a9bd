"""Simulate a run over shards on many machines, some of which are slow and some of which fail.

    python recipes/scale/stragglers.py --core-hours 100 --workers 100 --sigma 0.3 --mtbf 200

A worker starts (--startup seconds), takes shards one after the other and works on each (--overhead seconds besides the work). The
work of a shard is lognormal with the same mean for all (--sigma), and so is the speed of a worker (--speed-sigma). A worker fails
after an exponential time (--mtbf hours): what it was working on is lost and done again; what it had done stays. It is back after
--repair seconds, and starts again. With --assignment queue a free worker takes the next shard, as processes of ``shards run`` do,
and as batch systems do with tasks; with static each has its share from the beginning: a task a worker.
"""

from __future__ import annotations

import argparse
import heapq
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_FIELDS = "{:>9} {:>12} {:>12} {:>12} {:>12} {:>10} {:>9}"
_DRAWS = 20  # runs whose median is printed


@dataclass(frozen=True)
class Cluster:
    """Workers, and what happens to them.

    Attributes:
        workers: how many.
        startup: seconds from the start of a worker until it works: process, imports, model.
        overhead: seconds for each shard besides its work.
        sigma: standard deviation of the logarithm of a shard's work.
        speed_sigma: that of the logarithm of a worker's speed.
        mtbf: seconds between the failures of a worker, on average.
        repair: seconds until a worker that failed starts again.
        is_static: each worker has its share of the shards from the beginning.
    """

    workers: int
    startup: float = 0.0
    overhead: float = 0.0
    sigma: float = 0.0
    speed_sigma: float = 0.0
    mtbf: float = float("inf")
    repair: float = 0.0
    is_static: bool = False


@dataclass(frozen=True)
class Outcome:
    """How a simulated run has ended.

    Attributes:
        makespan: seconds until the last shard was done.
        failures: of workers, while they had work.
        lost: seconds of work that failures have undone.
    """

    makespan: float
    failures: int
    lost: float


def drawn(
    total: float, shards: int, cluster: Cluster, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw the work of each shard and the speed of each worker.

    Args:
        total: seconds of work, on average.

    Returns:
        (shards,) seconds of work, with the mean total / shards; (workers,) speeds, with the mean 1.
    """
    work = total / shards * rng.lognormal(-(cluster.sigma**2) / 2, cluster.sigma, shards)
    return work, rng.lognormal(-(cluster.speed_sigma**2) / 2, cluster.speed_sigma, cluster.workers)


def simulate(work: Sequence[float] | NDArray[np.float64], speeds: Sequence[float] | NDArray[np.float64], cluster: Cluster,
             rng: np.random.Generator) -> Outcome:  # fmt: skip
    """Simulate a run, from event to event.

    Args:
        work: seconds of each shard at speed 1, in the order in which they are taken.
        speeds: of the workers.
    """
    queues = [deque[int]() for _ in range(cluster.workers)] if cluster.is_static else [deque[int]()]
    for shard in range(len(work)):
        queues[shard % len(queues)].append(shard)
    free = [(cluster.startup, worker) for worker in range(cluster.workers)]  # when each is free
    heapq.heapify(free)
    fails_at = (
        rng.exponential(cluster.mtbf, cluster.workers)
        if cluster.mtbf < float("inf")
        else np.full(cluster.workers, np.inf)
    )
    lost: list[tuple[float, int, int]] = []  # shards that are known to be lost: when, which queue, which shard
    left, makespan, failures, wasted = len(work), 0.0, 0, 0.0
    while left:
        now, worker = heapq.heappop(free)
        while lost and lost[0][0] <= now:
            _, which, shard = heapq.heappop(lost)
            queues[which].append(shard)
        queue = worker if cluster.is_static else 0
        if not queues[queue]:
            if any(which == queue for _, which, _ in lost):  # somebody's failure will be noticed
                heapq.heappush(free, (min(at for at, which, _ in lost if which == queue), worker))
            continue
        shard = queues[queue].popleft()
        end = now + cluster.overhead + work[shard] / speeds[worker]
        if fails_at[worker] < end:
            failed = max(float(fails_at[worker]), now)
            failures, wasted = failures + 1, wasted + failed - now
            heapq.heappush(lost, (failed, queue, shard))
            back = failed + cluster.repair + cluster.startup
            fails_at[worker] = back + rng.exponential(cluster.mtbf)
            heapq.heappush(free, (back, worker))
        else:
            left, makespan = left - 1, max(makespan, end)
            heapq.heappush(free, (end, worker))
    return Outcome(makespan, failures, wasted)


def repeated(total: float, shards: int, cluster: Cluster, *, seed: int = 0, draws: int = _DRAWS) -> list[Outcome]:
    """Simulate several runs, each with work, speeds and failures of its own."""
    rng = np.random.default_rng(seed)
    return [simulate(*drawn(total, shards, cluster, rng), cluster, rng) for _ in range(draws)]


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def main() -> None:
    """Print, for numbers of shards, how long the run takes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--core-hours", type=float, required=True, help="of work, one core a worker")
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--startup", type=float, default=2.0)
    parser.add_argument("--overhead", type=float, default=0.1)
    parser.add_argument("--sigma", type=float, default=0.2)
    parser.add_argument("--speed-sigma", type=float, default=0.1)
    parser.add_argument("--mtbf", type=float, default=float("inf"), metavar="HOURS")
    parser.add_argument("--repair", type=float, default=300.0)
    parser.add_argument("--assignment", choices=["queue", "static"], default="queue")
    parser.add_argument("--per-worker", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32, 64, 128, 256], help="shards")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if given.workers < 1 or given.core_hours <= 0 or given.mtbf <= 0 or min(given.per_worker) < 1:
        parser.error("--workers, --core-hours, --mtbf and --per-worker are positive")
    cluster = Cluster(given.workers, given.startup, given.overhead, given.sigma, given.speed_sigma, given.mtbf * 3600,
                      given.repair, given.assignment == "static")  # fmt: skip
    total = given.core_hours * 3600
    ideal = total / given.workers
    _say(f"ideal: {ideal:,.0f} s; medians and 95th percentiles of {_DRAWS} runs")
    _say(_FIELDS.format("shards", "s a shard", "makespan s", "95 % s", "of ideal", "failures", "lost s"))
    best = (float("inf"), 0)
    for each in given.per_worker:
        runs = repeated(total, each * given.workers, cluster, seed=given.seed)
        spans = np.array([run.makespan for run in runs])
        median = float(np.median(spans))
        best = min(best, (median, each * given.workers))
        shown = (f"{median:,.0f}", f"{np.quantile(spans, 0.95):,.0f}", f"{median / ideal:.3f}",
                 f"{np.median([run.failures for run in runs]):g}", f"{np.median([run.lost for run in runs]):,.0f}")  # fmt: skip
        _say(_FIELDS.format(each * given.workers, f"{ideal / each:,.1f}", *shown))
    _say(f"best: {best[1]:,} shards")


if __name__ == "__main__":
    main()
