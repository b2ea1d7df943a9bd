"""The requests that run, and those that wait for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from nlptool.cli.serve.errors import Refused


class Queue:
    """Lets some requests run at once, and some others wait.

    Args:
        n_at_once: requests that run.
        longest: requests that wait at most.

    Attributes:
        n_waiting: those that wait.
    """

    def __init__(self, n_at_once: int, longest: int) -> None:
        self.n_waiting = 0
        self._free = asyncio.Semaphore(n_at_once)
        self._longest = longest

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait until the request may run; it runs until the context ends.

        Raises:
            Refused: too many wait.
        """
        if self._free.locked() and self.n_waiting >= self._longest:
            raise Refused(503, f"{self.n_waiting} requests wait already (nlptool serve --queue)", retry_after=1)
        self.n_waiting += 1
        try:
            await self._free.acquire()
        finally:
            self.n_waiting -= 1
        try:
            yield
        finally:
            self._free.release()
