"""Reads entries of a compiled MeCab dictionary (``sys.dic``, a user's ``.dic``, ``unk.dic``).

The file, little-endian: a header of ten uint32 (magic, version, type, number of words, sizes of the two id tables, bytes
of the double array, of the tokens and of the features, unused) and the name of the charset in 32 bytes; a double array
(J. Aoe: An Efficient Digital Search Algorithm by Using a Double-Array Structure, 1989) from a word's bytes to the run of
its tokens; tokens of 16 bytes; features, ended by NUL. As written by MeCab 0.996, format version 102.

MeCab itself segments text; this looks up the features of its tokens.
"""

from __future__ import annotations

import errno
import mmap
import struct
from pathlib import Path

from nlptool.errors import ModelError, OutOfMemory

_HEADER = struct.Struct("<10I32s")
_TOKEN_SIZE = 8  # uint16: left id, right id, part of speech id, cost (signed), offset of the features (2), unused (2)
VERSION = 102


def mapped(path: Path) -> mmap.mmap:
    """Map a file of a dictionary into memory.

    Raises:
        OutOfMemory: it is too large.
    """
    with path.open("rb") as file:
        try:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            if error.errno != errno.ENOMEM:
                raise
            size = path.stat().st_size / 1e6
            raise OutOfMemory(
                f"the dictionary {path} does not fit into memory: {size:,.0f} MB",
                hint="free memory, or raise ulimit -v",
            ) from error


class Dictionary:
    """A compiled dictionary, memory-mapped.

    Raises:
        ModelError: the file is no dictionary, or its header does not match its size.
    """

    def __init__(self, path: Path) -> None:
        self._bytes = mapped(path)
        if len(self._bytes) < _HEADER.size:
            raise ModelError(f"{path} is no MeCab dictionary")
        _, version, _, _, _, _, array_size, tokens_size, features_size, _, charset = _HEADER.unpack_from(self._bytes)
        if version != VERSION or _HEADER.size + array_size + tokens_size + features_size != len(self._bytes):
            raise ModelError(f"{path} is no MeCab dictionary of version {VERSION}, or it is damaged")
        self.charset: str = charset.rstrip(b"\0").decode("ascii", "replace").lower().replace("_", "-")
        tokens = _HEADER.size + array_size
        self._features = tokens + tokens_size
        self._tokens_at = tokens
        view = memoryview(self._bytes)
        self._array = view[_HEADER.size : tokens].cast("i")  # base, check, base, check, ...
        self._tokens = view[tokens : self._features].cast("H")

    def look_up(self, word: str | None, left: int, right: int, cost: int) -> list[str]:
        """Return the features of the entries of ``word`` with these ids and this cost; of any word if it is None, as needed for
        ``unk.dic``, whose words are classes of characters."""
        if word is None:
            return self._matching(0, len(self._tokens) // _TOKEN_SIZE, left, right, cost)
        array = self._array
        size = len(array)
        base = array[0]
        for byte in word.encode():
            unit = 2 * (base + byte + 1)
            if unit >= size or array[unit + 1] != base:
                return []
            base = array[unit]
        value = -array[2 * base] - 1
        if array[2 * base + 1] != base or value < 0:
            return []
        return self._matching(value >> 8, value & 0xFF, left, right, cost)

    def _matching(self, first: int, count: int, left: int, right: int, cost: int) -> list[str]:
        tokens = self._tokens
        unsigned_cost = cost & 0xFFFF
        features = []
        for offset in range(first * _TOKEN_SIZE, (first + count) * _TOKEN_SIZE, _TOKEN_SIZE):
            if tokens[offset] == left and tokens[offset + 1] == right and tokens[offset + 3] == unsigned_cost:
                start = self._features + tokens[offset + 4] + (tokens[offset + 5] << 16)
                features.append(self._string(start))
        return features

    def classes(self) -> list[tuple[int, int, int, str]]:
        """Return the pairs of left and right id that entries have: left id, right id, number of entries, features of one."""
        import numpy as np  # most dictionaries are only asked for words

        tokens = np.frombuffer(self._bytes, "<u2", len(self._tokens), self._tokens_at).reshape(-1, _TOKEN_SIZE)
        ids = tokens[:, 0].astype(np.uint32) << 16 | tokens[:, 1]
        pairs, first, counts = np.unique(ids, return_index=True, return_counts=True)
        offsets = tokens[first, 4] + (tokens[first, 5].astype(np.int64) << 16) + self._features
        return [
            (int(pair) >> 16, int(pair) & 0xFFFF, int(count), self._string(int(offset)))
            for pair, count, offset in zip(pairs, counts, offsets, strict=True)
        ]

    def first(self) -> str:
        """Return the features of the first entry, which tell the layout of all entries."""
        return self._string(self._features + self._tokens[4] + (self._tokens[5] << 16))

    def _string(self, start: int) -> str:
        return self._bytes[start : self._bytes.find(b"\0", start)].decode(errors="replace")
