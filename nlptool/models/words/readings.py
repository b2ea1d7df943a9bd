"""Hashes of the readings of a vocabulary's Japanese words, so that the words with a given reading are found without MeCab.

A hash is the CRC-32 of the reading (katakana, UTF-8) modulo 65,535, plus 1; 0 is a word without a reading. Of 120,000 words
one or two have the hash of another reading by chance: MeCab is asked about the few words that are found.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import ModelError
from nlptool.text.scripts import japanese

_MOST = 300_000  # words whose readings are computed: the most frequent ones


def of_words(words: Sequence[str], dictionary: str | None) -> NDArray[np.uint16] | None:
    """Return the hash of each word's reading, (V,); None if no word is Japanese, or the dictionary is not there.

    Args:
        dictionary: name or folder of the MeCab dictionary; unidic-lite unless given.
    """
    search = japanese().search
    chosen = [index for index, word in enumerate(words[:_MOST]) if search(word)]
    if not chosen:
        return None
    from nlptool.models.japanese.words import reading

    hashes = np.zeros(len(words), np.uint16)
    try:
        hashes[chosen] = [hash_of(reading(words[index], dictionary)) for index in chosen]
    except ModelError:
        return None
    return hashes


def hash_of(reading: str) -> int:
    """Return the hash of a reading, 1 to 65,535; 0 of an empty one."""
    return zlib.crc32(reading.encode(errors="surrogatepass")) % 65_535 + 1 if reading else 0
