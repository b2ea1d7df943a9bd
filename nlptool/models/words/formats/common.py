"""Shared by the readers of word-vector files: a reader of bytes, and a matrix that grows."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import ModelError
from nlptool.models.words.ngrams import Ngrams
from nlptool.storage import compression


@dataclass(frozen=True, slots=True)
class WordFile:
    """The content of a file of word vectors. Vectors are not normalized."""

    format: str  # one of FORMATS
    words: list[str]  # in the file's order, without duplicates
    vectors: NDArray[np.float32]  # (V, D)
    counts: NDArray[np.int64] | None  # (V,); only fastText's .bin has them
    ngrams: Ngrams | None
    notes: list[str]  # what was omitted or changed, one sentence each, with numbers and the first examples


BLOCK = 1 << 22  # bytes that are parsed at a time
LONGEST_WORD = 10_000  # bytes; a longer word is a sign of another kind of file
MOST_DIMENSIONS = 100_000
_CHUNK = 1 << 20  # bytes of one read
LONGEST_LINE = 1 << 24  # bytes


class ByteReader:
    """Reads the bytes of a file in order, decompressed."""

    def __init__(self, path: Path, file: io.BufferedReader) -> None:
        self.path = path
        self.ends_in_line = False  # the last line has no line end
        self._data = b""
        stored = file.peek(1)[:64]
        status = os.fstat(file.fileno())
        self._chunks = compression.decompressed(iter(lambda: file.read(_CHUNK), b""), str(path), piped=False)
        is_plain = stat.S_ISREG(status.st_mode) and self.peek(len(stored)) == stored
        self.left: int | None = status.st_size if is_plain else None  # remaining bytes, if known

    def peek(self, n: int) -> bytes:
        """Return the next ``n`` bytes without consuming them; fewer at the end."""
        pieces, length = [self._data], len(self._data)
        while length < n and (chunk := next(self._chunks, b"")):
            pieces.append(chunk)
            length += len(chunk)
        self._data = b"".join(pieces)
        return self._data[:n]

    def read(self, n: int) -> bytes:
        """Return the next ``n`` bytes; fewer at the end."""
        data = self.peek(n)
        self._data = self._data[n:]
        if self.left is not None:
            self.left -= len(data)
        return data

    def put_back(self, data: bytes) -> None:
        """Put back ``data``, which was read last."""
        self._data = data + self._data
        if self.left is not None:
            self.left += len(data)

    def entries(
        self, n: int, separator: bytes, size: int, too_long: Callable[[int], ModelError]
    ) -> Iterator[list[tuple[bytes, bytes]]]:
        """Yield up to ``n`` words, each with the ``size`` bytes after its separator, in blocks; fewer if the file ends.

        Args:
            too_long: returns the error for a word that is longer than ``LONGEST_WORD``, given its number.
        """
        n_found, data = 0, b""
        while n_found < n:
            more = self.read(max(BLOCK, size))
            data += more
            block: list[tuple[bytes, bytes]] = []
            position = 0
            while n_found + len(block) < n:
                end = data.find(separator, position, position + LONGEST_WORD)
                following = end + 1 + size
                if end < 0 or following > len(data):
                    if end < 0 and len(data) - position > LONGEST_WORD:
                        raise too_long(n_found + len(block) + 1)
                    break
                block.append((data[position:end], data[end + 1 : following]))
                position = following
            data = data[position:]
            n_found += len(block)
            if block:
                yield block
            if not more:
                break
        self.put_back(data)

    def line_blocks(self) -> Iterator[list[bytes]]:
        """Yield the lines in blocks, without their ``\\n``.

        Raises:
            ModelError: a line is too long.
        """
        rest = b""
        while block := self.read(BLOCK):
            whole, end, block = block.rpartition(b"\n")
            if end:
                yield (rest + whole).split(b"\n")
                rest = b""
            rest += block
            if len(rest) > LONGEST_LINE:
                raise ModelError(
                    f"{self.path} holds no word vectors as text: a line has more than {LONGEST_LINE:,} bytes"
                )
        if rest:
            self.ends_in_line = True
            yield [rest]


class Rows:
    """A matrix that grows in place: (n, D) float32, n the number of rows so far."""

    def __init__(self, dimension: int, n_expected: int = 0) -> None:
        self._array = np.empty((n_expected, dimension), np.float32)
        self.n = 0

    def append(self, rows: NDArray[np.float32]) -> None:
        """Append rows (m, D)."""
        end = self.n + len(rows)
        if end > len(self._array):  # there is no view of it yet, so its memory may move
            self._array.resize((max(end, len(self._array) * 9 // 8), self._array.shape[1]), refcheck=False)
        self._array[self.n : end] = rows
        self.n = end

    def finish(self) -> NDArray[np.float32]:
        """Return the matrix."""
        self._array.resize((self.n, self._array.shape[1]), refcheck=False)
        return self._array


def short(word: str) -> str:
    """Return a word as messages show it: quoted, at most 40 characters."""
    return repr(word if len(word) <= 40 else word[:40] + "...")
