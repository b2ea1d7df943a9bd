"""A server left behind by a command that has run cold, with the models that it has opened."""

from __future__ import annotations

import contextlib
import os
import pickle
import sys
from collections.abc import Mapping

_LARGEST = 1 << 15  # bytes of what was located of the models: a pipe takes them at once


def leave_behind(command: str, environment: Mapping[str, str]) -> None:
    """Start a server of its own session, which outlives this process; where that cannot be done, nothing happens.

    Args:
        command: the command that has run.
        environment: as it was when this process began: libraries add to it.
    """
    with contextlib.suppress(OSError):
        start(command, os.getcwd(), environment, _located())  # noqa: PTH109


def start(
    command: str, folder: str, environment: Mapping[str, str], located: bytes, *, private: tuple[str, ...] = ()
) -> int:
    """Start a warm server; return the number of its process.

    Args:
        command: what its first process prepares.
        folder: where the paths in ``located`` begin.
        located: what was located of the models that it opens, pickled, at most ``_LARGEST`` bytes; b"": nothing.
        private: of a server that belongs to this process and ends with it: the path of its socket, and the bytes of memory that
            its processes may hold.

    Raises:
        OSError: it cannot be started.
    """
    read_end, write_end = os.pipe()
    try:
        os.write(write_end, located or pickle.dumps([]))
        nowhere = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (1, 2)]
        arguments = [sys.executable, "-m", "nlptool.cli.warm.front", command, folder, *private]
        actions = [(os.POSIX_SPAWN_DUP2, read_end, 0), *nowhere]
        return os.posix_spawn(sys.executable, arguments, environment, file_actions=actions)
    finally:
        os.close(read_end)
        os.close(write_end)


def _located() -> bytes:
    """Return, pickled, what was located of the models that this process has opened."""
    if "nlptool.tasks.open_models" in sys.modules:
        from nlptool.tasks import open_models

        with contextlib.suppress(Exception):  # one that cannot be written: it is opened when it is wanted
            written = pickle.dumps(open_models.opened_here())
            if len(written) < _LARGEST:
                return written
    return pickle.dumps([])
