"""How a process uses its memory."""

from __future__ import annotations

import subprocess
import sys

import pytest

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

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="mallopt is of the GNU C library")


def printed(script: str) -> list[int]:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    return [int(line) for line in done.stdout.split()]


def test_freed_memory_is_used_again_instead_of_given_back() -> None:
    (kept,), (given_back,) = (printed(FAULTS.format(call)) for call in ("machine.keep_freed_memory()", ""))
    assert kept < given_back / 10


def test_freed_memory_is_given_back_on_demand() -> None:
    before, after = printed(RESIDENT)
    assert before - after > 200
