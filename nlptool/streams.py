"""Bytes in, bytes out: files, pipes and terminals, compressed or not.

``read_blocks`` turns FILE arguments or stdin into blocks of lines as they arrive; ``Output`` is a place to write,
stdout or a file that is replaced as a whole. What a line means is the business of ``records``.
"""

from __future__ import annotations

import bz2
import codecs
import contextlib
import errno
import fcntl
import itertools
import lzma
import os
import select
import stat
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol, TextIO

from nlptool.errors import RecordError, RunError

CHUNK = 1 << 18  # bytes asked for at once; small enough that a block of records stays small in memory
SLICE = 1 << 12  # compressed bytes undone at once; they can become 30,000 times as many
HEAD_OF_LONG_LINE = 4000  # bytes of a too long line that its error record shows
STDIN = "<stdin>"


@dataclass(slots=True)
class Block:
    """Consecutive lines of one source, without their line ends. No lines at all: nothing new came for a while."""

    source: str
    first_line: int  # 1-based
    lines: list[bytes | RecordError]


class _Decompressor(Protocol):
    """What zlib, bz2, lzma and zstandard have in common."""

    eof: bool
    unused_data: bytes

    def decompress(self, data: bytes, /) -> bytes: ...


def _zstd() -> _Decompressor:
    import zstandard

    decompressor: Any = zstandard.ZstdDecompressor().decompressobj()
    return decompressor  # type: ignore[no-any-return]


_COMPRESSIONS: dict[bytes, tuple[str, Callable[[], Any]]] = {
    b"\x1f\x8b": ("gzip", lambda: zlib.decompressobj(wbits=31)),
    b"\xfd7zXZ\x00": ("xz", lzma.LZMADecompressor),
    b"\x28\xb5\x2f\xfd": ("zstd", _zstd),
    # A frame to be skipped, with which pzstd begins.
    **{bytes([first]) + b"*M\x18": ("zstd", _zstd) for first in range(0x50, 0x60)},
    # A text may begin with BZh too, so the mark of the first block is asked for (the other one: there is no block).
    **{
        b"BZh%d%b" % (level, block): ("bzip2", bz2.BZ2Decompressor)
        for level in range(1, 10)
        for block in (b"1AY&SY", b"\x17rE8P\x90")
    },
}
_LONGEST_MAGIC = max(map(len, _COMPRESSIONS))


def _standard_stream(stream: TextIO | None) -> IO[bytes]:
    if stream is None:  # the shell's <&- and >&-
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    return stream.buffer


def _chunks(file: IO[bytes], max_latency: float) -> Iterator[bytes]:
    """Yield what arrives; ``b""`` once whenever nothing has arrived for ``max_latency`` seconds."""
    try:
        fd = file.fileno()
    except (OSError, AttributeError):  # not a real file: a test's
        yield from iter(lambda: file.read(CHUNK), b"")
        return
    waits = not stat.S_ISREG(os.fstat(fd).st_mode)
    while True:
        if waits and not select.select([fd], [], [], max_latency)[0]:
            yield b""
            select.select([fd], [], [])
        chunk = os.read(fd, CHUNK)
        if not chunk:
            return
        yield chunk


def decompressed(chunks: Iterator[bytes], source: str) -> Iterator[bytes]:
    """Undo the compression that the first bytes announce; concatenated members are read one after the other.

    Raises:
        RunError: the data are damaged or end in the middle.
    """
    head = b""
    for chunk in chunks:
        head += chunk
        if not any(magic.startswith(head[: len(magic)]) for magic in _COMPRESSIONS) or len(head) >= _LONGEST_MAGIC:
            break
    name, make = next(((n, m) for magic, (n, m) in _COMPRESSIONS.items() if head.startswith(magic)), ("", None))
    chunks = itertools.chain([head] if head else [], chunks)
    if make is None:
        yield from chunks
        return
    decompressor: _Decompressor = make()
    for chunk in chunks:
        if not chunk:
            yield b""
        for data in _cut(chunk, SLICE):
            while data:
                if decompressor.eof:
                    data = data.lstrip(b"\0")  # padding after a member, as tar and tape write it
                    if not data:
                        break
                    decompressor = make()
                try:
                    plain = decompressor.decompress(data)
                except Exception as error:  # each library has a class of its own for it
                    raise RunError(f"{source}: damaged {name} data: {error}") from error
                yield from _cut(plain, CHUNK)
                data = decompressor.unused_data if decompressor.eof else b""
    if not decompressor.eof:
        raise RunError(
            f"{source}: the {name} data end in the middle; the lines before that point were read, the last, "
            "unfinished one was not",
            hint="fetch or compress the file again",
        )


def _cut(data: bytes, size: int) -> Iterator[bytes]:
    """Pieces of at most ``size`` bytes; none of nothing."""
    return (data[start : start + size] for start in range(0, len(data), size))


def is_wide(encoding: str) -> bool:
    """Whether a line end is more than one byte in it."""
    return codecs.lookup(encoding).name.startswith(("utf-16", "utf-32"))


def _wide_to_utf8(chunks: Iterable[bytes], encoding: str, source: str) -> Iterator[bytes]:
    """UTF-16 and UTF-32 to UTF-8: there a line end is more than one byte, so lines cannot be cut first.

    Half a character (a lone surrogate) stays half a character: whoever decodes the line finds it there.
    """
    decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
    try:
        for chunk in chunks:
            yield decoder.decode(chunk).encode(errors="surrogatepass")
        yield decoder.decode(b"", final=True).encode(errors="surrogatepass")
    except UnicodeError as error:
        raise RunError(f"{source} is not valid {encoding}: {error}", hint="--encoding names another one") from error


def _line_too_long(line: bytes, max_line: int) -> RecordError:
    return RecordError(
        "LineTooLong",
        f"the line is longer than {max_line:,} bytes; `text` holds its beginning",
        hint="--max-line allows longer lines",
        raw=line[: min(max_line, HEAD_OF_LONG_LINE)],
    )


def _blocks(chunks: Iterable[bytes], source: str, *, separator: bytes, max_line: int) -> Iterator[Block]:
    """Cut chunks into lines. One trailing ``\\r\\n`` or ``\\n`` (or NUL) ends a line, and nothing more is stripped."""
    number = 1
    rest: list[bytes] = []  # the pieces of a line whose end has not come
    length = 0  # bytes in ``rest``
    too_long: RecordError | None = None

    def finish(last: bytes, *, ended: bool = True) -> bytes | RecordError:
        nonlocal rest, length, too_long
        line = b"".join([*rest, last]) if rest else last
        if ended and separator == b"\n":
            line = line.removesuffix(b"\r")
        result = too_long or (_line_too_long(line, max_line) if len(line) > max_line else line)
        rest, length, too_long = [], 0, None
        return result

    for chunk in chunks:
        if not chunk:
            yield Block(source, number, [])
            continue
        *pieces, tail = chunk.split(separator)
        lines = [finish(piece) for piece in pieces]
        if tail and not too_long:
            rest.append(tail)
            length += len(tail)
            if length > max_line + len(b"\r"):
                too_long = _line_too_long(b"".join(rest), max_line)
                rest, length = [], 0
        if lines:
            yield Block(source, number, lines)
            number += len(lines)
    if rest or too_long:
        yield Block(source, number, [finish(b"", ended=False)])


def read_blocks(
    files: tuple[str, ...],
    *,
    report: Callable[[str, str], None],
    hint: Callable[[str], None],
    separator: bytes = b"\n",
    encoding: str = "utf-8",
    max_line: int = 64_000_000,
    max_latency: float = 0.1,
    on_bytes: Callable[[int], None] | None = None,
) -> Iterator[Block]:
    """Yield the lines of ``files`` in order, or of stdin when there are none, in blocks as they arrive.

    Args:
        files: paths; ``-`` is stdin.
        report: is told (message, hint) of an input that cannot be read; the others are read all the same.
        hint: is told what a person at a terminal should know.
        separator: ``b"\\n"`` or ``b"\\0"``.
        encoding: only UTF-16 and UTF-32 are undone here, the rest a line at a time by whoever decodes it.
        max_line: bytes; a longer line comes as a ``RecordError`` and its rest is passed over.
        max_latency: seconds without input after which an empty block is yielded.
        on_bytes: is told how many bytes were read (before decompression).
    """
    wide = is_wide(encoding)
    for path in files or ("-",):
        source = STDIN if path == "-" else path
        try:
            with contextlib.ExitStack() as stack:
                if path == "-":
                    file = _standard_stream(sys.stdin)
                    if file.isatty():
                        hint("reading from the terminal: type a text, end with Ctrl-D (or name a FILE)")
                elif Path(path).is_dir():
                    raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
                else:
                    file = stack.enter_context(Path(path).open("rb", buffering=0))
                chunks = _chunks(file, max_latency)
                if on_bytes is not None:
                    chunks = _counted(chunks, on_bytes)
                chunks = decompressed(chunks, source)
                if wide:
                    chunks = _wide_to_utf8(chunks, encoding, source)
                yield from _blocks(chunks, source, separator=separator, max_line=max_line)
        except RunError as error:
            report(error.message, error.hint)
        except OSError as error:
            report(f"{source}: {error.strerror}", "")


def _counted(chunks: Iterator[bytes], on_bytes: Callable[[int], None]) -> Iterator[bytes]:
    for chunk in chunks:
        on_bytes(len(chunk))
        yield chunk


_DESCRIPTORS = {"/dev/stdout": 1, "/dev/stderr": 2}


class Output:
    """Where the bytes go: stdout, a device or FIFO, or ``FILE.part`` that becomes FILE when all is written.

    Used as a context manager. Leaving it after an error keeps ``FILE.part``, for ``--resume``, and leaves FILE alone.

    Raises:
        RunError: it cannot be opened or written (a closed pipe stays a ``BrokenPipeError``).
    """

    def __init__(
        self, path: str | None, *, resume: bool = False, terminator: bytes = b"\n", inputs: tuple[str, ...] = ()
    ) -> None:
        self._is_stdout = path is None or path == "-"
        self.name = "<stdout>" if self._is_stdout else path
        self.records = 0  # already in FILE.part
        self.last = b""  # of these
        self._part: Path | None = None
        self._resumable = bool(terminator)
        try:
            if path is None or path == "-":
                self._file = _standard_stream(sys.stdout)
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
                    self.records, self.last = _cut_to_whole_records(self._file, terminator)
                else:
                    self._file.truncate()
                if self._target.exists():
                    os.fchmod(self._file.fileno(), stat.S_IMODE(self._target.stat().st_mode))
        except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: a link that leads to itself
            raise self._failure(error) from error

    def __enter__(self) -> Output:
        return self

    def write(self, *parts: bytes) -> None:
        """Write and flush. Large parts are not copied together first: with all of UniDic's columns that is gigabytes."""
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
        """Where the next byte goes, if what is written from here on can be overwritten later; None for a pipe or a file
        opened for appending."""
        try:
            fd = self._file.fileno()
            appends = fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_APPEND
            return None if appends or not stat.S_ISREG(os.fstat(fd).st_mode) else os.lseek(fd, 0, os.SEEK_CUR)
        except (OSError, ValueError):  # not a real file: a test's
            return None

    def overwrite(self, position: int, data: bytes) -> None:
        """Write ``data`` at a ``position`` that was told before."""
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
    """A run that reads the file it writes would lose what it has not read, or read its own output without end.

    Raises:
        ValueError: ``file`` is one of ``inputs``.
    """
    with contextlib.suppress(OSError):  # not a real file: a test's
        written = os.fstat(file.fileno())
        for path in (Path("/dev/stdin" if name == "-" else name) for name in inputs):
            if stat.S_ISREG(written.st_mode) and path.exists() and os.path.samestat(written, path.stat()):
                raise ValueError(f"{path} would be read and written at once")


def _cut_to_whole_records(file: IO[bytes], terminator: bytes) -> tuple[int, bytes]:
    """Cut an unfinished last record off and return how many whole ones there are, and the last; the position is then the end."""
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
        # A terminator that is cut in two counts with the next chunk, one that is whole does not count again.
        done = max(end - position, len(data) - len(terminator) + 1)
        data, position = data[done:], position + done
    file.truncate(end)
    file.seek(before)
    return count, file.read(end - before)
