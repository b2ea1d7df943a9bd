"""An object store in memory, ``faulty://``, that does to requests what networks and busy stores do to them."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import fsspec
from fsspec.implementations.memory import MemoryFileSystem


class ClientPayloadError(Exception):
    """Named as that of aiohttp, which means that a body was cut."""


class FaultyStore(MemoryFileSystem):  # type: ignore[misc]
    """A store.

    Attributes:
        fault: called before each request with its name and its path; it raises what goes wrong.
        cut: called with the path and the bytes of an object that is read; returns what comes of them.
        requests: the names and paths of the requests.
    """

    protocol = "faulty"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    fault: ClassVar[Callable[[str, str], None]]
    cut: ClassVar[Callable[[str, bytes], bytes]]
    requests: ClassVar[list[tuple[str, str]]] = []
    one_by_one: ClassVar[threading.RLock] = threading.RLock()  # a dict in memory is not listed while it changes

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(MemoryFileSystem._strip_protocol(path.replace("faulty://", "memory://")))

    def _ask(self, name: str, path: str) -> None:
        type(self).requests.append((name, path))
        type(self).fault(name, path)

    def info(self, path: str, **more: Any) -> Any:
        self._ask("info", path)
        with self.one_by_one:
            return super().info(path, **more)

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **more: Any) -> bytes:
        self._ask("get", path)
        with self.one_by_one:
            data = super().cat_file(path, start, end, **more)
        return type(self).cut(path, data)

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **more: Any) -> None:
        self._ask("put", path)
        with self.one_by_one:
            super().pipe_file(path, value, mode, **more)

    def put_file(self, lpath: str, rpath: str, **more: Any) -> None:
        self._ask("put", rpath)
        with self.one_by_one:
            super().put_file(lpath, rpath, **more)

    def ls(self, path: str, detail: bool = True, **more: Any) -> Any:
        with self.one_by_one:
            return super().ls(path, detail, **more)

    def rm_file(self, path: str) -> None:
        with self.one_by_one:
            super().rm_file(path)


@contextmanager
def faulty_store() -> Iterator[type[FaultyStore]]:
    """An empty store without faults."""
    fsspec.register_implementation("faulty", FaultyStore, clobber=True)
    FaultyStore.store.clear()
    FaultyStore.pseudo_dirs[:] = [""]
    FaultyStore.requests.clear()
    FaultyStore.fault = staticmethod(lambda name, path: None)
    FaultyStore.cut = staticmethod(lambda path, data: data)
    yield FaultyStore


def throttled() -> OSError:
    """What s3fs raises for an answer of 503."""
    return OSError(errno.EBUSY, "Please reduce your request rate.")
