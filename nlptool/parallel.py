"""Work shared by processes, results in order.

Processes are spawned, not forked: MeCab and the tokenizers library hold locks and threads that a fork would break. Each
worker makes its own analyser once and then answers lists of texts.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")


class Workers(Generic[Result]):
    """``n`` processes that each call ``make(*arguments)`` once and its result on every list of texts they are sent.

    ``n=1`` works in this process. ``send`` and ``receive`` keep the order: the first sent is the first received.
    """

    def __init__(self, n: int, make: Callable[..., Callable[[Sequence[str]], list[Result]]], *arguments: Any) -> None:
        self.capacity = 1 if n == 1 else 2 * n  # lists under way that keep every worker busy
        self._call = make(*arguments) if n == 1 else None
        self._answers: deque[list[Result]] = deque()
        self._order: deque[int] = deque()
        self._connections: list[Connection] = []
        self._next = 0
        if n == 1:
            return
        context = multiprocessing.get_context("spawn")
        for _ in range(n):
            ours, theirs = context.Pipe()
            context.Process(target=_serve, args=(theirs, make, arguments), daemon=True).start()
            theirs.close()
            self._connections.append(ours)

    def __len__(self) -> int:
        """How many lists are under way."""
        return len(self._answers) + len(self._order)

    def send(self, texts: Sequence[str]) -> None:
        if self._call is not None:
            self._answers.append(self._call(texts))
            return
        self._connections[self._next].send(texts)
        self._order.append(self._next)
        self._next = (self._next + 1) % len(self._connections)

    def receive(self) -> list[Result]:
        """The results of the list sent first among those under way.

        Raises:
            Exception: whatever the worker raised.
        """
        if self._call is not None:
            return self._answers.popleft()
        try:
            answer = self._connections[self._order.popleft()].recv()
        except EOFError:
            raise RuntimeError("a worker process died") from None
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]


def in_order(
    lists: Iterator[Any], workers: Workers[Result], texts_of: Callable[[Any], Sequence[str]]
) -> Iterator[tuple[Any, list[Result]]]:
    """Yield each item of ``lists`` with the results of its texts. An item without texts (nothing new has come for a
    while) first brings out all that is under way."""
    waiting: deque[Any] = deque()
    for item in lists:
        workers.send(texts_of(item))
        waiting.append(item)
        most = 0 if not texts_of(item) else workers.capacity - 1
        while len(waiting) > most:
            yield waiting.popleft(), workers.receive()
    while waiting:
        yield waiting.popleft(), workers.receive()


def _serve(connection: Connection, make: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """A worker's life. It ends with the pipe: when the parent ends, however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    # A thread takes the texts in: else parent and worker could each wait for the other to read, with both pipes full.
    inbox: queue.SimpleQueue[Sequence[str] | None] = queue.SimpleQueue()
    threading.Thread(target=_take_in, args=(connection, inbox), daemon=True).start()
    call: Callable[[Sequence[str]], Any] | None = None
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        while (texts := inbox.get()) is not None:
            try:
                call = call or make(*arguments)
                answer = call(texts)
            except Exception as error:  # noqa: BLE001  # told to the parent, which raises it
                answer = error
            connection.send(answer)
    os._exit(0)


def _take_in(connection: Connection, inbox: queue.SimpleQueue[Sequence[str] | None]) -> None:
    with contextlib.suppress(EOFError, OSError):
        while True:
            inbox.put(connection.recv())
    inbox.put(None)
