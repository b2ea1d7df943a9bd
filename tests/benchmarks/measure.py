"""Time whole processes against each other, in turn, so that a change of the machine's speed hits both."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

NLPTOOL = str(Path(sys.executable).parent / "nlptool")


def wall(command: str) -> float:
    """Seconds that a shell command takes; its output is thrown away."""
    started = time.perf_counter()
    subprocess.run(command, shell=True, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)  # fmt: skip
    return time.perf_counter() - started


def processor_time(command: Sequence[str], stdin: Path) -> float:
    """Seconds of processors that a process takes, which what else runs changes little; its output is thrown away."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with stdin.open("rb") as lines:
        subprocess.run(command, stdin=lines, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


_MEASURED = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def peak_memory(command: Sequence[str], stdin: Path) -> int:
    """The peak resident memory of a process, in bytes. A small process starts it: what a large one had would count as its own."""
    with stdin.open("rb") as lines:
        measured = [sys.executable, "-S", "-c", _MEASURED, *command]
        return int(subprocess.run(measured, stdin=lines, stdout=subprocess.PIPE, check=True).stdout) * 1024


def in_turn(contenders: dict[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Each contender once a round, after one round that is not counted."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, run in contenders.items():
            seconds = run()
            if number:
                times[name].append(seconds)
    return times


def ratio(times: dict[str, list[float]], slow: str, fast: str) -> float:
    """The median, round by round, of how many times faster ``fast`` is than ``slow``."""
    return statistics.median(a / b for a, b in zip(times[slow], times[fast], strict=True))


def row(*cells: object) -> None:
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def seconds(values: list[float]) -> str:
    return f"{statistics.median(values):.3f} s ({min(values):.3f}–{max(values):.3f})"


def about_this_machine() -> str:
    threads = len(os.sched_getaffinity(0))
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return f"{threads} processors, Python {sys.version.split()[0]}" + (
        "" if limit < 0 else f", limited to {limit} bytes"
    )
