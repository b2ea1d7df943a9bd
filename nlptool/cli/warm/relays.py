"""What stands between a run elsewhere and the descriptors of this process: it hands on bytes and remembers what it handed on.

When the run dies and is begun again, ``Relay`` leaves out what it has written already, and ``Feed`` gives once more what it has
read.
"""

from __future__ import annotations

import contextlib
import os
import stat
import zlib

CHUNK = 1 << 16

_MOST_HELD = 1 << 20  # bytes of a line whose end has not come
_MOST_KEPT = 1 << 26  # bytes of the input that are kept for another run


def is_pipe(descriptor: int) -> bool:
    """Return whether what is written to a descriptor, or read from it, can be written or read once only: a pipe or a socket.

    Raises:
        OSError: it is closed.
    """
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


class Relay:
    """Hands on what a run writes, in whole lines as long as they come without a pause.

    Args:
        target: the descriptor that it writes to.

    Attributes:
        end: the descriptor that it reads from; -1: none any more.
        is_broken: nobody reads the target.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.end = -1
        self.is_broken = False
        self._held = b""  # the beginning of a line
        self._n_bytes = 0  # written
        self._n_lines = 0
        self._sum = 0
        self._ends_line = True
        self._to_skip = 0  # bytes or lines
        self._skips_lines = False
        self._expected = 0  # the sum of what is skipped
        self._skipped = 0

    def open(self) -> int:
        """Begin to read from a new pipe; return its other end."""
        self.end, other = os.pipe()
        os.set_blocking(self.end, False)
        return other

    @property
    def has_written(self) -> bool:
        return self._n_bytes > 0

    @property
    def holds(self) -> bool:
        """Whether a piece of a line waits for its end."""
        return bool(self._held)

    def move(self) -> bool:
        """Hand on what has come; return whether more can come."""
        try:
            data = os.read(self.end, CHUNK)
        except BlockingIOError:
            return True
        if not data:
            return False
        self._hand_on(data)
        if len(self._held) > _MOST_HELD:
            self.release()
        return True

    def drain(self) -> None:
        """Hand on what is in the pipe, without waiting for more."""
        with contextlib.suppress(BlockingIOError):
            while self.end >= 0 and (data := os.read(self.end, CHUNK)):
                self._hand_on(data)

    def release(self) -> None:
        """Hand on the piece of a line that waits."""
        self._write(self._held)
        self._held = b""

    def close(self) -> None:
        if self.end >= 0:
            os.close(self.end)
            self.end = -1

    def begin_again(self) -> None:
        """Leave out, of what comes from now on, as much as was written: lines, or bytes where a line has been begun, as the
        digits of a number may differ a little from run to run."""
        self.close()
        self._held = b""
        self._skips_lines = self._ends_line
        self._to_skip = self._n_lines if self._ends_line else self._n_bytes
        self._expected, self._skipped = self._sum, 0

    @property
    def fits(self) -> bool:
        """Whether what was left out is what was written, as far as bytes were compared."""
        return self._skips_lines or self._to_skip > 0 or self._skipped == self._expected

    def _hand_on(self, data: bytes) -> None:
        """Write whole lines, and hold the beginning of another."""
        data = self._skip(data)
        if cut := data.rfind(b"\n") + 1:
            self._write(self._held + data[:cut])
            self._held = b""
        self._held += data[cut:]

    def _skip(self, data: bytes) -> bytes:
        if self._skips_lines:
            while self._to_skip and data:
                _, newline, data = data.partition(b"\n")
                self._to_skip -= bool(newline)
        elif self._to_skip:
            left_out, data = data[: self._to_skip], data[self._to_skip :]
            self._to_skip -= len(left_out)
            self._skipped = zlib.crc32(left_out, self._skipped)
        return data

    def _write(self, data: bytes) -> None:
        if not data or self.is_broken:
            return
        rest = memoryview(data)
        try:
            while rest:
                n_written = os.write(self.target, rest)
                self._n_bytes += n_written
                rest = rest[n_written:]
        except BrokenPipeError:
            self.is_broken = True
            self.close()  # whoever writes notices at the next write
            return
        self._n_lines += data.count(b"\n")
        self._sum = zlib.crc32(data, self._sum)
        self._ends_line = data.endswith(b"\n")


class Feed:
    """Gives a run what comes on standard input, a pipe, once it is asked for.

    Attributes:
        end: the descriptor that it writes to; -1: none.
        is_asked: the run reads its input.
        is_whole: all that was read is kept.
    """

    def __init__(self) -> None:
        self.end = -1
        self.is_asked = False
        self.is_whole = True
        self._at_end = False  # of the input
        self._kept: list[bytes] = []
        self._n_kept = 0
        self._waiting = b""

    def open(self) -> int:
        """Begin to write to a new pipe; return its other end."""
        other, self.end = os.pipe()
        os.set_blocking(self.end, False)
        return other

    @property
    def has_read(self) -> bool:
        return self._n_kept > 0 or self._at_end

    @property
    def wants_input(self) -> bool:
        return self.is_asked and not self._waiting and not self._at_end and self.end >= 0

    @property
    def wants_room(self) -> bool:
        return bool(self._waiting) and self.end >= 0

    def read(self) -> None:
        """Read what has come."""
        data = os.read(0, CHUNK)
        self._at_end = not data
        self._n_kept += len(data)
        if self._n_kept <= _MOST_KEPT:
            self._kept.append(data)
        elif self.is_whole:
            self.is_whole = False
            self._kept.clear()
        self._waiting = data
        self.write()

    def write(self) -> None:
        """Give what waits, as far as there is room."""
        try:
            if self._waiting:
                self._waiting = self._waiting[os.write(self.end, self._waiting) :]
        except BlockingIOError:
            return
        except BrokenPipeError:  # the run reads no more
            self.close()
            return
        if self._at_end and not self._waiting:
            self.close()

    def close(self) -> None:
        if self.end >= 0:
            os.close(self.end)
            self.end = -1

    def begin_again(self) -> None:
        """Give all that was read once more."""
        self.close()
        self._waiting = b"".join(self._kept)
