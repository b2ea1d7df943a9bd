"""Output files: written beside their place and renamed when done, or standard output."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, TextIO

from nlptool.errors import RunError
from nlptool.storage.compression import CHUNK


def standard_stream(stream: TextIO | None) -> IO[bytes]:
    """Return the bytes behind ``sys.stdin`` or ``sys.stdout``.

    Raises:
        OSError: the program was started with that stream closed.
    """
    if stream is None:  # the shell's <&- and >&-
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    return stream.buffer


_DESCRIPTORS = {"/dev/stdout": 1, "/dev/stderr": 2}


class Output:
    """An open output: stdout, a device or FIFO, or ``FILE.part`` that becomes FILE when all is written.

    A context manager. Leaving it after an error keeps ``FILE.part``, for ``--resume``, and leaves FILE as it was.

    Args:
        path: FILE; None or ``-`` is stdout.
        resume: keep the whole records of an unfinished ``FILE.part`` and append to them.
        terminator: the bytes that end a record; empty if the records of an unfinished output cannot be counted.
        inputs: paths that are read in the same run; none of them may be the output.
        before_write: called before each write to a terminal, to take a progress bar off it.

    Raises:
        RunError: the output cannot be opened or written (a closed pipe stays a ``BrokenPipeError``).
    """

    def __init__(
        self,
        path: str | None,
        *,
        resume: bool = False,
        terminator: bytes = b"\n",
        inputs: tuple[str, ...] = (),
        before_write: Callable[[], None] = lambda: None,
    ) -> None:
        self._is_stdout = path is None or path == "-"
        self.name = "<stdout>" if self._is_stdout else path
        self.n_written_before = 0  # whole records in FILE.part
        self.last_record = b""  # the last of them
        self._part: Path | None = None
        self._resumable = bool(terminator)
        try:
            if path is None or path == "-":
                self._file = standard_stream(sys.stdout)
                _refuse_input(self._file, inputs)
            elif path in _DESCRIPTORS or path.startswith("/dev/fd/"):  # opening it anew would truncate
                self._file = os.fdopen(os.dup(_DESCRIPTORS.get(path) or int(Path(path).name)), "wb")
            elif Path(path).exists() and not Path(path).is_file():
                self._file = Path(path).open("wb")  # noqa: SIM115  # __exit__ closes it
            else:
                self._target = Path(path).resolve()  # a link stays a link: what it points to is replaced
                part = self._target.with_name(self._target.name + ".part")
                self._file = part.open("r+b" if part.exists() else "w+b")
                _refuse_input(self._file, inputs)
                self._part = part
                if resume:
                    self.n_written_before, self.last_record = _truncate_to_whole_records(self._file, terminator)
                else:
                    self._file.truncate()
                if self._target.exists():
                    os.fchmod(self._file.fileno(), stat.S_IMODE(self._target.stat().st_mode))
        except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: a link that leads to itself
            raise self._failure(error) from error
        self._before_write = before_write if self._file.isatty() else None

    def __enter__(self) -> Output:
        return self

    def write(self, *parts: bytes) -> None:
        """Write and flush. Large parts are not copied together first: with all of UniDic's columns that is gigabytes."""
        if self._before_write is not None:
            self._before_write()
        try:
            self._file.writelines(parts)
            self._file.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            if self._is_stdout:  # what stays in the buffer would fail once more when Python flushes it at exit
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._file.fileno())
            raise self._failure(error) from error

    def position(self) -> int | None:
        """Return the offset of the next byte, or None if it cannot be overwritten later: in a pipe or a file opened for
        appending."""
        try:
            fd = self._file.fileno()
            appends = fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_APPEND
            return None if appends or not stat.S_ISREG(os.fstat(fd).st_mode) else os.lseek(fd, 0, os.SEEK_CUR)
        except (OSError, ValueError):  # not a real file: a test's
            return None

    def overwrite(self, position: int, data: bytes) -> None:
        """Write ``data`` at an offset that ``position`` returned."""
        try:
            os.pwrite(self._file.fileno(), data, position)
        except OSError as error:
            raise self._failure(error) from error

    def __exit__(self, kind: object, *_: object) -> None:
        if self._is_stdout:
            return
        if kind is not None:
            with contextlib.suppress(OSError):  # what went wrong first is on its way
                self._file.close()
            with contextlib.suppress(OSError):
                if self._part and not self._resumable:  # nothing could go on from it
                    self._part.unlink()
            return
        try:
            if self._part:
                os.fsync(self._file.fileno())
                self._part.replace(self._target)
            self._file.close()
        except OSError as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> RunError:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        kept = f"; what was written is in {self._part}, --resume goes on from there" if self.records_kept else ""
        return RunError(f"cannot write {self.name}: {reason}{kept}")

    @property
    def records_kept(self) -> bool:
        """Whether an unfinished FILE.part is left from which another run can go on."""
        return self._resumable and self._part is not None and self._part.exists() and self._part.stat().st_size > 0


def _refuse_input(file: IO[bytes], inputs: tuple[str, ...]) -> None:
    """Refuse an output that is also read: the run would lose what it has not read, or read its own output without end."""
    with contextlib.suppress(OSError):  # not a real file: a test's
        written = os.fstat(file.fileno())
        for path in (Path("/dev/stdin" if name == "-" else name) for name in inputs):
            if stat.S_ISREG(written.st_mode) and path.exists() and os.path.samestat(written, path.stat()):
                raise ValueError(f"{path} would be read and written at once")


def _truncate_to_whole_records(file: IO[bytes], terminator: bytes) -> tuple[int, bytes]:
    """Remove an unfinished last record; return the number of whole records and the last one. The file's position is its end."""
    count = end = before = position = 0
    data = b""
    while chunk := file.read(CHUNK):
        data += chunk
        count += data.count(terminator)
        last = data.rfind(terminator)
        if last >= 0:
            second = data.rfind(terminator, 0, last)
            before = position + second + len(terminator) if second >= 0 else end
            end = position + last + len(terminator)
        # A terminator that is split between chunks counts with the next chunk, one that is whole does not count again.
        done = max(end - position, len(data) - len(terminator) + 1)
        data, position = data[done:], position + done
    file.truncate(end)
    file.seek(before)
    return count, file.read(end - before)
