"""Whether what is read as word2vec's binary format is that: any bytes are float32 numbers, but not those of word vectors.

Text that is read so has numbers of 1e-19 to 1e-4, whose bytes are digits, points and blanks. A header with another dimension puts
the bytes of numbers between the vectors, where words should be. The other byte order makes numbers of all sizes.
"""

from __future__ import annotations

import contextlib
import re

import numpy as np
from numpy.typing import NDArray

from nlptool.models.words.formats.common import short

_SMALL, _LARGE = 1e-10, 1e10  # the largest component of a vector is between them, in any training
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_IS_TEXT = np.isin(np.arange(256), [*b"\t\n\r", *range(0x20, 0x7F)])
_SHOWN = 40  # bytes


class Plausibility:
    """Looks at words and vectors as they are read, and counts what is no word, or no vector."""

    def __init__(self) -> None:
        self._n = 0
        self._n_text = 0
        self._n_extreme = 0
        self._n_garbled = 0
        self._text = ""  # an example
        self._least, self._most = np.inf, 0.0  # of the largest numbers of vectors that are too small or too large

    def look(self, words: list[bytes], vectors: NDArray[np.float32]) -> None:
        """Look at words and their vectors, (n, D)."""
        if not self._n:  # text is text from the beginning
            rows = vectors.view(np.uint8).reshape(len(vectors), -1)
            is_text = _IS_TEXT[rows].all(axis=1)
            self._n_text = int(is_text.sum())
            if self._n_text:
                self._text = rows[is_text.argmax()].tobytes()[:_SHOWN].decode()
        self._n += len(words)
        largest = np.abs(vectors).max(axis=1)
        extreme = ~((largest == 0) | ((largest >= _SMALL) & (largest <= _LARGE)))  # NaN is neither
        if extreme.any():
            self._n_extreme += int(extreme.sum())
            sizes = largest[extreme]
            self._least, self._most = min(self._least, float(sizes.min())), max(self._most, float(sizes.max()))
        self._n_garbled += _n_garbled(words)

    def doubt(self) -> str:
        """Return why most of what was seen is no word2vec binary file; "" if it may well be one."""
        if self._n_text * 2 > self._n:
            return f"the vectors of its words are text, not binary numbers: {short(self._text)}"
        if self._n_garbled * 2 > max(1, self._n - 1):  # the first word is right, whatever the header says
            which = f"{self._n_garbled:,} of the first {self._n:,} words"
            return f"{which} are no words: they hold control characters or are not UTF-8"
        if self._n_extreme * 2 > self._n:
            which = f"{self._n_extreme:,} of the first {self._n:,} words"
            return f"the largest numbers of {which} are {self._least:.0e} to {self._most:.0e}, as of no word vectors"
        return ""


def _n_garbled(words: list[bytes]) -> int:
    """Return how many words hold control characters, or are not UTF-8 before their end, where word2vec may have cut them."""
    joined = b" ".join(words)
    if not _CONTROL.search(joined):
        with contextlib.suppress(UnicodeDecodeError):
            joined.decode()
            return 0
    return sum(bool(_CONTROL.search(word)) or not _is_cut_utf8(word) for word in words)


def _is_cut_utf8(word: bytes) -> bool:
    """Return whether a word is UTF-8, but for the last character, which may lack its end."""
    try:
        word.decode()
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"
    return True
