"""Compressed input: recognised by its magic bytes, decompressed as a stream."""

from __future__ import annotations

import bz2
import itertools
import lzma
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
    # A frame to be skipped, with which pzstd begins.
    **{bytes([first]) + b"*M\x18": ("zstd", _zstd) for first in range(0x50, 0x60)},
    # A text may begin with BZh too, so the magic of the first block must follow (the second one: there is no block).
    **{
        b"BZh%d%b" % (level, block): ("bzip2", bz2.BZ2Decompressor)
        for level in range(1, 10)
        for block in (b"1AY&SY", b"\x17rE8P\x90")
    },
}
_LONGEST_MAGIC = max(map(len, _COMPRESSIONS))


def decompressed(chunks: Iterator[bytes], source: str) -> Iterator[bytes]:
    """Yield the chunks decompressed, if their first bytes are those of a compressed file; concatenated members follow each other.

    Args:
        source: name of the input, for messages.

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


def _slices(data: bytes, size: int) -> Iterator[bytes]:
    """Split into pieces of at most ``size`` bytes."""
    return (data[start : start + size] for start in range(0, len(data), size))
