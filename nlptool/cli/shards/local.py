"""The local engine: processes on this machine, one shard each at a time. One that dies is replaced."""

from __future__ import annotations

import contextlib
import signal
from multiprocessing import connection as connections
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from types import TracebackType
from typing import TYPE_CHECKING, Self

from nlptool.cli.shards.worker import Setup, serve
from nlptool.errors import OutOfMemory
from nlptool.terminal import library_warnings

if TYPE_CHECKING:
    from nlptool.tasks.shards.plan import Shard
    from nlptool.tasks.shards.run import Outcome


class LocalEngine:
    """Spawned processes that run a command over shards.

    Args:
        setup: what each process is told.
    """

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self.capacity = setup.n_processes
        self._idle: list[Connection] = []
        self._busy: dict[Connection, Shard] = {}
        self._processes: dict[Connection, SpawnProcess] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all processes: what they had begun is not kept."""
        for connection, process in self._processes.items():
            process.kill()
            connection.close()
        for process in self._processes.values():
            process.join()

    def submit(self, shard: Shard, output: str) -> None:
        """Give a shard to a process that waits, or to a new one.

        Raises:
            OutOfMemory: no process can be started.
        """
        while True:
            connection = self._idle.pop() if self._idle else self._started()
            try:
                connection.send((shard, output))
            except OSError:  # it died while it waited
                self._forget(connection)
                continue
            self._busy[connection] = shard
            return

    def wait(self) -> Outcome:
        """Return how a shard has ended."""
        from nlptool.tasks.shards.run import Outcome

        connection = next(each for each in connections.wait(list(self._busy)) if isinstance(each, Connection))
        shard = self._busy.pop(connection)
        try:
            outcome: Outcome = connection.recv()
        except (EOFError, OSError):
            self._forget(connection)
            return Outcome(shard, -1)
        self._idle.append(connection)
        return outcome

    def _started(self) -> Connection:
        # Ctrl-C reaches the whole group, and this process decides: they are born with the signal blocked. (The resource tracker
        # would unblock it.)
        with library_warnings.hidden():
            resource_tracker.ensure_running()
        context = get_context("spawn")
        unblocked = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            ours, theirs = context.Pipe()
            process = context.Process(target=serve, args=(theirs, self._setup))
            process.start()
            theirs.close()
        except OSError as error:
            raise OutOfMemory(
                f"a worker cannot be started: {error.strerror or error}", hint="fewer --workers need less memory"
            ) from error
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)
        self._processes[ours] = process
        return ours

    def _forget(self, connection: Connection) -> None:
        """Close the connection to a process that died."""
        process = self._processes.pop(connection)
        with contextlib.suppress(OSError):
            connection.close()
        process.kill()
        process.join()
