"""Output files: written beside their place and renamed when done, or standard output."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import math
import os
import stat
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, TextIO
from zlib import crc32

from nlptool.errors import RunError
from nlptool.storage import locks
from nlptool.storage.unfinished import MadeBy, Unfinished


def standard_stream(stream: TextIO | None) -> IO[bytes]:
    """Return the bytes behind ``sys.stdin`` or ``sys.stdout``.

    Raises:
        OSError: the program was started with that stream closed.
    """
    if stream is None:  # the shell's <&- and >&-
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    return stream.buffer


_SAVE_SECONDS = 0.2  # between two marks that are brought to the disk: the most work that an interruption loses
_TAIL_BYTES = 1 << 16  # of an unfinished output that are compared with what was written
_DESCRIPTORS = {"/dev/stdout": 1, "/dev/stderr": 2}


class Output:
    """An open output: stdout, a device or FIFO, or ``FILE.part`` that becomes FILE when all is written.

    ``FILE.part`` is locked: two processes do not write one FILE. A context manager. Leaving it after an error leaves FILE as it
    was, and keeps ``FILE.part`` for ``--resume``, if it can be resumed and something is marked as done.

    Args:
        path: FILE; None or ``-`` is stdout.
        made_by: what makes the output, which is kept in ``FILE.part.json``; None: an unfinished one cannot be resumed.
        resume: go on with an unfinished ``FILE.part``: what was written after its last mark is removed.
        inputs: paths that are read in the same run; none of them may be the output.
        before_write: called before each write to a terminal, to take a progress bar off it.
        note: called with what a person should know.

    Attributes:
        done: what was marked last in the run that is resumed; {}: nothing.
        input_before: FILE of that run.

    Raises:
        RunError: the output cannot be opened or written (a closed pipe stays a ``BrokenPipeError``), or another process does.
        WrongUsage: the unfinished output is of another run.
    """

    def __init__(
        self,
        path: str | None,
        *,
        made_by: MadeBy | None = None,
        resume: bool = False,
        inputs: tuple[str, ...] = (),
        before_write: Callable[[], None] = lambda: None,
        note: Callable[[str], None] = lambda message: None,
    ) -> None:
        self._is_stdout = path is None or path == "-"
        self.name = "<stdout>" if self._is_stdout else path
        self.done: Mapping[str, Any] = {}
        self.input_before: Sequence[str] = ()
        self._part: Path | None = None
        self._unfinished: Unfinished | None = None
        self._marked: dict[str, Any] = {}
        self._is_saved = True  # what is marked is on the disk
        self._saved_at = -math.inf  # no mark has been
        self._n_bytes = 0
        self._tail = b""  # the last bytes that are written
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
                part = part_of(self._target)
                flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
                self._file = os.fdopen(locks.hold(part, lambda: os.open(part, flags, 0o666), path, note), "r+b")
                try:
                    self._begin(part, made_by, resume=resume, inputs=inputs, note=note)
                except BaseException:
                    if not os.fstat(self._file.fileno()).st_size:
                        part.unlink()
                    self._file.close()  # and gives the lock back
                    raise
        except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: a link that leads to itself
            raise self._failure(error) from error
        self._before_write = before_write if self._file.isatty() else None

    def _begin(
        self, part: Path, made_by: MadeBy | None, *, resume: bool, inputs: tuple[str, ...], note: Callable[[str], None]
    ) -> None:
        """Remove what ``FILE.part`` holds, or what it holds after the last mark of the run that is resumed."""
        _refuse_input(self._file, inputs)
        size = os.fstat(self._file.fileno()).st_size
        self._unfinished = _unfinished(part, str(self.name), made_by or {})
        if made_by is None:
            self._unfinished.remove()  # what it says is not of what comes now
            self._unfinished = None
        elif resume and size:
            self._unfinished.load()
            self.done, self.input_before = self._unfinished.done, self._unfinished.input
        if self.done and not self._holds(self.done):
            note(f"{self.name}.part is not as it was left: all is done anew")
            self.done = {}
        self._part = part
        if self._target.exists():
            os.fchmod(self._file.fileno(), stat.S_IMODE(self._target.stat().st_mode))
        self._n_bytes = self.done.get("bytes", 0)
        self._save(self.done)  # before anything is removed: at any moment the two fit
        self._saved_at = -math.inf
        self._file.truncate(self._n_bytes)
        self._file.seek(self._n_bytes)

    def _holds(self, done: Mapping[str, Any]) -> bool:
        """Return whether ``FILE.part`` is what was marked: after a power failure it may be shorter, or end with zeros."""
        n_bytes = done["bytes"]
        self._tail = os.pread(self._file.fileno(), _TAIL_BYTES, max(0, n_bytes - _TAIL_BYTES))[
            : min(n_bytes, _TAIL_BYTES)
        ]
        return bool(crc32(self._tail) == done["tail_crc32"]) and os.fstat(self._file.fileno()).st_size >= n_bytes

    def __enter__(self) -> Output:
        return self

    def write(self, *parts: bytes) -> None:
        """Write and flush. Large parts are not copied together first: with all of UniDic's columns that is gigabytes."""
        if self._before_write is not None:
            self._before_write()
        try:
            self._file.writelines(parts)
            self._file.flush()
            self._n_bytes += sum(map(len, parts))
            self._tail = _tail(self._tail, parts)
        except BrokenPipeError:
            raise
        except OSError as error:
            if self._is_stdout:  # what stays in the buffer would fail once more when Python flushes it at exit
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._file.fileno())
            raise self._failure(error) from error

    @property
    def is_marked(self) -> bool:
        """Whether it is of use to ``mark`` what is done."""
        return self._unfinished is not None

    def mark(self, done: Mapping[str, Any]) -> None:
        """Mark what is written as done: a run that resumes goes on behind it.

        Args:
            done: how far the run has come, as JSON.
        """
        self._marked, self._is_saved = {"bytes": self._n_bytes, "tail_crc32": crc32(self._tail), **done}, False
        if time.monotonic() - self._saved_at > _SAVE_SECONDS:
            self.keep()

    def keep(self) -> None:
        """Bring what is marked to the disk, where a killed process leaves it."""
        if self._is_saved:
            return
        try:
            self._save(self._marked)
        except OSError as error:
            raise self._failure(error) from error

    def remember(self, kind: str, name: str, version: str) -> None:
        """Remember what was opened after the output was; see ``Unfinished``."""
        if self._unfinished is not None:
            self._unfinished.remember(kind, name, version)

    def _save(self, done: Mapping[str, Any]) -> None:
        if self._unfinished is not None:
            self._unfinished.save(done, mode=stat.S_IMODE(os.fstat(self._file.fileno()).st_mode))
            self._marked, self._is_saved, self._saved_at = dict(done), True, time.monotonic()

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
                if not self._is_saved:
                    self._save(self._marked)
            with contextlib.suppress(OSError):
                if self._part and not self.records_kept:
                    self._part.unlink()
                    self._remove_side_file()
            with contextlib.suppress(OSError):
                self._file.close()
            return
        try:
            if self._part:
                os.fsync(self._file.fileno())
                self._part.replace(self._target)
                self._remove_side_file()
            self._file.close()
        except OSError as error:
            raise self._failure(error) from error

    def _remove_side_file(self) -> None:
        if self._unfinished is not None:
            self._unfinished.remove()

    def _failure(self, error: Exception) -> RunError:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        kept = f"; what was written is in {self._part}, --resume goes on from there" if self.records_kept else ""
        return RunError(f"cannot write {self.name}: {reason}{kept}")

    @property
    def records_kept(self) -> bool:
        """Whether an unfinished FILE.part is left from which another run can go on."""
        return bool(self._marked)


def _tail(before: bytes, parts: tuple[bytes, ...]) -> bytes:
    """Return the last bytes of ``before`` and ``parts`` together, which are not copied."""
    last = b""
    for part in (*reversed(parts), before):
        if len(last) >= _TAIL_BYTES:
            break
        last = part[-(_TAIL_BYTES - len(last)) :] + last
    return last


def part_of(target: Path) -> Path:
    """Return where an output file is written until it is done."""
    return target.with_name(f"{target.name}.part")


def _unfinished(part: Path, path: str, made_by: MadeBy) -> Unfinished:
    """Return what is kept beside ``part``, the unfinished output for ``path``, which may be a link."""
    name = str(part) if Path(path).is_symlink() else f"{path}.part"
    return Unfinished(part.with_name(f"{part.name}.json"), name, made_by)


def check_resume(path: str, made_by: MadeBy) -> None:
    """Check that an unfinished output, if there is one, is of the run that is to go on with it.

    Raises:
        WrongUsage: it is of another.
        RunError: another process writes it.
    """
    with contextlib.suppress(OSError, RuntimeError):  # writing it says what is wrong
        part = part_of(Path(path).resolve())
        if part.stat().st_size:
            os.close(locks.hold(part, lambda: os.open(part, os.O_RDWR | os.O_CLOEXEC), path))
            _unfinished(part, path, made_by).load()


def _refuse_input(file: IO[bytes], inputs: tuple[str, ...]) -> None:
    """Refuse an output that is also read: the run would lose what it has not read, or read its own output without end."""
    with contextlib.suppress(OSError):  # not a real file: a test's
        written = os.fstat(file.fileno())
        for path in (Path("/dev/stdin" if name == "-" else name) for name in inputs):
            if stat.S_ISREG(written.st_mode) and path.exists() and os.path.samestat(written, path.stat()):
                raise ValueError(f"{path} would be read and written at once")
