"""Writes word vectors in the formats of other programs: word2vec (binary and text), GloVe. See ``read`` for the formats."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from nlptool.errors import ModelError
from nlptool.models.words.formats.common import short
from nlptool.models.words.formats.words import WordFilter
from nlptool.storage.output import Output

_BLOCK_NUMBERS = 1 << 21  # numbers that are written at a time
_BLANKS = re.compile(r"[ \t\n\v\f\r]")  # C's isspace, which ends a word


def write(path: Path, format: str, words: Sequence[str], vectors: NDArray[np.float32]) -> list[str]:
    """Write a file of word vectors for other programs; an existing file is replaced at the end.

    Args:
        format: word2vec, word2vec-text or glove.
        words: V different words.
        vectors: (V, D); each float32 is written so that the same one is read back.

    Returns:
        Notes on what was omitted or changed, one sentence each.

    Raises:
        ModelError: there is nothing to write, or the format cannot be written.
        RunError: the file cannot be written; an existing file stays.
    """
    if format not in ("word2vec", "word2vec-text", "glove"):
        raise ModelError(f"{format} cannot be written", hint="there are word2vec, word2vec-text and glove")
    names, notes = _names(words)
    step = max(1, _BLOCK_NUMBERS // max(1, vectors.shape[1]))
    starts = range(0, len(names), step)
    word_filter = WordFilter(path)
    kept = [
        word_filter.filter(names[start : start + step], np.asarray(vectors[start : start + step])) for start in starts
    ]
    n_kept = sum(int(keep.sum()) for keep in kept)
    if not n_kept or not vectors.shape[1]:
        raise ModelError(f"there is no word to write to {path}", hint=" ".join(word_filter.notes()))
    with Output(str(path)) as output:
        if format != "glove":
            output.write(b"%d %d\n" % (n_kept, vectors.shape[1]))
        for start, keep in zip(starts, kept, strict=True):
            usable = [name for name, is_kept in zip(names[start : start + step], keep, strict=True) if is_kept]
            block = np.ascontiguousarray(np.asarray(vectors[start : start + step], "<f4")[keep])
            output.write(b"".join(_records(usable, block, binary=format == "word2vec")))
    return notes + word_filter.notes()


def _records(names: list[bytes], vectors: NDArray[np.float32], *, binary: bool) -> Iterator[bytes]:
    """Return the bytes of each word with its vector."""
    if binary:
        return (b"%b %b\n" % (name, row.tobytes()) for name, row in zip(names, vectors, strict=True))
    if not names:
        return iter(())
    # orjson writes the shortest decimals that round to the same float32, fifty times as fast as str().
    numbers = orjson.dumps(vectors, option=orjson.OPT_SERIALIZE_NUMPY)[2:-2].replace(b",", b" ").split(b"] [")
    return (b"%b %b\n" % pair for pair in zip(names, numbers, strict=True))


def _names(words: Sequence[str]) -> tuple[list[bytes], list[str]]:
    """Return the words as bytes, and a note on those that were changed.

    Blanks become ``_``: other programs cannot tell a word with a blank from two words.
    """
    taken: set[str] = set()
    changed: list[str] = []
    names = []
    for word in words:
        if _BLANKS.search(word):
            taken = taken or set(words)
            name = _BLANKS.sub("_", word)
            while name in taken:
                name += "_"
            taken.add(name)
            changed.append(f"{short(word)} as {short(name)}")
            word = name
        names.append(word.encode(errors="surrogatepass"))  # a lone surrogate is no UTF-8: the filter omits it
    if not changed:
        return names, []
    more = ", ..." if len(changed) > 3 else ""
    what = "word holds blanks and was" if len(changed) == 1 else "words hold blanks and were"
    return names, [f"{len(changed):,} {what} written with _: {', '.join(changed[:3])}{more}"]
