"""A process of the warm server: it runs one command line at a time, as a process of its own would, with models that stay open.

The front hands it a connection to a client with the client's descriptors. While the run lasts, the client's messages come here;
what the run writes goes to the client's descriptors without a step between.
"""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

from nlptool import machine
from nlptool.cli.warm.messages import Channel, Message, close

_SOON = 1.0  # seconds after its client has gone in which a run finds its pipes closed, and ends by that
_GRACE = 5.0  # seconds that a run has to end in when it is interrupted


class Worker:
    """Runs what the front hands over.

    Args:
        front: the channel to the front.
    """

    def __init__(self, front: Channel) -> None:
        from nlptool.cli.main import root
        from nlptool.tasks import open_models

        self._front = front
        self._root = root
        self._memory = machine.memory() // 4
        self._models = open_models.OpenModels(lambda: self._memory)
        open_models.keep(self._models)

    def serve(self) -> None:
        """Run command lines until the front is gone, or one has left this process in a state that is not known."""
        while (message := self._front.receive()) is not None:
            self._memory = message.value["memory"]
            if "preload" in message.value:
                self._preload(message)
            elif not self._run(message):
                return
            with contextlib.suppress(OSError):
                self._front.send({"idle": True, "models": len(self._models)})

    def _preload(self, message: Message) -> None:
        """Import what a command needs, and open the models that it opened."""
        with os.fdopen(message.descriptors[0], "rb") as written, contextlib.suppress(Exception):
            os.chdir(message.value["folder"])
            located = pickle.load(written)  # of the process of this user that has started the server
            self._root.get_command(None, message.value["preload"])  # type: ignore[arg-type]  # a lazy group needs none
            for each in located:
                self._models.get(each)
        os.chdir("/")

    def _run(self, message: Message) -> bool:
        """Run a command line; return whether this process is as it was before."""
        request = message.value
        *given, connection = message.descriptors
        client = Channel(socket.socket(fileno=connection))
        client.connection.setblocking(True)  # the front's timeout is one of the open connection itself
        try:
            client.send({"began": True})
        except OSError:  # it has not waited
            close(tuple(given))
            client.close()
            return True
        self._models.close_some()
        ending: dict[str, int] = {"signal": signal.SIGTERM}
        with _in_place_of(client, given, request), _watched(client) as is_interrupted:
            ending = self._ended(request["run"])
        with contextlib.suppress(OSError):
            client.send(ending)
        client.close()
        self._models.close_some(keep=1)
        # A closed pipe is found by a write, an interruption comes anywhere.
        return not is_interrupted() and ending.get("signal") in (None, signal.SIGPIPE)

    def _ended(self, arguments: list[str]) -> dict[str, int]:
        """Run a command line; return how it ended."""
        from nlptool.cli.main import Killed
        from nlptool.models.runtime import runs

        runs.begin()
        try:
            code = self._root.run(arguments)
            sys.stdout.flush()
            sys.stderr.flush()
        except Killed as killed:
            return {"signal": killed.number}
        except KeyboardInterrupt:
            return {"signal": signal.SIGINT}
        except BrokenPipeError:
            return {"signal": signal.SIGPIPE}
        except OSError as error:
            with contextlib.suppress(OSError):
                sys.stderr.write(f"nlptool: cannot write <stdout>: {error.strerror}\n")
                sys.stderr.flush()
            return {"exit": 1}
        return {"exit": code}


@contextlib.contextmanager
def _in_place_of(client: Channel, given: list[int], request: dict[str, Any]) -> Iterator[None]:
    """Give this process the streams, the folder, the environment and the rights of a client until the context ends."""
    from nlptool.terminal import interrupts

    folder, *streams = given
    environment = dict(os.environ)
    umask = os.umask(request["umask"])
    kept = sys.stdin, sys.stdout, sys.stderr
    os.fchdir(folder)
    os.environ.clear()
    os.environ.update(_set_by_libraries)
    os.environ.update(request["environment"])
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
    close(tuple(given))
    sys.stdin = sys.__stdin__ = _text(_Asking(0, lambda: client.send({"input": True})), sys.stdin)  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = _text(io.FileIO(1, "w", closefd=False), sys.stdout)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _text(io.FileIO(2, "w", closefd=False), sys.stderr)  # type: ignore[misc]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupts.forget()
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for number in range(3):
            os.dup2(nowhere, number)
        os.close(nowhere)
        for stream in (sys.stdout, sys.stderr):  # what could not be written goes nowhere
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        sys.stdin, sys.stdout, sys.stderr = sys.__stdin__, sys.__stdout__, sys.__stderr__ = kept  # type: ignore[misc, assignment]
        given_names = request["environment"].keys()
        _set_by_libraries.update((name, value) for name, value in os.environ.items() if name not in given_names)
        os.environ.clear()
        os.environ.update(environment)
        os.umask(umask)
        os.chdir("/")


_set_by_libraries: dict[str, str] = {}
"""Variables of the environment that libraries set when they are imported, which happens once in this process."""


class _Asking(io.FileIO):
    """Standard input that says so when it is used for the first time: a client reads nothing that its command does not.

    Args:
        ask: called once, before.
    """

    def __init__(self, descriptor: int, ask: Callable[[], None]) -> None:
        super().__init__(descriptor, "r", closefd=False)
        self._ask: Callable[[], None] | None = ask

    def fileno(self) -> int:
        self._asked()
        return super().fileno()

    def readinto(self, buffer: object) -> int | None:
        self._asked()
        return super().readinto(buffer)  # type: ignore[arg-type]

    def readall(self) -> bytes:
        self._asked()
        return super().readall() or b""

    def _asked(self) -> None:
        ask, self._ask = self._ask, None
        if ask is not None:
            ask()


def _text(raw: io.FileIO, like: io.TextIOWrapper | object) -> io.TextIOWrapper:
    """Return a text stream as Python makes it when it starts: ``like`` the one that it has made."""
    assert isinstance(like, io.TextIOWrapper)  # noqa: S101
    buffered = io.BufferedReader(raw) if raw.readable() else io.BufferedWriter(raw)
    is_stderr = like.errors == "backslashreplace"
    return io.TextIOWrapper(
        buffered, like.encoding, like.errors, newline="\n" if not raw.readable() else None,
        line_buffering=is_stderr or (not raw.readable() and raw.isatty()),
    )  # fmt: skip


@contextlib.contextmanager
def _watched(client: Channel) -> Iterator[Callable[[], bool]]:
    """Pass a client's signals to the run, and end the run when the client is gone.

    Gives a function that returns whether the run was interrupted since its client had gone, and it had not ended by its pipes.
    """
    main_thread = threading.main_thread().ident or 0
    ended, gone = threading.Event(), threading.Event()

    def watch() -> None:
        while not ended.is_set():
            try:
                message = client.receive()
            except OSError:
                message = None
            if ended.is_set():
                return
            if message is None:
                if ended.wait(_SOON):
                    return
                gone.set()
                signal.pthread_kill(main_thread, signal.SIGINT)
                if not ended.wait(_GRACE):
                    os._exit(1)
                return
            signal.pthread_kill(main_thread, signal.SIGINT)

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield gone.is_set
    finally:
        ended.set()
        with contextlib.suppress(OSError):
            client.connection.shutdown(socket.SHUT_RD)
        watching.join()


def main() -> None:
    """Serve the front at the other end of the socket whose descriptor is the argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    front = Channel(socket.socket(fileno=int(sys.argv[1])))
    with contextlib.suppress(OSError):
        worker = Worker(front)
        front.send({"idle": True, "models": 0})
        worker.serve()
    os._exit(0)  # threads of libraries may wait for ever


if __name__ == "__main__":
    main()
