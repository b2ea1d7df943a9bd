"""Reads the entries of a compiled MeCab dictionary (``sys.dic``, a user's ``.dic``, ``unk.dic``).

The file, little-endian: a header of ten uint32 (magic, version, type, number of words, sizes of the two id tables, bytes
of the double array, of the tokens and of the features, unused) and the name of the charset in 32 bytes; a double array
(J. Aoe: An Efficient Digital Search Algorithm by Using a Double-Array Structure, 1989) from a word's bytes to the run of
its tokens; tokens of 16 bytes; features, ended by NUL. As written by MeCab 0.996, format version 102.

It does not segment: that is MeCab's work.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

from nlptool.errors import ModelError

_HEADER = struct.Struct("<10I32s")
_TOKEN = struct.Struct("<HHHhII")  # left id, right id, part of speech id, cost, offset of the features, unused
_IDS = struct.Struct("<HH")
_REST = struct.Struct("<HhI")
_VERSION = 102


class Dictionary:
    """A compiled dictionary, memory-mapped.

    Raises:
        ModelError: it is not one, or its sizes do not agree with the file's.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if len(self._bytes) < _HEADER.size:
            raise ModelError(f"{path} is no MeCab dictionary")
        _, version, _, _, _, _, array_size, tokens_size, features_size, _, charset = _HEADER.unpack_from(self._bytes)
        if version != _VERSION or _HEADER.size + array_size + tokens_size + features_size != len(self._bytes):
            raise ModelError(f"{path} is no MeCab dictionary of version {_VERSION}, or it is damaged")
        self.charset: str = charset.rstrip(b"\0").decode("ascii", "replace").lower().replace("_", "-")
        self._tokens = _HEADER.size + array_size
        self._features = self._tokens + tokens_size
        self._n_tokens = tokens_size // _TOKEN.size
        self._array = memoryview(self._bytes)[_HEADER.size : self._tokens].cast("i")  # base, check, base, check, ...

    def look_up(self, word: str, left: int, right: int, cost: int) -> list[str]:
        """The features of the entries of ``word`` that have these ids and this cost."""
        array = self._array
        base = array[0]
        size = len(array)
        for byte in word.encode():
            unit = 2 * (base + byte + 1)
            if unit >= size or array[unit + 1] != base:
                return []
            base = array[unit]
        value = -array[2 * base] - 1
        if array[2 * base + 1] != base or value < 0:
            return []
        return self._features_of(value >> 8, value & 0xFF, _IDS.pack(left, right), cost)

    def scan(self, left: int, right: int, cost: int) -> list[str]:
        """The same whatever the word: what ``unk.dic``, whose words are classes of characters, is asked."""
        return self._features_of(0, self._n_tokens, _IDS.pack(left, right), cost)

    def _features_of(self, first: int, count: int, ids: bytes, cost: int) -> list[str]:
        found = []
        start = self._tokens + first * _TOKEN.size
        for position in range(start, start + count * _TOKEN.size, _TOKEN.size):
            if self._bytes[position : position + _IDS.size] == ids:
                _, wcost, offset = _REST.unpack_from(self._bytes, position + _IDS.size)
                if wcost == cost:
                    begin = self._features + offset
                    found.append(self._bytes[begin : self._bytes.find(b"\0", begin)].decode(errors="replace"))
        return found
