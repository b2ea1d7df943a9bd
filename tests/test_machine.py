"""What a process gets of the machine, and how it uses its memory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from nlptool import machine

# Minor page faults of a loop that frees and allocates 64 MB at a time, as a training step does.
FAULTS = """
import resource
import numpy as np
from nlptool import machine
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
from nlptool import machine
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
def test_a_container_gets_the_least_of_its_groups(
    groups: str, files: Mapping[str, str], n: int | None, tmp_path: Path
) -> None:
    for name, text in {
        "proc/self/cgroup": groups,
        **{f"sys/fs/cgroup/{name}": text for name, text in files.items()},
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    assert machine.processors_of_container(str(tmp_path)) == n


def test_a_system_without_control_groups_limits_nothing(tmp_path: Path) -> None:
    assert machine.processors_of_container(str(tmp_path)) is None


@pytest.mark.parametrize(("of_container", "sharing", "n"), [(None, 1, 8), (3, 1, 3), (64, 1, 8), (1, 4, 1), (6, 2, 3)])
def test_the_processors_are_those_of_the_container_and_are_shared(
    of_container: int | None, sharing: int, n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    monkeypatch.setattr(machine, "processors_of_container", lambda: of_container)
    monkeypatch.setattr(machine, "_n_sharing", sharing)
    assert machine.processors() == n
