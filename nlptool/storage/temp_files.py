"""Temporary files for what does not have to stay in memory."""

from __future__ import annotations

import contextlib
import tempfile
import weakref
from collections.abc import Iterator
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
        weakref.finalize(owner, file.close)
    return file


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
