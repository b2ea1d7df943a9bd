"""Texts processed by several processes, with results in order.

Processes are spawned, not forked: MeCab and the tokenizers library hold locks and threads that a fork would break. Each
worker opens its model once and then processes lists of texts.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

from nlptool.errors import RunError
from nlptool.terminal import library_warnings

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

Result = TypeVar("Result")


class Workers(Generic[Result]):
    """``n`` processes that each call ``make(*arguments)`` once and its result on every list of texts they are sent.

    ``n=1`` works in this process. ``send`` and ``receive`` keep the order: the first sent is the first received.
    """

    def __init__(self, n: int, make: Callable[..., Callable[[Sequence[str]], list[Result]]], *arguments: Any) -> None:
        self.capacity = 1 if n == 1 else 2 * n  # lists in progress that keep every worker busy
        self._call = make(*arguments) if n == 1 else None
        self._answers: deque[list[Result]] = deque()
        self._order: deque[int] = deque()
        self._connections: list[Connection] = []
        self._next = 0
        if n == 1:
            return
        import multiprocessing
        import pickle
        from multiprocessing import resource_tracker

        context = multiprocessing.get_context("spawn")
        # Ctrl-C reaches the whole group, and the parent decides: workers are born with the signal blocked. (The resource
        # tracker, which multiprocessing starts with the first worker, would unblock it.)
        with library_warnings.hidden():  # the tracker warns at its end of what torch has not given back
            resource_tracker.ensure_running()
        unblocked = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        task = pickle.dumps((make, arguments))
        for _ in range(n):
            ours, theirs = context.Pipe()
            context.Process(target=_serve, args=(theirs, library_warnings.mode(), task), daemon=True).start()
            theirs.close()
            self._connections.append(ours)
        signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)
        self.send([])  # what cannot be made is known before anything is read or written
        self.receive()

    def send(self, texts: Sequence[str]) -> None:
        """Give a list of texts to the next worker.

        Raises:
            RunError: the worker died.
        """
        if self._call is not None:
            self._answers.append(self._call(texts))
            return
        try:
            self._connections[self._next].send(texts)
        except OSError:
            _worker_died()
        self._order.append(self._next)
        self._next = (self._next + 1) % len(self._connections)

    def receive(self) -> list[Result]:
        """Return the results of the list that was sent first among those in progress.

        Raises:
            RunError: the worker died.
            Exception: whatever the worker raised.
        """
        if self._call is not None:
            return self._answers.popleft()
        try:
            answer = self._connections[self._order.popleft()].recv()
        except (EOFError, OSError):
            _worker_died()
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]


def in_order(
    lists: Iterator[Any], workers: Workers[Result], texts_of: Callable[[Any], Sequence[str]]
) -> Iterator[tuple[Any, list[Result]]]:
    """Yield each item of ``lists`` with the results of its texts. Before an item without texts (nothing new has come for a
    while) all that is in progress is yielded."""
    waiting: deque[Any] = deque()
    for item in lists:
        texts = texts_of(item)
        workers.send(texts)
        waiting.append(item)
        most = workers.capacity - 1 if texts else 0
        while len(waiting) > most:
            yield waiting.popleft(), workers.receive()
    while waiting:
        yield waiting.popleft(), workers.receive()


def _worker_died() -> NoReturn:
    raise RunError("a worker process died", hint="if the memory was short, fewer -j need less") from None


def _serve(connection: Connection, mode: library_warnings.Mode, task: bytes) -> None:
    """Process lists of texts until the pipe is closed: when the parent ends, however it ends.

    Args:
        task: ``make`` and its arguments, pickled: reading them imports libraries, whose warnings ``mode`` is about.
    """
    import pickle

    # A thread receives the texts: else parent and worker could each wait for the other to read, with both pipes full.
    inbox: queue.SimpleQueue[Sequence[str]] = queue.SimpleQueue()
    threading.Thread(target=_receive_into, args=(connection, inbox), daemon=True).start()
    call: Callable[[Sequence[str]], Any] | None = None
    with contextlib.suppress(BrokenPipeError, ConnectionResetError), library_warnings.in_mode(mode):
        while True:
            texts = inbox.get()
            try:
                if call is None:
                    make, arguments = pickle.loads(task)
                    call = make(*arguments)
                answer = call(texts)
            except Exception as error:  # noqa: BLE001  # sent to the parent, which raises it
                answer = error
            connection.send(answer)
    os._exit(0)


def _receive_into(connection: Connection, inbox: queue.SimpleQueue[Sequence[str]]) -> None:
    with contextlib.suppress(EOFError, OSError):
        while True:
            inbox.put(connection.recv())
    os._exit(0)  # the parent is gone: nobody waits for results
