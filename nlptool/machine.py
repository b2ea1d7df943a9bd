"""What this machine, or the container that this process is in, has, and how a process uses its memory."""

from __future__ import annotations

import contextlib
import os

from nlptool import control_groups

# Of <malloc.h> of the GNU C library.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4
_KEPT = 2**31 - 1  # bytes, the largest that mallopt takes
_GROWTH = 1 << 26  # bytes


_n_sharing = 1  # processes that share the processors, this one included


def processors() -> int:
    """Return the number of processors that this process may use: its share of them, where it shares them with others.

    A container may run on all processors of its machine and get only a part of their time: then it is that part, rounded up.
    """
    n = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(n, control_groups.processors() or n) // _n_sharing)


def share_processors(n: int) -> None:
    """Share the processors with other processes that work at the same time: ``n`` with this one."""
    global _n_sharing  # noqa: PLW0603  # of this process
    _n_sharing = n


def memory() -> int:
    """Return the bytes of memory of this machine, or those that a container may hold, where that is less."""
    n = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min(n, control_groups.memory() or n)


def memory_held(process: int | None = None) -> int:
    """Return the bytes of memory that a process holds; None: this one. 0: the system does not say it, or it has ended."""
    try:
        with open(f"/proc/{process or 'self'}/statm", encoding="ascii") as counts:  # noqa: PTH123  # pathlib loads for 8 ms
            return int(counts.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return _largest_so_far() if process is None else 0


def _largest_so_far() -> int:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def keep_freed_memory() -> None:
    """Let the process use large blocks of memory again, instead of giving them back to the system when they are freed.

    A training step allocates arrays about as large as those of the one before. By default each of them is new memory, whose
    pages the system has to clear. Since the sizes differ, gaps remain, and the process grows: call ``return_freed_memory`` now
    and then. Without the GNU C library this does nothing.
    """
    import ctypes

    with contextlib.suppress(AttributeError, OSError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, _KEPT)
        mallopt(_M_TOP_PAD, _GROWTH)


def return_freed_memory() -> None:
    """Give memory that was freed back to the system, also between blocks that are in use. Without the GNU C library this does
    nothing."""
    import ctypes

    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
