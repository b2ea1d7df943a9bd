"""Compressed input: recognised by its magic bytes, decompressed as a stream; what is not read is named."""

from __future__ import annotations

import bz2
import functools
import itertools
import lzma
import re
import shlex
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from nlptool.errors import RunError

CHUNK = 1 << 18  # bytes read at once; small enough that a block of records stays small in memory
SLICE = 1 << 12  # bytes decompressed at once; they can become 30,000 times as many


class _Decompressor(Protocol):
    """The interface that zlib, bz2, lzma and zstandard share."""

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
    # .lzma has no magic bytes: the usual properties, then the size of the dictionary, 64 kB to 64 MB.
    **{
        b"]\0\0" + (1 << power).to_bytes(4, "little")[2:]: (
            "lzma",
            functools.partial(lzma.LZMADecompressor, lzma.FORMAT_ALONE),
        )
        for power in range(16, 27)
    },
    # A frame to be skipped, with which pzstd begins.
    **{bytes([first]) + b"*M\x18": ("zstd", _zstd) for first in range(0x50, 0x60)},
    # A text may begin with BZh too, so the magic of the first block must follow (the second one: there is no block).
    **{
        b"BZh%d%b" % (level, block): ("bzip2", bz2.BZ2Decompressor)
        for level in range(1, 10)
        for block in (b"1AY&SY", b"\x17rE8P\x90")
    },
}

_NOT_READ: dict[bytes, tuple[str, str]] = {
    b"\x04\x22\x4d\x18": ("lz4 data", "lz4 -dc"),
    b"\x02\x21\x4c\x18": ("lz4 data", "lz4 -dc"),  # before there was a frame format
    b"\x1f\x9d": ("data of compress (.Z)", "gzip -dc"),
    b"\x89LZO\0\r\n\x1a\n": ("lzop data", "lzop -dc"),
    b"LZIP\x01": ("lzip data", "lzip -dc"),
    b"PK\x03\x04": ("a zip archive", "unzip -p"),
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive", "7z x -so"),
}
"""Magic bytes of what is named, with the command that unpacks it."""

_KNOWN = (*_COMPRESSIONS, *_NOT_READ)
_LONGEST_MAGIC = max(map(len, _KNOWN))
_NO_TEXT = re.compile(rb"[\0-\x08\x0e-\x1a\x1c-\x1f]")


def decompressed(chunks: Iterator[bytes], source: str, *, piped: bool = True) -> Iterator[bytes]:
    """Yield the chunks decompressed, if their first bytes are those of a compressed file; concatenated members follow each other.

    Args:
        source: name of the input, for messages.
        piped: whether the command that reads it takes a pipe as well, which the message about what is not read shows.

    Raises:
        RunError: the data are damaged or end in the middle, or are compressed in another way.
    """
    head = b""
    for chunk in chunks:
        head += chunk
        if not any(magic.startswith(head[: len(magic)]) for magic in _KNOWN) or len(head) >= _LONGEST_MAGIC:
            break
    _refuse(head, source, piped=piped)
    name, make = next(((n, m) for magic, (n, m) in _COMPRESSIONS.items() if head.startswith(magic)), ("", None))
    chunks = itertools.chain([head] if head else [], chunks)
    if make is None:
        yield from chunks
        return
    decompressor: _Decompressor = make()
    for chunk in chunks:
        if not chunk:
            yield b""
        for data in _slices(chunk, SLICE):
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
                yield from _slices(plain, CHUNK)
                data = decompressor.unused_data if decompressor.eof else b""
    if not decompressor.eof:
        raise RunError(
            f"{source}: the {name} data end in the middle; the lines before that point were read, the last, "
            "unfinished one was not",
            hint="fetch or compress the file again",
        )


def is_compressed(head: bytes) -> bool:
    """Return whether these are the first bytes of a compressed file that is read here."""
    return head.startswith(tuple(_COMPRESSIONS))


def _refuse(head: bytes, source: str, *, piped: bool) -> None:
    """Refuse what is compressed in a way that is not read here; brotli has no magic bytes and is known by its name.

    Raises:
        RunError: it is.
    """
    found = next((named for magic, named in _NOT_READ.items() if head.startswith(magic)), None)
    if found is None and source.lower().endswith(".br") and _NO_TEXT.search(head):
        found = ("brotli data", "brotli -dc")
    if found is None:
        return
    what, command = found
    file = "" if source.startswith("<") else f" {shlex.quote(source)}"
    unpacked = f"{command}{file} | nlptool ..." if piped else f"{command}{file} > FILE"
    raise RunError(f"{source}: this looks like {what}, which is not unpacked here", hint=f"unpack it: {unpacked}")


def _slices(data: bytes, size: int) -> Iterator[bytes]:
    """Split into pieces of at most ``size`` bytes."""
    return (data[start : start + size] for start in range(0, len(data), size))
