"""Temporary files and folders for what does not have to stay in memory."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from nlptool.errors import RunError


def temporary(owner: object = None) -> IO[bytes]:
    """Open a file without a name, which is gone when it is closed, however the run ends.

    Args:
        owner: the file is closed when this object is gone; None: by whoever opened it.

    Raises:
        RunError: the temporary folder is full.
    """
    with disk_space():
        file = tempfile.TemporaryFile()  # noqa: SIM115  # it outlives this function
    if owner is not None:
        weakref.finalize(owner, _close, file)
    return file


def _close(file: IO[bytes]) -> None:
    with contextlib.suppress(OSError):  # the disk is full, which was said when the file was written
        file.close()


def temporary_folder(owner: object = None) -> Path:
    """Make a folder in the temporary folder, which is removed with all that is in it.

    Args:
        owner: the folder is removed when this object is gone, and at exit at the latest; None: at exit.

    Raises:
        OSError: it cannot be made.
    """
    folder = Path(tempfile.mkdtemp(prefix="nlptool-"))
    if owner is None:
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    else:
        weakref.finalize(owner, shutil.rmtree, folder, ignore_errors=True)
    return folder


def locked_folder(kind: str) -> tuple[Path, int]:
    """Make a folder in the temporary folder; return it, and the descriptor that locks it while its process lives.

    Those of the same kind are removed whose processes have ended without doing so, as killed ones do.

    Raises:
        OSError: it cannot be made.
    """
    for left in Path(tempfile.gettempdir()).glob(f"nlptool-{kind}-*"):
        with contextlib.suppress(OSError):  # it is in use, another user's, or on storage without locks
            descriptor = _opened(left)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
            finally:
                os.close(descriptor)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=f"nlptool-{kind}-"))
        with contextlib.suppress(FileNotFoundError):  # another process has removed it before it was locked
            descriptor = _opened(folder)
            with contextlib.suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_SH)
            if folder.exists():
                return folder, descriptor
            os.close(descriptor)


def _opened(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


@contextlib.contextmanager
def disk_space() -> Iterator[None]:
    """Turn an ``OSError`` of the statements inside, which write temporary files, into a message that names TMPDIR.

    Raises:
        RunError: the temporary folder cannot hold what is written.
    """
    try:
        yield
    except OSError as error:
        raise RunError(
            f"no space in the temporary folder {tempfile.gettempdir()}: {error.strerror}", hint="TMPDIR names another"
        ) from error
