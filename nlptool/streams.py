"""Bytes in, bytes out: files, pipes and terminals, compressed or not.

``read_blocks`` turns FILE arguments or stdin into blocks of lines as they arrive; ``open_output`` gives a place to write
that is stdout or a file replaced as a whole. What a line means is the business of ``records``.
"""

from __future__ import annotations

import bz2
import codecs
import contextlib
import errno
import fcntl
import lzma
import os
import select
import stat
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

import click

from nlptool.errors import RecordError, RunError

CHUNK = 1 << 18  # bytes asked for at once; small enough that a block of records stays small in memory
HEAD_OF_LONG_LINE = 1000  # characters of a too long line that its error record shows
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
    b"BZh": ("bzip2", bz2.BZ2Decompressor),
    b"\xfd7zXZ\x00": ("xz", lzma.LZMADecompressor),
    b"\x28\xb5\x2f\xfd": ("zstd", _zstd),
}
_LONGEST_MAGIC = max(map(len, _COMPRESSIONS))


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


def _decompressed(chunks: Iterator[bytes], source: str) -> Iterator[bytes]:
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
    if make is None:
        if head:
            yield head
        yield from chunks
        return
    decompressor: _Decompressor = make()
    data = head
    try:
        while True:
            while data:
                if decompressor.eof:
                    decompressor = make()
                yield decompressor.decompress(data)
                data = decompressor.unused_data if decompressor.eof else b""
                if data.startswith(b"\0"):  # padding after the last member, as tar and tape write it
                    data = data.lstrip(b"\0")
            data = next(chunks)
            if not data:
                yield b""
    except StopIteration:
        if not decompressor.eof:
            raise RunError(
                f"{source}: the {name} data end in the middle; the lines before that point were read, the last, "
                "unfinished one was not",
                hint="fetch or compress the file again",
            ) from None
    except (zlib.error, OSError, EOFError, lzma.LZMAError) as error:
        raise RunError(f"{source}: damaged {name} data: {error}") from error
    except Exception as error:
        if type(error).__name__ != "ZstdError":  # imported only where needed, so it cannot be named here
            raise
        raise RunError(f"{source}: damaged {name} data: {error}") from error


def is_wide(encoding: str) -> bool:
    """Whether a line end is more than one byte in it."""
    return codecs.lookup(encoding).name.startswith(("utf-16", "utf-32"))


def _wide_to_utf8(chunks: Iterable[bytes], encoding: str, source: str) -> Iterator[bytes]:
    """UTF-16 and UTF-32 to UTF-8: there a line end is more than one byte, so lines cannot be cut first."""
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for chunk in chunks:
            yield decoder.decode(chunk).encode()
        yield decoder.decode(b"", final=True).encode()
    except UnicodeError as error:
        raise RunError(f"{source} is not valid {encoding}: {error}", hint="--encoding names another one") from error


def _line_too_long(head: bytes, max_line: int) -> RecordError:
    shown = head[: 4 * HEAD_OF_LONG_LINE].decode(errors="replace")[:HEAD_OF_LONG_LINE]
    return RecordError(
        "LineTooLong",
        f"the line is longer than {max_line:,} bytes; `text` holds its first {len(shown):,} characters",
        hint="--max-line allows longer lines",
        raw=shown.encode(),
    )


def _blocks(chunks: Iterable[bytes], source: str, *, separator: bytes, max_line: int) -> Iterator[Block]:
    """Cut chunks into lines. One trailing ``\\r\\n`` or ``\\n`` (or NUL) ends a line, and nothing more is stripped."""
    number = 1
    rest: list[bytes] = []  # the pieces of a line whose end has not come
    length = 0  # bytes in ``rest``
    too_long: RecordError | None = None

    def finish(last: bytes, *, ended: bool) -> bytes | RecordError:
        nonlocal rest, length, too_long
        line = b"".join([*rest, last]) if rest else last
        result: bytes | RecordError = line
        if too_long or len(line) > max_line:
            result = too_long or _line_too_long(line, max_line)
        elif ended and separator == b"\n" and line.endswith(b"\r"):
            result = line[:-1]
        rest, length, too_long = [], 0, None
        return result

    for chunk in chunks:
        if not chunk:
            yield Block(source, number, [])
            continue
        pieces = chunk.split(separator)
        tail = pieces.pop()
        lines: list[bytes | RecordError] = []
        if pieces:
            lines.append(finish(pieces[0], ended=True))
            for piece in pieces[1:]:
                lines.append(finish(piece, ended=True))
        if tail and not too_long:
            rest.append(tail)
            length += len(tail)
            if length > max_line:
                too_long = _line_too_long(b"".join(rest), max_line)
                rest, length = [], 0
        if lines:
            yield Block(source, number, lines)
            number += len(lines)
    if rest or too_long:
        yield Block(source, number, [finish(b"", ended=False)])


def read_blocks(  # noqa: PLR0913
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
                    file: IO[bytes] = click.get_binary_stream("stdin")
                    if file.isatty():
                        hint("reading from the terminal: type a text, end with Ctrl-D (or name a FILE)")
                elif Path(path).is_dir():
                    raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
                else:
                    file = stack.enter_context(Path(path).open("rb", buffering=0))
                chunks = _chunks(file, max_latency)
                if on_bytes is not None:
                    chunks = _counted(chunks, on_bytes)
                chunks = _decompressed(chunks, source)
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


class Output:
    """Where the bytes go: stdout, a device or FIFO, or ``FILE.part`` that becomes FILE when all is written.

    Used as a context manager. Leaving it after an error keeps ``FILE.part``, for ``--resume``, and leaves FILE alone.

    Raises:
        RunError: it cannot be opened or written (a closed pipe stays a ``BrokenPipeError``).
    """

    def __init__(self, path: str | None, *, resume: bool = False, terminator: bytes = b"\n") -> None:
        self.name = path or "<stdout>"
        self.records = 0  # already in FILE.part
        self._part: Path | None = None
        try:
            if path is None or path == "-":
                self._file: IO[bytes] = click.get_binary_stream("stdout")
            elif path == "/dev/stdout" or path.startswith("/dev/fd/"):  # opening it anew would truncate
                self._file = os.fdopen(os.dup(1 if path == "/dev/stdout" else int(Path(path).name)), "wb")
            elif Path(path).exists() and not Path(path).is_file():
                self._file = Path(path).open("wb")
            else:
                self._target = Path(path).resolve()  # a link stays a link: what it points to is replaced
                self._part = self._target.with_name(self._target.name + ".part")
                if resume and self._part.exists():
                    self._file = self._part.open("r+b")
                    self.records = _cut_to_whole_records(self._file, terminator)
                else:
                    self._file = self._part.open("w+b")
                if self._target.exists():
                    os.fchmod(self._file.fileno(), stat.S_IMODE(self._target.stat().st_mode))
        except (OSError, ValueError) as error:
            raise self._failure(error) from error

    def __enter__(self) -> Output:
        return self

    def write(self, data: bytes) -> None:
        """Write and flush."""
        try:
            self._file.write(data)
            self._file.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
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

    def isatty(self) -> bool:
        return self._file.isatty()

    def __exit__(self, kind: object, *_: object) -> None:
        if self.name == "<stdout>" or self.name == "-":
            return
        try:
            if self._part and kind is None:
                os.fsync(self._file.fileno())
                self._part.replace(self._target)
            self._file.close()
        except OSError as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> RunError:
        if self.name == "<stdout>" and isinstance(error, OSError):
            # What stays in the buffer would fail once more when Python flushes it at exit.
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._file.fileno())
        reason = error.strerror if isinstance(error, OSError) else str(error)
        kept = f"; what was written is in {self._part}, --resume goes on from there" if self.records_kept else ""
        return RunError(f"cannot write {self.name}: {reason}{kept}")

    @property
    def records_kept(self) -> bool:
        """Whether an unfinished FILE.part with something in it is left."""
        return self._part is not None and self._part.exists() and self._part.stat().st_size > 0


def _cut_to_whole_records(file: IO[bytes], terminator: bytes) -> int:
    """Cut an unfinished last record off and return how many whole ones there are; the position is then the end."""
    count = end = position = 0
    overlap = b""
    while chunk := file.read(CHUNK):
        data = overlap + chunk
        found = data.count(terminator)
        if found:
            count += found
            end = position - len(overlap) + data.rfind(terminator) + len(terminator)
        position += len(chunk)
        overlap = data[len(data) - len(terminator) + 1 :] if len(terminator) > 1 else b""
    file.truncate(end)
    file.seek(end)
    return count
