"""The limits that a container has: those of the control groups of Linux, of version 1 and 2.

https://docs.kernel.org/admin-guide/cgroup-v2.html and https://docs.kernel.org/admin-guide/cgroup-v1/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple


class _Limit(NamedTuple):
    """Where a limit stands.

    Attributes:
        controller: its folder in version 1.
        n: numbers that say it.
        files: in version 2.
        files_of_v1: in version 1.
    """

    controller: str
    n: int
    files: tuple[str, ...]
    files_of_v1: tuple[str, ...]


_CPU = _Limit("cpu", 2, ("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us"))
_MEMORY = _Limit("memory", 1, ("memory.max",), ("memory.limit_in_bytes",))


def processors(root: str = "/") -> int | None:
    """Return the processor time that the control groups of this process get, in processors, rounded up; None: all that there is.

    Args:
        root: the folder of /proc and /sys.
    """
    return min((-(-time // period) for time, period in _limits(root, _CPU)), default=None)


def memory(root: str = "/") -> int | None:
    """Return the bytes of memory that the control groups of this process may hold; None: all that there are.

    Args:
        root: as of ``processors``.
    """
    return min((size for (size,) in _limits(root, _MEMORY)), default=None)


def _limits(root: str, limit: _Limit) -> Iterator[list[int]]:
    """Yield the numbers of a limit of each group that has it: the groups of this process, and those that contain them.

    A container may be told its path on the machine and see only its own part of it: what is not there is passed over, and what
    is at the top is its own.
    """
    for line in _said(f"{root}/proc/self/cgroup").splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if not controllers:
            top, files = f"{root}/sys/fs/cgroup", limit.files
        elif limit.controller in controllers.split(","):
            top, files = f"{root}/sys/fs/cgroup/{limit.controller}", limit.files_of_v1
        else:
            continue
        parts = path.strip("/").split("/")
        for depth in range(len(parts) + 1):
            folder = "/".join((top, *parts[:depth]))
            words = " ".join(_said(f"{folder}/{name}") for name in files).split()
            if len(words) == limit.n and all(word.isdecimal() and int(word) for word in words):  # else "max", or -1
                yield [int(word) for word in words]


def _said(path: str) -> str:
    """Return what a file holds, "" where it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123  # pathlib loads for 8 ms
            return file.read()
    except (OSError, ValueError):  # a path may hold NUL
        return ""
