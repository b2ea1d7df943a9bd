"""Folders of this machine and of object stores, held by a run: alone, or together with others that share it."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from nlptool.storage import leases, locks, places, store_requests
from nlptool.storage.folder_files import WORK


@contextlib.contextmanager
def locked(path: str, note: locks.Note = lambda message: None) -> Iterator[str]:
    """Hold a folder, which is made if it is not there; yields the lease of one of an object store, "" for one of this machine.

    What other runs have left in work folders is removed.

    Args:
        note: called where the storage has no locks.

    Raises:
        RunError: another process holds it.
        OSError: it cannot be made.
    """
    if store_requests.is_remote(path):
        with leases.held(path) as lease:
            yield lease
        return
    Path(path).mkdir(parents=True, exist_ok=True)
    descriptor = locks.hold(Path(path), lambda: os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), path, note)
    try:
        for left in Path(path).glob(f"{WORK}*"):
            shutil.rmtree(left, ignore_errors=True)
        yield ""
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def shared(path: str, work: str, name: str, note: locks.Note = lambda message: None) -> Iterator[str]:
    """Hold a folder together with others that share it, and a work folder in it alone; yields the lease as ``locked`` does.

    Args:
        work: as of ``folder_files.folder``.
        name: of what is done with that work folder, for messages.
        note: called where the storage has no locks.

    Raises:
        RunError: another process holds the folder for itself, or that work folder.
        OSError: they cannot be made.
    """
    if store_requests.is_remote(path):
        with leases.held(path, work) as lease:
            yield lease
        return
    with contextlib.ExitStack() as held:
        for place, title, together in (
            (Path(path), path, True),
            (Path(path) / f"{WORK}{work}", f"{path}, {name}", False),
        ):
            held.callback(os.close, locks.hold(place, partial(_made, place), title, note, shared=together))
        for left in (Path(path) / f"{WORK}{work}").iterdir():
            places.remove(left)
        yield ""


def _made(folder: Path) -> int:
    """Make a folder if it is not there; return it opened."""
    folder.mkdir(parents=True, exist_ok=True)
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
