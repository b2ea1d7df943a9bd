"""What a process gets of the machine, and how it uses its memory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from nlptool import control_groups, machine

# Minor page faults of a loop that frees and allocates 64 MB at a time, as a training step does.
FAULTS = """
import resource
import numpy as np
from nlptool import control_groups, machine
{}
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
np.ones(1 << 23)
before = faults()
for _ in range(20):
    np.ones(1 << 23)
print(faults() - before)
"""

# Megabytes of the process while one block between many freed ones is in use, and after those were given back.
RESIDENT = """
import numpy as np
from nlptool import control_groups, machine
machine.keep_freed_memory()
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 >> 20
blocks = [np.ones(1 << 22) for _ in range(8)]
last = blocks.pop()
blocks.clear()
print(resident())
machine.return_freed_memory()
print(resident())
"""

ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="mallopt is of the GNU C library")


def printed(script: str) -> list[int]:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    return [int(line) for line in done.stdout.split()]


@ON_LINUX
def test_freed_memory_is_used_again_instead_of_given_back() -> None:
    (kept,), (given_back,) = (printed(FAULTS.format(call)) for call in ("machine.keep_freed_memory()", ""))
    assert kept < given_back / 10


@ON_LINUX
def test_freed_memory_is_given_back_on_demand() -> None:
    before, after = printed(RESIDENT)
    assert before - after > 200


V1 = "9:name=systemd:/\n4:memory:/docker/f00\n3:cpu,cpuacct:/docker/f00\n2:cpuset:/docker/f00\n0::/docker/f00\n"
QUOTA, PERIOD = "cpu/{}cpu.cfs_quota_us", "cpu/{}cpu.cfs_period_us"


@pytest.mark.parametrize(
    ("groups", "files", "n"),
    [
        ("0::/\n", {"cpu.max": "200000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "5000 100000\n"}, 1),
        ("0::/\n", {"cpu.max": "max 100000\n"}, None),
        ("0::/\n", {}, None),
        ("0::/a/b.slice\n", {"a/b.slice/cpu.max": "400000 100000\n", "a/cpu.max": "250000 50000\n"}, 4),
        ("0::/a/b.slice\n", {"a/b.slice/cpu.max": "max 100000\n", "a/cpu.max": "300000 100000\n"}, 3),
        ("0::/seen/outside:only\n", {"cpu.max": "700000 100000\n"}, 7),
        ("0::/../other\n", {"cpu.max": "100000 100000\n"}, 1),
        (V1, {QUOTA.format(""): "250000\n", PERIOD.format(""): "100000\n"}, 3),
        (V1, {QUOTA.format("docker/f00/"): "50000\n", PERIOD.format("docker/f00/"): "25000\n"}, 2),
        (V1, {QUOTA.format(""): "-1\n", PERIOD.format(""): "100000\n"}, None),
        (V1, {QUOTA.format(""): "250000\n"}, None),
        ("4:cpuset:/\n3:cpuacct:/\n", {QUOTA.format(""): "100000\n", PERIOD.format(""): "100000\n"}, None),
        ("0::/\n", {"cpu.max": ""}, None),
        ("0::/\n", {"cpu.max": "1 2 3"}, None),
        ("0::/\n", {"cpu.max": "100000 0\n"}, None),
        ("0::/\n", {"cpu.max": "\xe9 100000\n"}, None),
        ("nonsense\n\n0", {}, None),
        ("", {"cpu.max": "100000 100000\n"}, None),
    ],
)
def test_a_container_gets_the_time_of_the_least_of_its_groups(
    groups: str, files: Mapping[str, str], n: int | None, tmp_path: Path
) -> None:
    write_groups(tmp_path, groups, files)
    assert control_groups.processors(str(tmp_path)) == n


@pytest.mark.parametrize(
    ("groups", "files", "size"),
    [
        ("0::/\n", {"memory.max": "1073741824\n"}, 1 << 30),
        ("0::/\n", {"memory.max": "max\n"}, None),
        (
            "0::/a/b\n",
            {"a/b/memory.max": "max\n", "a/memory.max": "3000000000\n", "memory.max": "4000000000"},
            3 * 10**9,
        ),
        (V1, {"memory/memory.limit_in_bytes": "536870912\n"}, 1 << 29),
        (V1, {"memory/memory.limit_in_bytes": "9223372036854771712\n"}, 9223372036854771712),  # no limit, in version 1
        (V1, {"memory.max": "1073741824\n"}, 1 << 30),
        ("4:cpu:/\n", {"memory/memory.limit_in_bytes": "536870912\n"}, None),
        ("0::/\n", {"memory.max": ""}, None),
        ("0::/\n", {"memory.max": "²\n"}, None),
        ("0::/\n", {"memory.max": "0\n"}, None),
    ],
)
def test_a_container_may_hold_the_least_of_its_groups(
    groups: str, files: Mapping[str, str], size: int | None, tmp_path: Path
) -> None:
    write_groups(tmp_path, groups, files)
    assert control_groups.memory(str(tmp_path)) == size


@pytest.mark.parametrize("of_container", [None, 1 << 20, 1 << 60])
def test_memory_is_that_of_the_container_if_it_is_less(
    of_container: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 1 << 20}.__getitem__)
    monkeypatch.setattr(control_groups, "memory", lambda: of_container)
    assert machine.memory() == (1 << 20 if of_container == 1 << 20 else 1 << 32)


def write_groups(root: Path, groups: str, files: Mapping[str, str]) -> None:
    """Write what the system says of control groups."""
    for name, text in {
        "proc/self/cgroup": groups,
        **{f"sys/fs/cgroup/{name}": text for name, text in files.items()},
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")


def test_a_system_without_control_groups_limits_nothing(tmp_path: Path) -> None:
    assert control_groups.processors(str(tmp_path)) is control_groups.memory(str(tmp_path)) is None


@pytest.mark.parametrize(("of_container", "sharing", "n"), [(None, 1, 8), (3, 1, 3), (64, 1, 8), (1, 4, 1), (6, 2, 3)])
def test_the_processors_are_those_of_the_container_and_are_shared(
    of_container: int | None, sharing: int, n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    monkeypatch.setattr(control_groups, "processors", lambda: of_container)
    monkeypatch.setattr(machine, "_n_sharing", sharing)
    assert machine.processors() == n
