"""Locks of files and folders, so that no two processes write one output: flock, which ends with its process however that ends.

Storage without locks is taken as it is, and that is said. Who holds a lock is known where the system says it, on Linux.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from nlptool.errors import RunError

_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EBADF)
"""What flock says on storage without locks; EBADF is what NFS says of a folder."""

Note = Callable[[str], None]


def hold(
    path: Path, opened: Callable[[], int], name: object, note: Note = lambda message: None, *, shared: bool = False
) -> int:
    """Open what is at ``path`` and lock it; return the descriptor, which holds the lock while it is open.

    Args:
        opened: opens the file or folder, and makes it if it is not there.
        name: what is written, for messages.
        note: called where the storage has no locks.
        shared: others may hold it too, if they share it.

    Raises:
        RunError: another process has locked it.
        OSError: it cannot be opened.
    """
    while True:
        descriptor = opened()
        try:
            locked = _lock(descriptor, name, shared=shared)
            with contextlib.suppress(FileNotFoundError):  # finished and renamed in between
                if os.path.samestat(os.fstat(descriptor), path.stat()):
                    if not locked:
                        note(f"{name} is on storage without locks: no other process may write it now")
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


@contextlib.contextmanager
def waiting(path: Path) -> Iterator[None]:
    """Hold the lock of the file ``path``, which stays there; wait while another process holds it.

    Raises:
        OSError: the file cannot be made.
    """
    descriptor = _waited(path)
    try:
        yield
    finally:
        os.close(descriptor)


def _waited(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            except OSError as error:
                if error.errno not in _NO_LOCKS:
                    raise
            with contextlib.suppress(FileNotFoundError):  # other libraries remove their locks
                if os.path.samestat(os.fstat(descriptor), path.stat()):
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _lock(descriptor: int, name: object, *, shared: bool) -> bool:
    """Lock an open file or folder; return False where the storage has no locks.

    Raises:
        RunError: another process has locked it.
    """
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = _holder(descriptor)
        who = f"another process ({holder})" if holder else "another process"
        raise RunError(f"{who} is writing {name}", hint="wait for it, or choose another -o") from error
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        return False
    return True


def _holder(descriptor: int) -> int | None:
    """Return the process that holds the lock of an open file, None where the system does not say."""
    inode = os.fstat(descriptor).st_ino
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/locks").read_text().splitlines():
            _, kind, _, _, process, place, *_ = line.split()  # 33: FLOCK ADVISORY WRITE 4401 fe:00:2146425 0 EOF
            if kind == "FLOCK" and int(place.rpartition(":")[2]) == inode:
                return int(process)
    return None
