"""A command line run by the warm server, as if it ran here: its descriptors, its working folder and its environment are passed.

Pipes are not passed themselves: this process hands on what comes and goes, so that it knows what has been written and read. If
the server dies in the middle, the command line is run here from its beginning, and what was written is left out.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
from collections.abc import Mapping, Sequence
from enum import Enum
from types import FrameType

from nlptool.cli.warm import places
from nlptool.cli.warm.messages import Channel, connect
from nlptool.cli.warm.relays import Feed, Relay, is_pipe
from nlptool.terminal.interrupts import die_of

_PATIENCE = 60.0  # seconds until a server that lives has taken the command line or refused it
_PAUSE = 50  # milliseconds after which a piece of a line is handed on


class NotRun(Enum):
    """Why a command line is to be run in this process."""

    NO_SERVER = 1
    REFUSED = 2  # the server is busy or died, or it cannot have the streams of this process


def run(arguments: Sequence[str]) -> int | NotRun:
    """Have the warm server run a command line; return its exit code. The process ends by a signal where the run does."""
    try:
        here = Here()  # first: a socket would take the place of a stream that is closed
    except OSError:
        return NotRun.REFUSED
    if not places.is_ours(places.folder()):
        return NotRun.NO_SERVER
    try:
        channel = connect(places.socket_path(), _PATIENCE)
    except OSError:
        return NotRun.NO_SERVER
    try:
        if not _taken(channel, here, arguments):
            return NotRun.REFUSED
        ending = _attended(channel, here)
    finally:
        here.close()
        channel.close()
    if ending is None:
        return _begun_again(here, arguments)
    if number := ending.get("signal"):
        die_of(number)
    return int(ending["exit"])


class Here:
    """The three streams of this process, as a run elsewhere gets them.

    Raises:
        OSError: one of them is closed.
    """

    def __init__(self) -> None:
        self.feed = Feed() if is_pipe(0) else None
        self.relays: dict[int, Relay] = {}
        self._positions: dict[int, int] = {}
        alike = os.path.sameopenfile(1, 2)
        for descriptor in (1, 2):
            if is_pipe(descriptor):
                self.relays[descriptor] = (
                    self.relays[1] if descriptor == 2 and alike and 1 in self.relays else Relay(descriptor)
                )
        for descriptor in (0, 1, 2):
            with contextlib.suppress(OSError):  # a terminal
                self._positions[descriptor] = os.lseek(descriptor, 0, os.SEEK_CUR)

    def open(self) -> tuple[list[int], list[int]]:
        """Return the descriptors that a run gets for its own 0, 1 and 2, and those of them to be closed here."""
        made: dict[Relay | Feed, int] = {}
        given = []
        for descriptor in (0, 1, 2):
            between = self.feed if descriptor == 0 else self.relays.get(descriptor)
            if between is not None and between not in made:
                made[between] = between.open()
            given.append(descriptor if between is None else made[between])
        return given, list(made.values())

    @property
    def pipes(self) -> list[Relay]:
        return list(dict.fromkeys(self.relays.values()))

    @property
    def between(self) -> list[Relay | Feed]:
        return [*self.pipes, *([self.feed] if self.feed else [])]

    @property
    def is_untouched(self) -> bool:
        """Whether nothing has been written to a pipe or read from one."""
        return not (self.feed and self.feed.has_read) and not any(relay.has_written for relay in self.pipes)

    def rewind(self) -> None:
        """Put files back to where they were when this process began."""
        for descriptor, before in self._positions.items():
            with contextlib.suppress(OSError):
                if descriptor and os.lseek(descriptor, 0, os.SEEK_CUR) > before:
                    os.ftruncate(descriptor, before)
                os.lseek(descriptor, before, os.SEEK_SET)

    def close(self) -> None:
        for between in self.between:
            between.close()


def _taken(channel: Channel, here: Here, arguments: Sequence[str]) -> bool:
    """Give a command line to the server; return whether it takes it."""
    given, ours = here.open()
    try:
        folder = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    except OSError:  # it may not be read, or is gone
        folder = -1
    try:
        if folder < 0:
            return False
        umask = os.umask(0)
        os.umask(umask)
        channel.send({"run": list(arguments), "environment": dict(os.environ), "umask": umask}, (folder, *given))
        answer = channel.receive()
    except OSError:
        return False
    finally:
        for descriptor in (*ours, *([folder] if folder >= 0 else [])):
            os.close(descriptor)
    return answer is not None and "began" in answer.value


def _attended(channel: Channel, here: Here) -> Mapping[str, int] | None:
    """Hand on what comes and goes until the run has ended; return how it ended, or None where the server died."""
    channel.connection.settimeout(None)
    n_typed = 0

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal n_typed
        n_typed += 1
        if n_typed > 1:
            die_of(number)
        with contextlib.suppress(OSError):
            channel.send({"signal": number})

    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:  # elsewhere it is ignored, as behind nohup
        signal.signal(signal.SIGINT, interrupt)
    try:
        while True:
            while (message := channel.next_received()) is not None:
                if "input" in message.value and here.feed is not None:
                    here.feed.is_asked = True
                elif "exit" in message.value or "signal" in message.value:
                    _finish(here)
                    return message.value
            if _moved(here, channel) and not channel.fill():
                _finish(here, is_whole=False)
                return {"signal": signal.SIGINT} if n_typed else None
    finally:
        signal.signal(signal.SIGINT, before)


def _moved(here: Here, channel: Channel | None) -> bool:
    """Wait until something can be handed on, and hand it on; return whether a message has come."""
    waiting = select.poll()
    watched: dict[int, Relay | Channel | Feed] = {relay.end: relay for relay in here.pipes if relay.end >= 0}
    if channel is not None:
        watched[channel.fileno()] = channel
    for descriptor in watched:
        waiting.register(descriptor, select.POLLIN)
    feed = here.feed
    if feed is not None and feed.wants_input:
        waiting.register(0, select.POLLIN)
    if feed is not None and feed.wants_room:
        waiting.register(feed.end, select.POLLOUT)
    ready = dict(waiting.poll(_PAUSE if any(relay.holds for relay in here.pipes) else None))
    if not ready:
        for relay in here.pipes:
            relay.release()
    if feed is not None and feed.wants_input and 0 in ready:
        feed.read()
    elif feed is not None and feed.end in ready:
        feed.write()
    for descriptor in ready:
        found = watched.get(descriptor)
        if isinstance(found, Relay) and found.end == descriptor and not found.move():
            found.close()
    return channel is not None and channel.fileno() in ready


def _finish(here: Here, *, is_whole: bool = True) -> None:
    """Hand on what is still in the pipes.

    Args:
        is_whole: the last line is, even if it has no end.
    """
    for relay in here.pipes:
        relay.drain()
        if is_whole:
            relay.release()


def _begun_again(here: Here, arguments: Sequence[str]) -> int | NotRun:
    """Run a command line cold whose run has died; return its exit code, or that this process can do so itself."""
    here.rewind()
    if here.is_untouched:
        return NotRun.NO_SERVER
    if here.feed is not None and not here.feed.is_whole:
        sys.stderr.write("nlptool: the warm server died, and its input cannot be read again; give it once more\n")
        return 1
    for between in here.between:
        between.begin_again()
    given, ours = here.open()
    if here.feed is not None:
        here.feed.is_asked = True
    actions = [
        (os.POSIX_SPAWN_DUP2, descriptor, number) for number, descriptor in enumerate(given) if descriptor != number
    ]
    environment = {**os.environ, "NLPTOOL_WARM": "0"}
    child = os.posix_spawn(
        sys.executable, [sys.executable, "-m", "nlptool", *arguments], environment, file_actions=actions
    )
    for descriptor in ours:
        os.close(descriptor)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the child gets it too, and decides
    if here.feed is not None:
        here.feed.write()
    while any(relay.end >= 0 for relay in here.pipes):
        _moved(here, None)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    _finish(here)
    here.close()
    if code < 0:
        die_of(-code)
    if not all(relay.fits for relay in here.pipes):
        sys.stderr.write("nlptool: the warm server died, and another run gives another output; run it once more\n")
        return 1
    return code
