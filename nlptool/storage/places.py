"""Files of this machine and of object stores. What has a scheme is of a store: see ``stores``."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import IO

from nlptool.storage import store_requests, stores
from nlptool.storage.stores import State


def state_of(path: str) -> State:
    """Return the state of a file.

    Raises:
        OSError: it cannot be looked at.
        RunError: the store cannot be reached.
    """
    if store_requests.is_remote(path):
        return stores.state_of(path)
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123  # that it can be read is known before the work begins
        found = os.fstat(file.fileno())
    return State(found.st_size, str(found.st_mtime_ns))


def opened(path: str) -> IO[bytes]:
    """Open a file to read it.

    Raises:
        OSError: it cannot be opened.
        RunError: the store cannot be reached.
    """
    return stores.opened(path) if store_requests.is_remote(path) else Path(path).open("rb", buffering=0)


def size_of(path: Path) -> int:
    """Return the bytes of a file of this machine, or of all files of a folder; -1 where it is not there."""
    try:
        return sum(map(size_of, path.iterdir())) if path.is_dir() else path.stat().st_size
    except FileNotFoundError:
        return -1


def remove(path: Path) -> None:
    """Remove a file of this machine, or a folder with all that is in it, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
