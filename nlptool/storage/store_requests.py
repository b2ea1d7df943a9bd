"""Requests to object stores, through fsspec: what passes (a store that throttles, a connection that is cut, an answer that does
not come) is tried again with growing waits; what lasts is said at once, in one way, whatever the library."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import re
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from nlptool.errors import RunError, first_line

WAITS: tuple[float, ...] = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds between the tries of a request; each is up to half as long again, so that many processes do not come back at once."""

_FIRST_WAITS = 2  # of them, while no answer has come: a wrong address does not become right
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_PASSING_ERRNOS = frozenset({
    errno.EAGAIN, errno.EBUSY, errno.ECONNABORTED, errno.ECONNREFUSED, errno.ECONNRESET, errno.EHOSTUNREACH, errno.EIO,
    errno.ENETDOWN, errno.ENETUNREACH, errno.EPIPE, errno.ETIMEDOUT, getattr(errno, "EREMOTEIO", errno.EIO),
})  # fmt: skip
_PASSING_STATUS = frozenset({408, 429, 500, 502, 503, 504})
_PASSING_NAMES = re.compile(
    r"Timeout|Connect|Disconnected|Payload|Incomplete|Checksum|ClientOSError|ResponseParser|ServiceRe(quest|sponse)Error|Transport|Protocol"
)
"""The names of the errors of libraries that mean the way to the store, or an answer that was cut."""
_PASSING_WORDS = re.compile(
    r"BadDigest|IncompleteBody|SlowDown|ContentSHA256Mismatch|reduce your request rate", re.IGNORECASE
)

T = TypeVar("T")

_answered: set[str] = set()  # schemes of the stores that have answered


def is_remote(path: str) -> bool:
    """Return whether a path is a URL of an object store."""
    return _SCHEME.match(path) is not None


def scheme(path: str) -> str:
    """Return the scheme of a URL in small letters."""
    found = _SCHEME.match(path)
    return found[1].lower() if found else "file"


def has_answered(path: str) -> None:
    """Take it that the store of a URL can be reached: another process has reached it."""
    _answered.add(scheme(path))


def request(path: str, do: Callable[[Any], T]) -> T:
    """Return what ``do`` returns, called with the file system of a URL. It is called again after what passes.

    Raises:
        OSError: there is no such file, say, or it may not be read.
        RunError: the store cannot be reached, or its package is not installed.
    """
    with failures(path):
        n = 0
        while True:
            try:
                found = do(_system(path))
            except Exception as error:  # each library has classes of its own
                lasting = not _passes(error)
                if lasting or n >= (len(WAITS) if scheme(path) in _answered or _is_answer(error) else _FIRST_WAITS):
                    raise
            else:
                has_answered(path)
                return found
            time.sleep(WAITS[n] * (1 + random.random() / 2))
            n += 1


def _system(path: str) -> Any:
    """Return the file system of a URL; what it remembers of the store is forgotten, since others write there too."""
    import fsspec

    os.environ.setdefault("AWS_MAX_ATTEMPTS", "1")  # botocore's tries in s3fs's tries in these would be minutes
    system = fsspec.filesystem(scheme(path))
    if scheme(path) in ("s3", "s3a"):
        system.retries = 1
    system.invalidate_cache()
    return system


def _passes(error: BaseException) -> bool:
    """Return whether an error may be gone when the request is made again."""
    if isinstance(
        error, FileNotFoundError | FileExistsError | PermissionError | IsADirectoryError | NotADirectoryError
    ):
        return False
    if _is_answer(error) or isinstance(error, ConnectionError | TimeoutError | EOFError):
        return True
    if isinstance(error, OSError) and error.errno in _PASSING_ERRNOS:
        return True
    return any(_PASSING_NAMES.search(kind.__name__) for kind in type(error).__mro__) and not isinstance(
        error, ImportError
    )


def _is_answer(error: BaseException) -> bool:
    """Return whether an error is what a store answers that is asked for too much, or fails."""
    status = next(
        (getattr(error, name, None) for name in ("status_code", "status", "code") if hasattr(error, name)), None
    )
    if status in _PASSING_STATUS or _PASSING_WORDS.search(str(error)):
        return True
    return isinstance(error, OSError) and error.errno in (errno.EBUSY, getattr(errno, "EREMOTEIO", errno.EBUSY))


@contextlib.contextmanager
def failures(path: str) -> Iterator[None]:
    """Say what a library of an object store raises, whatever it is, in one way.

    Raises:
        OSError: as it came, with a message.
        RunError: for all else.
    """
    try:
        yield
    except RunError:
        raise
    except OSError as error:
        if error.strerror and "\n" not in error.strerror:
            raise
        said = first_line(error) if " " in str(error) else ""  # else it is the path once more
        number = errno.ENOENT if isinstance(error, FileNotFoundError) else errno.EIO
        raise type(error)(number, said or os.strerror(number)) from error
    except ImportError as error:
        raise RunError(
            f"{path}: {first_line(error)}", hint="fsspec needs that package for this kind of store"
        ) from error
    except Exception as error:  # each library has classes of its own
        name = type(error).__name__
        hint = ""
        if "Credential" in name:
            hint = f"the credentials are those that the package of {scheme(path)}:// finds: in the environment or its files"
        elif _PASSING_NAMES.search(name):
            hint = "is that its address, and does it answer?"
        said = f"{name}: {first_line(error)}" if str(error).strip() else name
        raise RunError(f"{path}: {said}", hint=hint) from error
