"""A command line run by the warm server, for a request: its streams are pipes that the event loop reads and writes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Mapping

from nlptool.cli.serve.errors import Refused
from nlptool.cli.serve.warm_front import WarmFront
from nlptool.cli.warm.messages import Channel

_PAUSE = 0.2  # seconds until another try where all processes are busy
_MOST_SAID = 1 << 16  # bytes of stderr that are kept
_CHUNK = 1 << 16
_UMASK = 0o077
_DIED = -1


class Run:
    """A command line that runs. ``write`` and ``end_input`` give it its input, ``read`` its output.

    Attributes:
        said: what it has written to stderr, its end where it is long.
        is_over: it has ended, and all its output was read.
        code: its exit code, when it is over; negative: it has ended by a signal, or the process that ran it has died.
    """

    def __init__(self, channel: Channel, ends: tuple[int, int, int]) -> None:
        self.said = b""
        self.is_over = False
        self.code = _DIED
        self._channel = channel
        self._ends = ends
        self._ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    async def open(self) -> None:
        """Register the pipes and the connection with the event loop."""
        stdin, stdout, stderr = (
            os.fdopen(end, mode, 0) for end, mode in zip(self._ends, ("wb", "rb", "rb"), strict=True)
        )
        transport, protocol = await self._loop.connect_write_pipe(asyncio.streams.FlowControlMixin, stdin)
        self._input_transport = transport
        self._input = asyncio.StreamWriter(transport, protocol, None, self._loop)
        self._output, self._stdout = await self._reader(stdout)
        self._notes, self._stderr = await self._reader(stderr)
        self._hearing = self._loop.create_task(self._hear())
        self._channel.connection.setblocking(False)
        self._loop.add_reader(self._channel.fileno(), self._receive)

    async def _reader(self, pipe: object) -> tuple[asyncio.StreamReader, asyncio.BaseTransport]:
        reader = asyncio.StreamReader(_CHUNK, self._loop)
        transport, _ = await self._loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader, loop=self._loop), pipe
        )
        return reader, transport

    async def write(self, data: bytes) -> None:
        """Give a part of the input; wait until there is room for more. What the run does not read any more is dropped."""
        if data and not self._input.is_closing():
            with contextlib.suppress(OSError):
                self._input.write(data)
                await self._input.drain()

    def end_input(self) -> None:
        """Say that the input has ended."""
        self._input.close()

    async def read(self) -> bytes:
        """Return a part of the output, b"" at its end, when the run has ended."""
        data = await self._output.read(_CHUNK)
        if not data:
            await self._ended.wait()
            await self._hearing
            self.is_over = True
        return data

    def close(self) -> None:
        """Close everything. A run that has not ended finds its pipes closed, and ends; else its process interrupts it."""
        if not self._ended.is_set():
            self._loop.remove_reader(self._channel.fileno())
        self._hearing.cancel()
        for transport in (self._stdout, self._stderr):
            transport.close()
        if not self._input.is_closing() or self._input_transport.get_write_buffer_size():
            self._input_transport.abort()
        self._channel.close()

    async def _hear(self) -> None:
        """Keep what the run writes to stderr."""
        while data := await self._notes.read(_CHUNK):
            self.said = (self.said + data)[-_MOST_SAID:]

    def _receive(self) -> None:
        """Receive how the run has ended."""
        is_open = True
        try:
            is_open = self._channel.fill()
            while (message := self._channel.next_received()) is not None:
                if message.value.keys() & {"exit", "signal"}:
                    self.code, is_open = message.value.get("exit", _DIED), False
        except BlockingIOError:
            return
        except OSError:
            is_open = False
        if not is_open:
            self._loop.remove_reader(self._channel.fileno())
            self._ended.set()


async def begin(front: WarmFront, arguments: list[str], environment: Mapping[str, str], *, ends: float) -> Run:
    """Begin to run a command line, as soon as a process of the warm server is free for it.

    Args:
        environment: of the run.
        ends: the time, by ``time.monotonic``, at which there is no more waiting.

    Raises:
        Refused: no process is free for it in time, or none can be started.
    """
    starting = _Starting(front, arguments, environment, ends)
    try:
        run = Run(*await asyncio.to_thread(starting.run))
    except OSError as error:
        raise Refused(503, f"no process can run the command: {error}", retry_after=5) from error
    except asyncio.CancelledError:
        starting.is_wanted = False
        raise
    await run.open()
    return run


class _Starting:
    """Gives a command line to the warm server, in a thread of its own."""

    def __init__(self, front: WarmFront, arguments: list[str], environment: Mapping[str, str], ends: float) -> None:
        self.is_wanted = True  # somebody waits for the run
        self._front = front
        self._value = {"run": arguments, "environment": dict(environment), "umask": _UMASK}
        self._ends = ends

    def run(self) -> tuple[Channel, tuple[int, int, int]]:
        """Return the connection to the run, and this end of its stdin, stdout and stderr.

        Raises:
            OSError: the warm server does not answer.
            Refused: it is busy.
        """
        while self.is_wanted and time.monotonic() < self._ends:
            channel = self._front.connect()
            theirs, ours = _pipes()
            folder = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
            try:
                channel.send(self._value, (folder, *theirs))
                answer = channel.receive()
            except OSError:
                answer = None
            finally:
                for descriptor in (folder, *theirs):
                    os.close(descriptor)
            if answer is not None and "began" in answer.value and self.is_wanted:
                return channel, ours
            channel.close()
            for descriptor in ours:
                os.close(descriptor)
            time.sleep(_PAUSE)
        raise Refused(503, "all processes are busy", retry_after=1)


def _pipes() -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Return the ends of three pipes: those of a run, 0, 1 and 2, and those of this process."""
    (stdin, to_stdin), (from_stdout, stdout), (from_stderr, stderr) = os.pipe(), os.pipe(), os.pipe()
    return (stdin, stdout, stderr), (to_stdin, from_stdout, from_stderr)
