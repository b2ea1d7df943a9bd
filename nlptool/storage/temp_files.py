"""Temporary files for what does not have to stay in memory."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from typing import IO

from nlptool.errors import RunError


def temporary() -> IO[bytes]:
    """A file without a name, which is gone when it is closed, however the run ends.

    Raises:
        RunError: there is no room for one.
    """
    with disk_space():
        return tempfile.TemporaryFile()


@contextlib.contextmanager
def disk_space() -> Iterator[None]:
    """
    Raises:
        RunError: what is done inside has failed as an ``OSError``.
    """
    try:
        yield
    except OSError as error:
        raise RunError(
            f"no room in the temporary folder {tempfile.gettempdir()}: {error.strerror}", hint="TMPDIR names another"
        ) from error


@contextlib.contextmanager
def corpus_disk_space() -> Iterator[None]:
    """
    Raises:
        RunError: the temporary folder cannot hold what is written within.
    """
    try:
        yield
    except OSError as error:
        raise RunError(
            f"the corpus does not fit into {tempfile.gettempdir()}: {error.strerror}",
            hint="TMPDIR names another folder",
        ) from error
