"""FILE arguments or stdin as blocks of lines, as they arrive: files, pipes and terminals, compressed or not.

What a line means is decided in ``parse``.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import select
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from nlptool.errors import RecordError, RunError
from nlptool.records.decoding import Source
from nlptool.records.inputs import PARQUET, is_folder
from nlptool.records.part import Part
from nlptool.records.record import STDIN
from nlptool.storage import places
from nlptool.storage.compression import CHUNK, decompressed
from nlptool.storage.output import standard_stream

_ARRAY = re.compile(rb'(?:\xef\xbb\xbf)?[ \t]*\[[ \t]*\{[ \t]*"')  # the beginning of a JSON array of records
_SHOWN_OF_LONG_LINE = 4000  # bytes that the error record of a too long line holds


@dataclass(slots=True)
class Block:
    """Consecutive lines of one source, without their line ends; no lines mean that nothing new came for a while.

    Attributes:
        encoding: what ``--encoding auto`` found that the source is in; "": it is as the options say.
        goes_on: the only line is a piece of one, and the rest of it follows: of a JSON array on one line.
        kind: ``parquet`` if the lines are JSON that was made of the rows of such a file; "": they are as they came.
    """

    source: str
    first_line: int  # 1-based
    lines: list[bytes | RecordError]
    encoding: str = ""
    kind: str = ""
    goes_on: bool = False


def _chunks(file: IO[bytes], max_latency: float) -> Iterator[bytes]:
    """Yield what arrives; ``b""`` once whenever nothing has arrived for ``max_latency`` seconds."""
    try:
        fd = file.fileno()
    except (OSError, AttributeError):  # not a real file, as in tests
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


def _line_too_long(line: bytes, max_line: int) -> RecordError:
    return RecordError(
        "LineTooLong",
        f"the line is longer than {max_line:,} bytes; `text` holds its beginning",
        hint="--max-line allows longer lines",
        raw=line[: min(max_line, _SHOWN_OF_LONG_LINE)],
    )


def _blocks(
    chunks: Iterable[bytes],
    source: str,
    *,
    separator: bytes,
    max_line: int,
    decoded: Source | None = None,
    cut_array: bool = False,
    first_line: int = 1,
) -> Iterator[Block]:
    """Split chunks into lines. One trailing ``\\r\\n`` or ``\\n`` (or NUL) ends a line, and nothing more is stripped.

    Args:
        decoded: where the chunks come from, which says what encoding their lines are in.
        cut_array: give a long first line in pieces, each up to a comma, if it begins as a JSON array of records does.
        first_line: the number of the first line.
    """
    number = first_line
    rest: list[bytes] = []  # the pieces of a line whose end has not arrived
    length = 0  # bytes in ``rest``
    too_long: RecordError | None = None
    begun = False  # a JSON array is given in pieces
    suspicious = False  # lines may be in another encoding

    def finish(last: bytes, *, ended: bool = True) -> bytes | RecordError:
        nonlocal rest, length, too_long
        line = b"".join([*rest, last]) if rest else last
        if ended and separator == b"\n":
            line = line.removesuffix(b"\r")
        result = too_long or (_line_too_long(line, max_line) if len(line) > max_line else line)
        rest, length, too_long = [], 0, None
        if suspicious and decoded is not None and isinstance(result, bytes):
            return decoded.refused(result) or result
        return result

    for chunk in chunks:
        if not chunk:
            yield Block(source, number, [])
            continue
        suspicious = suspicious or (decoded is not None and decoded.is_suspicious(chunk))
        *pieces, tail = chunk.split(separator)
        lines = [finish(piece) for piece in pieces]
        if tail and not too_long:
            rest.append(tail)
            length += len(tail)
            if length > max_line + len(b"\r"):
                too_long = _line_too_long(b"".join(rest), max_line)
                rest, length = [], 0
        if lines:
            yield Block(source, number, lines, decoded.encoding if decoded else "")
            number += len(lines)
        elif cut_array and number == 1 and length > CHUNK:
            piece, comma, last = b"".join(rest).rpartition(b",")
            begun = begun or _ARRAY.match(piece or last) is not None
            cut_array = begun
            if begun and comma:
                yield Block(source, number, [piece + comma], decoded.encoding if decoded else "", goes_on=True)
                rest, length = [last], len(last)
    if rest or too_long:
        yield Block(source, number, [finish(b"", ended=False)], decoded.encoding if decoded else "")


def read_blocks(
    files: tuple[str, ...],
    *,
    report: Callable[[str, str], None],
    hint: Callable[[str], None],
    separator: bytes = b"\n",
    encoding: str = "utf-8",
    kind: str = "auto",
    max_line: int = 64_000_000,
    max_latency: float = 0.1,
    on_bytes: Callable[[int], None] | None = None,
    on_missing: Callable[[str], str] = lambda _: "",
    part: Part | None = None,
) -> Iterator[Block]:
    """Yield the lines of ``files`` in order, or of stdin when there are none, in blocks as they arrive.

    Args:
        files: paths; ``-`` is stdin.
        report: called with a message and a hint for an input that cannot be read; the others are read all the same.
        hint: called with what a person at a terminal should know.
        separator: ``b"\\n"`` or ``b"\\0"``.
        encoding: ``auto`` is decided here for each file; only UTF-16 and UTF-32 are recoded, all others are decoded line by
            line in ``parse``.
        kind: of the input, as the option says; that of a Parquet file is seen by its first bytes.
        max_line: bytes; a longer line is yielded as a ``RecordError``, and its rest is skipped.
        max_latency: seconds without input after which an empty block is yielded.
        on_bytes: called with the number of bytes read (before decompression).
        on_missing: returns the hint about a path that does not exist.
        part: what is read of each file, which may be in an object store; None: all of files of this machine.
    """
    for path in files or ("-",):
        source = STDIN if path == "-" else path
        try:
            with contextlib.ExitStack() as stack:
                if path == "-":
                    file = standard_stream(sys.stdin)
                    if file.isatty():
                        hint("reading from the terminal: type a text, end with Ctrl-D (or name a FILE)")
                elif is_folder(path):
                    os.scandir(path).close()  # says what is wrong if it cannot be looked into
                    raise RunError(
                        f"{source}: a folder without text files",
                        hint="hidden and binary files are left out, and those that --glob does not choose",
                    )
                else:
                    file = stack.enter_context(places.opened(path) if part else Path(path).open("rb", buffering=0))  # noqa: SIM115
                chunks = _chunks(file, max_latency) if part is None else _chunks_of(part, file, source)
                if on_bytes is not None:
                    chunks = _counted(chunks, on_bytes)
                is_middle = part is not None and part.start > 0
                plain = chunks if is_middle else decompressed(chunks, source)
                if kind in ("auto", "parquet") and not is_middle:
                    is_parquet, plain = _begins_with(plain, PARQUET)
                    if is_parquet:
                        yield from _parquet_blocks(plain, file, source, on_bytes=on_bytes)
                        continue
                    if kind == "parquet":
                        raise RunError(f"{source}: this is no Parquet file", hint="-I auto finds out what it is")
                decoded = Source(plain, source, encoding=encoding, separator=separator, note=hint, is_middle=is_middle)
                cut_array = kind in ("auto", "json") and encoding in ("auto", "utf-8")
                yield from _blocks(
                    decoded,
                    source,
                    separator=separator,
                    max_line=max_line,
                    decoded=decoded,
                    cut_array=cut_array and not is_middle,
                    first_line=1 if part is None else part.first_line,
                )
        except RunError as error:
            report(error.message, error.hint)
        except OSError as error:
            missing = error.errno in (errno.ENOENT, errno.ENAMETOOLONG)
            report(f"{source}: {error.strerror}", on_missing(path) if missing else "")


def _begins_with(chunks: Iterator[bytes], magic: bytes) -> tuple[bool, Iterator[bytes]]:
    """Return whether the first bytes are ``magic``, and all chunks."""
    first: list[bytes] = []
    head = b""
    for chunk in chunks:
        first.append(chunk)
        head += chunk[: len(magic) - len(head)]
        if not chunk or head == magic or not magic.startswith(head):
            break
    return head == magic, itertools.chain(first, chunks)


def _parquet_blocks(
    chunks: Iterator[bytes], file: IO[bytes], source: str, *, on_bytes: Callable[[int], None] | None
) -> Iterator[Block]:
    """Yield the rows of a Parquet file; its line numbers are those of the rows, from 1.

    Its end has to be read first: stdin, a pipe and what is compressed go into a temporary file.

    Args:
        chunks: its bytes, read from ``file`` and decompressed.
    """
    from nlptool.records.parquet_rows import parquet_rows
    from nlptool.storage import temp_files

    with contextlib.ExitStack() as opened:
        size = 0
        # Not read, since that would move the place from which the chunks go on.
        if source != STDIN and file.seekable() and _head_of(file) == PARQUET:
            size = os.fstat(file.fileno()).st_size
        else:
            file = opened.enter_context(temp_files.temporary())
            for chunk in chunks:
                with temp_files.disk_space():
                    file.write(chunk)
        file.seek(0)
        number, n_read = 1, CHUNK  # the first of which have been counted
        for lines, share in parquet_rows(file, source):
            yield Block(source, number, list(lines), "utf-8", "parquet")
            number += len(lines)
            if on_bytes is not None and (more := int(share * size) - n_read) > 0:
                on_bytes(more)
                n_read += more


def _head_of(file: IO[bytes]) -> bytes:
    """Return the first bytes of a file of this machine; b"" for one of an object store."""
    try:
        return os.pread(file.fileno(), len(PARQUET), 0)
    except (OSError, AttributeError):
        return b""


def _chunks_of(part: Part, file: IO[bytes], source: str) -> Iterator[bytes]:
    """Yield the bytes of a part of a file.

    Raises:
        RunError: the file ends before the part does.
    """
    file.seek(part.start)
    if part.end is None:
        yield from iter(lambda: file.read(CHUNK), b"")
        return
    left = part.end - part.start
    while left:
        chunk = file.read(min(CHUNK, left))
        if not chunk:
            raise RunError(f"{source}: the file has become shorter while it was read", hint="run it again")
        left -= len(chunk)
        yield chunk


def _counted(chunks: Iterator[bytes], on_bytes: Callable[[int], None]) -> Iterator[bytes]:
    for chunk in chunks:
        on_bytes(len(chunk))
        yield chunk
