"""Which of its runs a process is in, where it has several: a model that stays open answers each as if it had just been opened."""

from __future__ import annotations

_n_begun = 0


def begin() -> None:
    """Begin another run of this process."""
    global _n_begun  # noqa: PLW0603  # one process, one run at a time
    _n_begun += 1


def current() -> int:
    """Return the number of this run; 0: the process has one run alone."""
    return _n_begun
