"""Object stores (``s3://``, ``gs://``, ``hdfs://``, ``memory://``): what is in them, read and written.

What is read has the length that the store has said, or it is an error: a body that was cut is never taken for a whole one. What
is written is looked at again. Requests are made, and made again, in ``store_requests``.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any, cast

from nlptool.errors import RunError
from nlptool.storage.store_requests import request, scheme

_BLOCK = 1 << 24  # bytes of one request
_UPLOADS = 3  # of a file that does not arrive whole
_CHECKSUMS = ("ETag", "etag", "md5Hash", "generation", "content_md5")
_VERSIONS = (*_CHECKSUMS, "mtime", "LastModified", "last_modified", "created")
"""What file systems call that which tells a file from what it becomes when it is written again, the surest first."""

_AT_ONCE = frozenset({"abfs", "abfss", "adl", "az", "gcs", "gs", "hf", "memory", "oci", "oss", "s3", "s3a", "tos"})
"""Stores in which a file that is put is there as a whole or not at all; elsewhere it is renamed."""


def puts_at_once(url: str) -> bool:
    """Return whether what is put into the store of a URL is there as a whole or not at all, and needs no folder."""
    return scheme(url) in _AT_ONCE


def make_folder(url: str) -> None:
    """Make a folder, if its store has folders: a bucket is not made, whose name may be a slip.

    Raises:
        OSError, RunError: as of ``request``.
    """
    if not puts_at_once(url):
        request(url, lambda system: system.makedirs(url, exist_ok=True))


@dataclass(frozen=True, slots=True)
class State:
    """What tells a file from what it becomes when it is written again.

    Attributes:
        size: in bytes.
        version: the store's ETag or checksum, or the time of change.
    """

    size: int
    version: str


def state_of(path: str) -> State:
    """Return the state of an object.

    Raises:
        OSError, RunError: as of ``request``.
    """
    return _state(path, request(path, lambda system: system.info(path)))


def _state(path: str, about: Mapping[str, Any]) -> State:
    if about.get("type") == "directory":
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if about.get("size") is None:
        raise RunError(f"{path}: the store does not say how large it is", hint="fetch it, and read the copy")
    version = next((str(about[name]).strip('"') for name in _VERSIONS if about.get(name) is not None), "")
    return State(int(about["size"]), version)


def below(url: str) -> dict[str, State] | None:
    """Return the objects below a URL, sorted by their URLs, without hidden ones; None: it is an object itself.

    Raises:
        OSError, RunError: as of ``request``.
    """
    if request(url, lambda system: system.info(url))["type"] != "directory":
        return None
    # A name that ends with a slash stands for an empty folder.
    found = request(
        url,
        lambda system: {
            system.unstrip_protocol(name): about
            for name, about in system.find(url, detail=True).items()
            if about["type"] != "directory" and not name.endswith("/")
        },
    )
    home = url.rstrip("/") + "/"
    return {
        # Times are written in another way in the lists of some stores.
        name: _state(name, found[name]) if any(found[name].get(each) for each in _CHECKSUMS) else state_of(name)
        for name in sorted(found)
        if not any(part.startswith(".") for part in name.removeprefix(home).split("/"))
    }


def listed(url: str) -> dict[str, Mapping[str, Any]]:
    """Return what is directly in a folder: name -> what the store says of it; {} where there is no such folder.

    Raises:
        OSError, RunError: as of ``request``.
    """
    try:
        found = request(url, lambda system: system.ls(url, detail=True))
    except FileNotFoundError as error:
        if _says_more(error):  # that there is no such bucket
            raise
        return {}
    return {str(about["name"]).rstrip("/").rpartition("/")[2]: about for about in found}


def _says_more(error: FileNotFoundError) -> bool:
    return bool(re.search("bucket|container", str(error.strerror), re.IGNORECASE))


def read(path: str) -> bytes:
    """Return what an object holds.

    Raises:
        OSError, RunError: as of ``request``.
    """
    with opened(path) as file:
        return file.read()


def put(path: str, url: str) -> None:
    """Put a file of this machine into a store; a file of another size than this one is an error.

    Raises:
        OSError, RunError: as of ``request``.
    """
    size = os.stat(path).st_size  # noqa: PTH116

    there: int | None = -1
    for _ in range(_UPLOADS):
        request(url, lambda system: system.put_file(path, url))
        there = request(url, lambda system: system.info(url)).get("size")
        if there in (size, None):
            return
    raise OSError(errno.EIO, f"{there:,} of {size:,} bytes have been written")


def remove(url: str) -> None:
    """Remove an object, if it is there.

    Raises:
        OSError, RunError: as of ``request``.
    """
    with contextlib.suppress(FileNotFoundError):
        request(url, lambda system: system.rm_file(url))


def opened(path: str) -> IO[bytes]:
    """Open an object to read it.

    Raises:
        OSError, RunError: as of ``request``; reading does so too, and if the object becomes shorter.
    """
    return cast(IO[bytes], _Object(path, state_of(path).size))


class _Object(io.RawIOBase):
    """An object that is read in blocks, each of which is asked for again until all of it has come."""

    def __init__(self, path: str, size: int) -> None:
        self._path = path
        self._size = size
        self._position = 0
        self._block = b""
        self._start = 0  # of the block

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._position = max(0, offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence])
        return self._position

    def readinto(self, buffer: Any) -> int:
        if self._position >= self._size:
            return 0
        if not self._start <= self._position < self._start + len(self._block):
            self._start, self._block = self._position, b""
            self._block = self._fetched(self._position, min(self._position + _BLOCK, self._size))
        at = self._position - self._start
        n = min(len(buffer), len(self._block) - at)
        buffer[:n] = self._block[at : at + n]
        self._position += n
        return n

    def _fetched(self, start: int, end: int) -> bytes:
        """Return all bytes from ``start`` to ``end``."""

        def do(system: Any) -> bytes:
            data: bytes = system.cat_file(self._path, start=start, end=end)
            if len(data) == end - start:
                return data
            if (there := system.info(self._path).get("size")) is not None and there < end:
                raise RunError(f"{self._path}: the file has become shorter while it was read", hint="run it again")
            raise OSError(errno.EIO, f"{len(data):,} of {end - start:,} bytes have come")

        return request(self._path, do)
