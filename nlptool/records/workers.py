"""Texts processed by several threads or processes, with results in order.

Processes are spawned, not forked: MeCab and the tokenizers library hold locks and threads that a fork would break. Each
worker opens its model once and then processes lists of texts.
"""

from __future__ import annotations

import contextlib
import functools
import os
import queue
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, NoReturn, Protocol, TypeVar, cast

from nlptool import machine
from nlptool.errors import OutOfMemory, RunError
from nlptool.terminal import library_warnings

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor
    from multiprocessing.connection import Connection

Result = TypeVar("Result")

_WORTH_A_THREAD = 20_000  # characters in a list; less is done before a thread has begun
_MOST_THREADS = 2  # they prepare more than the rest of the process can take up
_MUCH = 4_000_000  # characters, after which it pays to start processes
_FEWEST_PROCESSES = 4  # fewer are no faster than the threads


class InTwoSteps(Protocol[Result]):
    """A function of a list of texts in two steps, the first of which leaves the interpreter to other threads most of the time.

    Calling it does both.
    """

    def begin(self, texts: Sequence[str]) -> Any: ...

    def finish(self, begun: Any) -> list[Result]: ...

    def __call__(self, texts: Sequence[str]) -> list[Result]: ...


Function = Callable[[Sequence[str]], list[Result]]


class Workers(Generic[Result]):
    """``n`` processes that each call ``make(*arguments)`` once and its result on every list of texts they are sent.

    ``n=1`` works in this process. ``n=None`` takes all processors once there is much to do: first by threads, for a function
    in two steps, and by a process for each processor when there are more of them than two threads keep busy.

    ``send`` and ``receive`` keep the order: the first sent is the first received.
    """

    def __init__(self, n: int | None, make: Callable[..., Function[Result]], *arguments: Any) -> None:
        self._task = (make, arguments)
        self._n_characters = 0  # sent
        self._grows = n is None and machine.processors() >= _FEWEST_PROCESSES
        self._receivers: deque[Callable[[], list[Result]]] = deque()
        self._team: _Threads[Result] | _Processes[Result]
        if n is None or n == 1:
            self._team = _Threads(make(*arguments), n=machine.processors() if n is None else 1)
        else:
            self._team = _Processes(n, *self._task)

    def send(self, texts: Sequence[str]) -> None:
        """Give a list of texts to the next worker.

        Raises:
            RunError: the worker died.
        """
        if self._grows:
            self._n_characters += sum(map(len, texts))
            if self._n_characters > _MUCH:
                self._grows = False
                with contextlib.suppress(OSError, RunError):  # no memory for them
                    self._team = _Processes(machine.processors(), *self._task)
        self._receivers.append(self._team.send(texts))

    def receive(self) -> list[Result]:
        """Return the results of the list that was sent first among those in progress.

        Raises:
            RunError: the worker died.
            Exception: whatever the worker raised.
        """
        return self._receivers.popleft()()

    @property
    def capacity(self) -> int:
        """How many lists in progress keep every worker busy."""
        return self._team.capacity


class _Threads(Generic[Result]):
    """Works in this process, and does the first step of a function in two steps in threads, for lists that are worth it."""

    def __init__(self, function: Function[Result], *, n: int) -> None:
        self._function = function
        self._n = min(n, _MOST_THREADS) if n > 1 and hasattr(function, "begin") else 0
        self._pool: ThreadPoolExecutor | None = None
        self.capacity = 1

    def send(self, texts: Sequence[str]) -> Callable[[], list[Result]]:
        if not self._n or sum(map(len, texts)) < _WORTH_A_THREAD:
            self.capacity = 1
            return functools.partial(self._function, texts)
        if self._pool is None:
            from concurrent.futures import ThreadPoolExecutor

            self._pool = ThreadPoolExecutor(self._n)
        self.capacity = 1 + self._n
        function = cast("InTwoSteps[Result]", self._function)
        try:
            begun = self._pool.submit(function.begin, texts)
        except RuntimeError:  # the system allows no further thread
            self._n, self.capacity = 0, 1
            return functools.partial(self._function, texts)
        return lambda: function.finish(begun.result())


class _Processes(Generic[Result]):
    """Spawned processes, which take turns."""

    def __init__(self, n: int, make: Callable[..., Function[Result]], arguments: tuple[Any, ...]) -> None:
        import multiprocessing
        import pickle
        from multiprocessing import resource_tracker

        self.capacity = 2 * n
        self._connections: list[Connection] = []
        self._next = 0
        context = multiprocessing.get_context("spawn")
        # Ctrl-C reaches the whole group, and the parent decides: workers are born with the signal blocked. (The resource
        # tracker, which multiprocessing starts with the first worker, would unblock it.)
        with library_warnings.hidden():  # the tracker warns at its end of what torch has not given back
            resource_tracker.ensure_running()
        task = pickle.dumps((make, arguments))
        unblocked = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            for _ in range(n):
                ours, theirs = context.Pipe()
                context.Process(target=_serve, args=(theirs, library_warnings.mode(), task), daemon=True).start()
                theirs.close()
                self._connections.append(ours)
        except OSError as error:
            raise OutOfMemory(
                f"worker {len(self._connections) + 1:,} of {n:,} cannot be started: {error.strerror or error}",
                hint="fewer workers (-j N) need less memory, processes and open files",
            ) from error
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)
        self.send([])()  # what cannot be made is known before anything is read or written

    def send(self, texts: Sequence[str]) -> Callable[[], list[Result]]:
        connection = self._connections[self._next]
        self._next = (self._next + 1) % len(self._connections)
        try:
            connection.send(texts)
        except OSError:
            _worker_died()
        return functools.partial(_answer, connection)


def _answer(connection: Connection) -> Any:
    try:
        answer = connection.recv()
    except (EOFError, OSError):
        _worker_died()
    if isinstance(answer, Exception):
        raise answer
    return answer


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
