"""The words of a folder of word vectors: words.txt, UTF-8, one word a line, the most frequent first."""

from __future__ import annotations

import bisect
import functools
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_FEW = 32  # lookups without a dict of all words


class WordList:
    """The words, looked up in the bytes of the file as long as few are asked for.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not UTF-8.
    """

    def __init__(self, path: Path) -> None:
        self._blob = b"\n" + path.read_bytes()
        self._blob.decode()
        self._n_looked_up = 0

    def __len__(self) -> int:
        return self._blob.count(b"\n") - 1

    @functools.cached_property
    def words(self) -> list[str]:
        """All words."""
        return self._blob.decode().split("\n")[1:-1]

    @functools.cached_property
    def _indices(self) -> dict[str, int]:
        return {word: index for index, word in enumerate(self.words)}

    @functools.cached_property
    def _line_ends(self) -> NDArray[np.int64]:
        return np.flatnonzero(np.frombuffer(self._blob, np.uint8) == ord("\n"))

    def word(self, index: int) -> str:
        """Return the word at an index."""
        start, end = self._line_ends[index : index + 2]
        return self._blob[start + 1 : end].decode()

    def index(self, word: str) -> int | None:
        """Return the index of ``word``, None if it is unknown. The first few words are searched for in the bytes of the file:
        that takes a millisecond, a dict of 400,000 words a hundred."""
        self._n_looked_up += 1
        if self._n_looked_up > _FEW:
            return self._indices.get(word)
        if "\n" in word:
            return None
        offset = self._blob.find(b"\n%b\n" % word.encode(errors="surrogatepass"))
        return None if offset < 0 else bisect.bisect_left(self._line_ends, offset)
