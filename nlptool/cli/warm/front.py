"""The warm server's process that waits: it hands command lines to workers, and computes nothing itself.

``python -m nlptool.cli.warm.front COMMAND FOLDER`` is started by a command that has run cold in FOLDER, with what was located of
its models on standard input. There may be several at a moment; the one whose socket has the name goes on. With SOCKET MEMORY
behind these the server belongs to the process that has started it, and ends with that.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nlptool import machine
from nlptool.cli.warm import places, settings
from nlptool.cli.warm.messages import Channel, Message, close, is_of_this_user

MOST_WORKERS = min(max(machine.processors(), 2), 4)
_SECOND_AFTER = 0.5  # seconds that a command line waits before another worker is started
_BUSY_AFTER = 3.0  # seconds that no worker has ended a run, after which it is sent away
_SPARE_FOR = 60.0  # seconds that a worker without work stays, if it is not the last one
_LOOK = 5.0  # seconds between two looks at the socket's name
_QUEUE = 512


@dataclass(frozen=True)
class Listening:
    """A socket that clients connect to by a name."""

    socket: socket.socket
    path: Path
    number: int  # of the name in the file system, when the socket was given it

    @property
    def has_its_name(self) -> bool:
        """Whether clients that connect to the name reach this socket."""
        try:
            return self.path.stat().st_ino == self.number
        except OSError:
            return False


@dataclass(eq=False)
class Worker:
    """A process that runs command lines."""

    process: int
    channel: Channel
    is_busy: bool = True  # until it says that it is ready
    since: float = field(default_factory=time.monotonic)  # it is busy, or idle
    models: int = 0


@dataclass(eq=False)
class Request:
    """A command line that waits for a worker."""

    client: Channel
    message: Message
    since: float = field(default_factory=time.monotonic)


class Front:
    """Waits for clients and workers.

    Args:
        listening: what clients connect to.
        first: what the first worker is to prepare: {"preload": command, "folder": its working folder}.
        chosen: None: what is kept of this user.
        owner: the process with which it ends; 0: none.
    """

    def __init__(
        self,
        listening: Listening,
        first: dict[str, str],
        chosen: settings.Settings | None = None,
        owner: int = 0,
    ) -> None:
        self._listening = listening
        self._first: dict[str, str] | None = first
        self._settings = chosen or settings.read()
        self._owner = owner
        self._selector = selectors.DefaultSelector()
        self._selector.register(listening.socket, selectors.EVENT_READ, None)
        self._workers: list[Worker] = []
        self._waiting: deque[Request] = deque()
        self._began = self._used = self._looked = time.monotonic()
        self._moved = self._began  # a worker was ready for the next command line
        self._n_run = 0
        self._is_ending = False

    def serve(self) -> None:
        """Serve until nobody has asked for a while, or another server has the name."""
        self._start_worker()
        while not (self._is_ending and not any(worker.is_busy for worker in self._workers) and not self._waiting):
            for key, _ in self._selector.select(0.1 if self._waiting else 1.0):
                if key.data is None:
                    self._accept()
                elif isinstance(key.data, Worker):
                    self._hear_worker(key.data)
                else:
                    self._hear_client(key.data)
            self._hand_over()
            self._look_around()
        for worker in list(self._workers):
            self._end(worker)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            connection, _ = self._listening.socket.accept()
            if not is_of_this_user(connection):
                connection.close()
                return
            connection.settimeout(1.0)
            channel = Channel(connection)
            self._selector.register(connection, selectors.EVENT_READ, channel)

    def _hear_client(self, client: Channel) -> None:
        """Receive what a client sends: a command line, or a question."""
        try:
            is_open = client.fill()
            message = client.next_received()
        except OSError:
            is_open, message = False, None
        if message is not None and "run" in message.value and len(message.descriptors) == 4 and not self._is_ending:
            self._selector.unregister(client.connection)
            self._waiting.append(Request(client, message))
            return
        if message is not None:
            close(message.descriptors)
            if "stop" in message.value:
                self._stop()
            with contextlib.suppress(OSError):
                client.send(self._state() if message.value.keys() & {"status", "stop"} else {"busy": True})
        if not is_open or message is not None:
            self._selector.unregister(client.connection)
            client.close()

    def _hear_worker(self, worker: Worker) -> None:
        """Receive that a worker is ready for another command line, or that it has ended."""
        try:
            is_open = worker.channel.fill()
            message = worker.channel.next_received()
        except OSError:
            is_open, message = False, None
        if message is not None:
            worker.is_busy, worker.since, worker.models = False, time.monotonic(), message.value["models"]
            self._moved = worker.since
            if self._first is not None:
                first, self._first = self._first, None
                self._give(worker, first, (0,))
        elif not is_open:
            self._end(worker)
            if not self._workers and not self._is_ending and self._n_run:
                self._start_worker()

    def _hand_over(self) -> None:
        """Give command lines that wait to workers that do not work; send those away that have waited for long."""
        now = time.monotonic()
        while self._waiting and (worker := next((each for each in self._workers if not each.is_busy), None)):
            request = self._waiting.popleft()
            descriptors = (*request.message.descriptors, request.client.fileno())
            if self._give(worker, request.message.value, descriptors):
                self._n_run += 1
            self._drop(request)
        if (
            self._waiting
            and now - self._waiting[0].since > _SECOND_AFTER
            and all(now - worker.since > _SECOND_AFTER for worker in self._workers)
        ):
            self._start_worker()
        while self._waiting and now - max(self._waiting[0].since, self._moved) > _BUSY_AFTER:
            request = self._waiting.popleft()
            with contextlib.suppress(OSError):
                request.client.send({"busy": True})
            self._drop(request)

    def _give(self, worker: Worker, value: dict[str, Any], descriptors: tuple[int, ...]) -> bool:
        """Give a worker something to do; return whether it took it."""
        others = sum(machine.memory_held(each.process) for each in self._workers if each is not worker)
        worker.is_busy, worker.since = True, time.monotonic()
        self._used = worker.since
        try:
            worker.channel.send({**value, "memory": self._settings.limit - others}, descriptors)
        except OSError:
            return False
        return True

    def _look_around(self) -> None:
        """End what is of no use any more: a spare worker, and this server."""
        now = time.monotonic()
        for worker in self._workers[1:]:
            if not worker.is_busy and now - worker.since > _SPARE_FOR:
                self._end(worker)
        is_idle = not self._waiting and not any(worker.is_busy for worker in self._workers)
        if is_idle and now - self._used > self._settings.idle:
            self._stop()
        if now - self._looked > _LOOK:
            self._looked = now
            if not self._listening.has_its_name or (self._owner and os.getppid() != self._owner):
                self._is_ending = True

    def _start_worker(self) -> None:
        if len(self._workers) >= MOST_WORKERS:
            return
        ours, theirs = socket.socketpair()
        arguments = [sys.executable, "-m", "nlptool.cli.warm.worker", str(theirs.fileno())]
        os.set_inheritable(theirs.fileno(), True)
        nowhere = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in range(3)]
        try:
            process = os.posix_spawn(sys.executable, arguments, os.environ, file_actions=nowhere)
        except OSError:
            ours.close()
            return
        finally:
            theirs.close()
        worker = Worker(process, Channel(ours))
        self._workers.append(worker)
        self._selector.register(ours, selectors.EVENT_READ, worker)

    def _end(self, worker: Worker) -> None:
        """End a worker that does nothing, or clear up after one that has ended."""
        self._workers.remove(worker)
        self._selector.unregister(worker.channel.connection)
        worker.channel.close()
        with contextlib.suppress(ChildProcessError):
            if not os.waitpid(worker.process, os.WNOHANG)[0]:
                os.kill(worker.process, signal.SIGKILL)
                os.waitpid(worker.process, 0)

    def _stop(self) -> None:
        """Take no more command lines."""
        if not self._is_ending and self._listening.has_its_name:
            self._listening.path.unlink(missing_ok=True)
        self._is_ending = True

    def _drop(self, request: Request) -> None:
        """Close this process's end of what a worker has, or nobody takes."""
        close(request.message.descriptors)
        request.client.close()

    def _state(self) -> dict[str, Any]:
        """Return what ``nlptool warm status`` shows."""
        now = time.monotonic()
        held = machine.memory_held(os.getpid()) + sum(machine.memory_held(worker.process) for worker in self._workers)
        return {
            "process": os.getpid(),
            "workers": len(self._workers),
            "busy": sum(worker.is_busy for worker in self._workers),
            "models": sum(worker.models for worker in self._workers),
            "commands": self._n_run,
            "memory": held,
            "memory_limit": self._settings.limit,
            "seconds": round(now - self._began),
            "ends_after": round(max(0.0, min(self._settings.idle, 1e9) - (now - self._used))),
        }  # fmt: skip


def listen(path: Path) -> Listening | None:
    """Return a socket that clients can connect to by a name, or None where a server has it already.

    Raises:
        OSError: it cannot be made.
    """
    path.parent.mkdir(mode=0o700, exist_ok=True)
    if not places.is_ours(str(path.parent)):
        raise OSError(f"{path.parent} belongs to another user, or lets others in")
    with socket.socket(socket.AF_UNIX) as other, contextlib.suppress(OSError):
        other.connect(str(path))
        return None
    listening = socket.socket(socket.AF_UNIX)
    made = path.with_suffix(f".{os.getpid()}")
    os.umask(0o177)
    try:
        listening.bind(str(made))
        listening.listen(_QUEUE)
        number = made.stat().st_ino
        made.replace(path)
    except OSError:
        made.unlink(missing_ok=True)
        listening.close()
        raise
    return Listening(listening, path, number)


def main() -> None:
    """Serve, in a session of its own."""
    with contextlib.suppress(OSError):
        os.setsid()
    command, folder, *private = sys.argv[1:]
    owner = os.getppid() if private else 0
    chosen = settings.Settings(float("inf"), int(private[1])) if private else None
    os.closerange(3, os.sysconf("SC_OPEN_MAX") if os.sysconf("SC_OPEN_MAX") < 1 << 16 else 1 << 16)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    path = Path(private[0] if private else places.socket_path())
    try:
        listening = listen(path)
    except OSError:  # no server can be here
        return
    if listening is None:
        return
    os.chdir("/")
    time.sleep(0.05)  # another server may have been started at the same moment
    if listening.has_its_name:
        Front(listening, {"preload": command, "folder": folder}, chosen, owner).serve()


if __name__ == "__main__":
    main()
