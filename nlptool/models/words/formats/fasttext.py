"""Reads fastText's binary model (.bin, up to version 12): words, counts, and the vectors of words and character n-grams.

    magic, version          2 int32
    dim ... lrUpdateRate    12 int32, and t, a float64
    size, nwords, nlabels   3 int32; ntokens, pruneidx_size: 2 int64
    size entries            the word's bytes, a NUL, its count as int64, 0 for a word or 1 for a label
    quantized               1 byte
    input matrix            rows and columns as int64, float32: one row for each word, then one for each bucket of n-grams
    quantized               1 byte
    output matrix           the same, needed only for training

Before version 11, of February 2017, there were no magic, no version, no pruneidx_size and no bytes before the matrices.

Source: https://github.com/facebookresearch/fastText/blob/main/src/ (fasttext.cc, args.cc, dictionary.cc, densematrix.cc); for
what is older, `new_format` of https://github.com/piskvorky/gensim/blob/develop/gensim/models/_fasttext_bin.py.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import ModelError
from nlptool.models.words.formats.common import (
    BLOCK,
    LONGEST_WORD,
    MOST_DIMENSIONS,
    ByteReader,
    Rows,
    WordFile,
)
from nlptool.models.words.formats.words import WordFilter
from nlptool.models.words.ngrams import Ngrams, buckets

_MAGIC = (793712314).to_bytes(4, "little")
_VERSION = struct.Struct("<2i")
_HEAD = struct.Struct("<12id3iq")
_PRUNED = struct.Struct("<q")
_ENTRY = struct.Struct("<qb")  # after a word and its NUL
_MATRIX, _OLD_MATRIX = struct.Struct("<?2q"), struct.Struct("<2q")
_CLASSIFIER = 3  # 1 is cbow, 2 skip-gram
_LONGEST_NGRAM = 100  # characters; 6 is usual
_LARGEST_WINDOW = 100_000  # words; 5 is usual
_GROUP_BYTES = 1 << 16  # bytes of the words whose n-grams are added at a time
_ROWS = 1 << 14  # rows of the matrix that are checked at a time
_END_OF_SENTENCE = b"</s>"  # has no n-grams


def is_fasttext(head: bytes) -> bool:
    """Return whether a file that begins with ``head`` is a model of fastText: by its magic, or, if it is older, by the sizes of
    the 16 numbers in its header."""
    return head.startswith(_MAGIC) or (len(head) >= _HEAD.size and _is_old(head))


def _is_old(head: bytes) -> bool:
    dimension, window, epochs, *counts, t, size, n_words, n_labels, n_tokens = _HEAD.unpack(head[: _HEAD.size])
    min_count, negative, word_ngrams, loss, model, n_buckets, min_n, max_n, rate = counts
    return (
        0 < dimension <= MOST_DIMENSIONS
        and 0 < window <= _LARGEST_WINDOW
        and epochs > 0
        and min(min_count, negative, n_buckets, min_n, rate, n_tokens, n_labels) >= 0
        and 0 < word_ngrams <= _LONGEST_NGRAM
        and {loss, model} <= {1, 2, 3}
        and 0 <= max_n <= _LONGEST_NGRAM
        and 0 <= t <= 1
        and 0 < n_words <= size == n_words + n_labels
    )


@dataclass(frozen=True, slots=True)
class _Header:
    matrix: struct.Struct  # before a matrix
    dimension: int
    n_buckets: int
    min_n: int
    max_n: int
    n_entries: int  # words and labels
    n_words: int
    is_pruned: bool


def read(source: ByteReader, *, unicode_errors: str) -> WordFile:
    """Read a model. A word's vector is the mean of its own row and those of its n-grams.

    Args:
        unicode_errors: see ``WordFilter``.

    Raises:
        ModelError: the file is no such model, is quantized, damaged, or truncated, or has a word that is not UTF-8.
    """
    path = source.path
    header = _header(source)
    n_words, min_n, max_n = header.n_words, header.min_n, header.max_n
    raw, counts = _dictionary(source, header.n_entries)
    if header.is_pruned:
        raise _quantized(path)
    matrix = _input_matrix(source, header)
    _skip_output_matrix(source, header)

    n_labels = sum(bool(is_label) for _, is_label in counts)
    raw = [word for word, (_, is_label) in zip(raw, counts, strict=True) if not is_label]
    if len(raw) != n_words:
        raise ModelError(
            f"{path} is damaged: {n_words:,} words are promised, {len(raw):,} are there", hint="fetch it again"
        )
    notes = [f"the model is a classifier: its {n_labels:,} labels were left out"] if n_labels else []
    ngrams = matrix[n_words:]
    n_broken = 0
    for start in range(0, len(ngrams), _ROWS):
        block = ngrams[start : start + _ROWS]
        broken = ~np.isfinite(block).all(axis=1)
        n_broken += int(broken.sum())
        block[broken] = 0
    if n_broken:
        notes.append(f"{n_broken:,} vectors of n-grams hold NaN or infinity and were set to zero")
    vectors = matrix[:n_words]
    word_filter = WordFilter(path, unicode_errors)
    keeps = []
    for group in _groups(raw):
        block = vectors[group]
        if len(ngrams) and max_n:
            _add_ngrams(block, raw[group], ngrams, min_n, max_n)
        keeps.append(word_filter.filter(raw[group], block))
    keep = np.concatenate(keeps)
    word_counts = np.array([count for count, is_label in counts if not is_label], np.int64)
    if not keep.all():
        vectors, word_counts = vectors[keep], word_counts[keep]
    subwords = Ngrams(ngrams, min_n, max_n) if len(ngrams) and max_n else None
    return WordFile("fasttext", word_filter.words, vectors, word_counts, subwords, notes + word_filter.notes())


def _header(source: ByteReader) -> _Header:
    """Read the header and compare it with the size of the file, if that is known."""
    path = source.path
    head = source.peek(_VERSION.size + _HEAD.size + _PRUNED.size)
    if not is_fasttext(head):
        raise ModelError(f"{path} is no binary model of fastText", hint="a .vec file of fastText is word2vec-text")
    version = 0
    is_old = not head.startswith(_MAGIC)
    if not is_old:
        if len(head) < _VERSION.size + _HEAD.size + _PRUNED.size:
            raise _truncated(path, "within its header")
        _, version = _VERSION.unpack(source.read(_VERSION.size))
        if version not in (11, 12):
            raise ModelError(f"{path} is of version {version} of fastText's format; up to 12 can be read")
    dimension, *arguments, _, size, n_words, _, _ = _HEAD.unpack(source.read(_HEAD.size))
    n_pruned = 0 if is_old else _PRUNED.unpack(source.read(_PRUNED.size))[0]
    n_buckets, min_n, max_n = arguments[7:10]
    claim = f"{path}: the header claims {size:,} words of {dimension:,} dimensions and {n_buckets:,} buckets of n-grams"
    if not 0 < n_words <= size or dimension < 1 or min(n_buckets, min_n, max_n) < 0:
        raise ModelError(f"{claim}: the file is damaged", hint="fetch it again")
    if version <= 11 and arguments[6] == _CLASSIFIER:  # up to version 11 classifiers had no character n-grams
        max_n = 0
    entry = _ENTRY.size + 1  # bytes, without the word
    # The matrix is checked later: only its header tells whether the model is quantized, and then it is smaller.
    if source.left is not None and size * entry > source.left:
        raise ModelError(
            f"{claim}; the {source.left:,} bytes after it can hold at most {source.left // entry:,} words",
            hint="the file is cut off or damaged: fetch it again",
        )
    if dimension > MOST_DIMENSIONS or max_n > _LONGEST_NGRAM:
        raise ModelError(f"{claim}, n-grams of {max_n:,} characters: the file is damaged", hint="fetch it again")
    matrix = _OLD_MATRIX if is_old else _MATRIX
    return _Header(matrix, dimension, n_buckets, min_n, max_n, size, n_words, n_pruned > 0)


def _dictionary(source: ByteReader, size: int) -> tuple[list[bytes], list[tuple[int, int]]]:
    """Read the entries: the words, and for each its count and whether it is a label."""

    def too_long(number: int) -> ModelError:
        message = f"{source.path} is damaged: word {number:,} is longer than {LONGEST_WORD:,} bytes"
        return ModelError(message, hint="fetch it again")

    words: list[bytes] = []
    counts: list[tuple[int, int]] = []
    for entries in source.entries(size, b"\0", _ENTRY.size, too_long):
        words += [word for word, _ in entries]
        counts += [_ENTRY.unpack(rest) for _, rest in entries]
    if len(words) < size:
        raise _truncated(source.path, f"after {len(words):,} of the {size:,} words that its header promises")
    return words, counts


def _input_matrix(source: ByteReader, header: _Header) -> NDArray[np.float32]:
    """Read the input matrix, (n_words + n_buckets, D) float32."""
    n_words, n_buckets, dimension = header.n_words, header.n_buckets, header.dimension
    head = source.read(header.matrix.size)
    if len(head) < header.matrix.size:
        raise _truncated(source.path, "before its vectors")
    *quantized, n_rows, n_columns = header.matrix.unpack(head)
    if any(quantized):
        raise _quantized(source.path)
    if (n_rows, n_columns) != (n_words + n_buckets, dimension):
        raise ModelError(
            f"{source.path} is damaged: {n_words + n_buckets:,} × {dimension:,} numbers are promised, "
            f"the matrix claims {n_rows:,} × {n_columns:,}",
            hint="fetch it again",
        )
    row_bytes = 4 * dimension
    rows = Rows(dimension, n_rows if source.left is not None and n_rows * row_bytes <= source.left else 0)
    while rows.n < n_rows:
        data = source.read(min(n_rows - rows.n, max(1, BLOCK // row_bytes)) * row_bytes)
        whole = len(data) // row_bytes
        rows.append(np.frombuffer(data, "<f4", whole * dimension).reshape(whole, dimension))
        if len(data) % row_bytes or not data:
            words = f"after the vectors of {rows.n:,} of its {n_words:,} words"
            raise _truncated(source.path, words if rows.n < n_words else "within the vectors of its n-grams")
    return rows.finish()


def _skip_output_matrix(source: ByteReader, header: _Header) -> None:
    """Skip the output matrix, which must be whole."""
    head = source.read(header.matrix.size)
    *_, n_rows, n_columns = header.matrix.unpack(head) if len(head) == header.matrix.size else (-1, -1)
    left = 4 * n_rows * n_columns
    complete = min(n_rows, n_columns) >= 0 and (source.left is None or left <= source.left)
    while complete and source.left is None and left:
        data = source.read(min(left, BLOCK))
        left -= len(data)
        complete = bool(data)
    if not complete:
        raise _truncated(source.path, "within its output matrix")


def _groups(words: list[bytes]) -> Iterator[slice]:
    """Yield slices of ``words`` with about the same number of bytes."""
    start = n_bytes = 0
    for index, word in enumerate(words):
        n_bytes += len(word)
        if n_bytes > _GROUP_BYTES:
            yield slice(start, index + 1)
            start, n_bytes = index + 1, 0
    if start < len(words):
        yield slice(start, len(words))


def _add_ngrams(
    vectors: NDArray[np.float32], words: list[bytes], ngrams: NDArray[np.float32], min_n: int, max_n: int
) -> None:
    """Replace the rows of words by the means of them and their n-grams' rows, in place."""
    first, rows = buckets(words, min_n, max_n, len(ngrams))
    counts = np.diff(first)
    counts[[word == _END_OF_SENTENCE for word in words]] = 0
    for nth in range(counts.max(initial=0)):  # the nth n-gram of all words: sums in fastText's order
        having = np.flatnonzero(counts > nth)
        with np.errstate(over="ignore", invalid="ignore"):  # infinite vectors are omitted later
            vectors[having] += ngrams[rows[first[having] + nth]]
    vectors /= (counts + 1).astype(np.float32)[:, None]


def _truncated(path: Path, where: str) -> ModelError:
    return ModelError(f"{path}: the file ends {where}", hint="fetch it again")


def _quantized(path: Path) -> ModelError:
    return ModelError(
        f"{path} is a quantized model of fastText, which holds no vectors but codes of them",
        hint="fetch the model that is not quantized (.bin), or let fastText write the vectors as text (print-word-vectors)",
    )
