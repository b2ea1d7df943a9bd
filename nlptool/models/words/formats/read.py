"""Files of word vectors as other programs write them: word2vec (binary and text), GloVe, fastText.

    word2vec        "V D\\n", then for each word: its bytes, a blank, D little-endian float32, (mostly) a line end
    word2vec-text   "V D\\n", then a line a word: the word and D numbers; fastText's .vec is the same
    glove           the same lines without the header
    fasttext        fastText's binary model (.bin), see ``fasttext_binary``

Sources: https://code.google.com/archive/p/word2vec/ (word2vec.c, distance.c), https://nlp.stanford.edu/projects/glove/.

Nothing that a header says is believed: what is allocated is bounded by the bytes that are there. Files may be compressed.
What this does not do: quantized fastText models, and gensim's own pickles, which can run any code when they are opened.
"""

from __future__ import annotations

import codecs
import contextlib
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nlptool.errors import ModelError, RunError
from nlptool.models.words.formats.common import (
    BLOCK,
    FASTTEXT_MAGIC,
    LONGEST_WORD,
    MOST_DIMENSIONS,
    ByteReader,
    Rows,
    WordFile,
    WordFilter,
    short,
)

FORMATS = ("word2vec", "word2vec-text", "glove", "fasttext")

_LONGEST_LINE = 1 << 24  # bytes
_SAMPLE = 1 << 16  # bytes by which the format is recognised
_LINES_OF_SAMPLE = 100
_HEADER = re.compile(rb"[ \t]*(\d{1,40})[ \t]+(\d{1,40})[ \t]*\r?")
_NUMBER = re.compile(rb"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|nan|inf|infinity)", re.IGNORECASE)
_CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")

_KINDS: tuple[tuple[bytes, str, str], ...] = (
    (b"\x89PNG", "a PNG image", ""),
    (b"\xff\xd8\xff", "a JPEG image", ""),
    (b"%PDF", "a PDF", ""),
    (b"PK\x03\x04", "a zip archive", "unpack it with unzip and name the file in it"),
    (b"7z\xbc\xaf", "a 7z archive", "unpack it and name the file in it"),
    (b"\x93NUMPY", "a NumPy array", "vectors without their words are not enough"),
    (b"PAR1", "a Parquet file", ""),
    (b"SQLite format 3", "an SQLite database", ""),
    (b"\x7fELF", "a program", ""),
    (b"\xff\xfe", "text in UTF-16", "iconv -f UTF-16 -t UTF-8 changes it to UTF-8"),
    (b"\xfe\xff", "text in UTF-16", "iconv -f UTF-16 -t UTF-8 changes it to UTF-8"),
    (b"{", "JSON", ""),
    (b"[", "JSON", ""),
    (b"<", "HTML or XML", ""),
    *(
        (
            bytes([0x80, version]),
            "a Python pickle, as gensim's save() writes it",
            "write it with gensim's save_word2vec_format",
        )
        for version in range(2, 6)
    ),
)


def read(path: Path, *, format: str = "auto") -> WordFile:
    """Read a file of word vectors, compressed or not.

    Args:
        format: one of ``FORMATS``, or ``auto``: what the content looks like.

    Raises:
        ModelError: it cannot be read, is damaged or cut off, holds something else, or no word that can be used.
    """
    if format not in ("auto", *FORMATS):
        raise ModelError(f"no such format of word vectors: {format}", hint=f"there are {', '.join(FORMATS)}")
    try:
        with path.open("rb") as file:
            source = ByteReader(path, file)
            found = _read(source, format)
    except ModelError:
        raise
    except RunError as error:  # damaged compressed data
        raise ModelError(error.message, hint=error.hint or "fetch the file again") from error
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}") from error
    except MemoryError as error:
        raise ModelError(f"{path} does not fit into memory", hint="cut it to its first, most frequent words") from error
    if not found.words:
        raise ModelError(f"{path} holds no word that can be used", hint=" ".join(found.notes))
    return found


def _read(source: ByteReader, format: str) -> WordFile:
    head = source.peek(_SAMPLE)
    if not head:
        raise ModelError(f"{source.path} is empty")
    if format == "fasttext" or (format == "auto" and head.startswith(FASTTEXT_MAGIC)):
        from nlptool.models.words.formats import fasttext

        return fasttext.read(source)
    if head.startswith(codecs.BOM_UTF8):
        source.read(len(codecs.BOM_UTF8))
        head = source.peek(_SAMPLE)
    first, _, rest = head.partition(b"\n")
    header = _HEADER.fullmatch(first)
    if format == "glove" or (format == "auto" and header is None):
        return _read_text(source, None, _dimension(source))
    if header is None:
        kind, hint = _looks_like(head)
        raise ModelError(
            f"{source.path} begins with no header of two whole numbers, as the format {format} has it; it looks like {kind}",
            hint=hint or "the format glove has no header",
        )
    source.read(len(first) + 1)
    n_words, dimension = int(header[1]), int(header[2])
    if format == "word2vec-text" or (format == "auto" and _is_text(rest, dimension)):
        return _read_text(source, n_words, dimension)
    return _read_binary(source, n_words, dimension)


@dataclass(slots=True)
class _HeaderClaim:
    """What a header says, and what the bytes after it can hold."""

    path: Path
    n_words: int
    most: int | None  # words that the file can hold, where its size is known

    @classmethod
    def check(cls, source: ByteReader, n_words: int, dimension: int, least: int) -> _HeaderClaim:
        """``least``: bytes of the shortest word with its vector.

        Raises:
            ModelError: no such words can be in the file.
        """
        claim = f"{source.path}: the header claims {n_words:,} words of {dimension:,} dimensions"
        hint = "the file is damaged or of another format"
        if not n_words or not dimension:
            raise ModelError(f"{claim}: no vectors at all", hint=hint)
        most = None if source.left is None else (source.left + 1) // least  # + 1: the last line end may be absent
        if most == 0 and source.left:
            raise ModelError(
                f"{claim}; the {source.left:,} bytes after it can hold at most 0 words of that size", hint=hint
            )
        if dimension > MOST_DIMENSIONS:
            raise ModelError(f"{claim}; vectors have at most {MOST_DIMENSIONS:,}", hint=hint)
        return cls(source.path, n_words, most)

    @property
    def n_expected(self) -> int:
        """Words for which memory can be had at once."""
        return self.n_words if self.most is not None and self.n_words <= self.most else 0

    def broken(self, n_whole: int) -> ModelError:
        """The error that the file ends too early."""
        lie = "" if self.most is None or self.n_words <= self.most else f"; its size can hold at most {self.most:,}"
        return ModelError(
            f"{self.path}: the file ends after {n_whole:,} of the {self.n_words:,} words that its header promises{lie}",
            hint="fetch or write the file again",
        )


def _read_text(source: ByteReader, n_words: int | None, dimension: int) -> WordFile:
    """``n_words``: what the header says; None if there is none."""
    path = source.path
    promise = None if n_words is None else _HeaderClaim.check(source, n_words, dimension, 2 * dimension + 1)
    rows = Rows(dimension, promise.n_expected if promise else 0)
    sieve = WordFilter()
    words: list[str] = []
    n_found = 0
    line_number = 1 if promise is None else 2
    for lines in source.line_blocks():
        last = source.ends_in_line
        try:
            found, vectors = _parse(lines, line_number, dimension, path)
        except ModelError:
            if last and promise and n_found < promise.n_words:
                raise promise.broken(n_found) from None
            if last and n_found:
                raise ModelError(
                    f"{path}:{line_number}: the file ends in the middle of a line, after {n_found:,} whole words",
                    hint="fetch or write the file again",
                ) from None
            raise
        line_number += len(lines)
        n_found += len(found)
        if n_words is not None and n_found > n_words:
            raise ModelError(
                f"{path}: the header promises {n_words:,} words of {dimension:,} dimensions, there are more",
                hint="correct the header, or leave it away and read the file as glove",
            )
        if found:
            kept, keep = sieve.sift(found, vectors)
            words += kept
            rows.append(vectors if keep.all() else vectors[keep])
    if promise and n_found < promise.n_words:
        raise promise.broken(n_found)
    notes = sieve.notes()
    if source.ends_in_line:
        notes.append("the last line has no line end: if the file is cut off, its last number may be wrong")
    return WordFile("glove" if n_words is None else "word2vec-text", words, rows.finish(), None, None, notes)


def _parse(lines: list[bytes], first: int, dimension: int, path: Path) -> tuple[list[bytes], NDArray[np.float32]]:
    """The words of some lines and their vectors, (n, D); empty lines are passed over.

    Args:
        first: the number of the first line.
    """
    lines = [line.rstrip(b" \t\r") for line in lines]
    with contextlib.suppress(ValueError):
        pairs = [_split(line, dimension) for line in lines if line]
        return [word for word, _ in pairs], _floats([numbers for _, numbers in pairs], dimension)
    words, rows = [], []  # something among them is odd: one by one
    for number, line in enumerate(lines, first):
        if line:
            try:
                word, numbers = _from_the_right(line, dimension)
                rows.append(_floats([numbers], dimension))
            except ValueError:
                raise _bad_line(path, number, line, dimension) from None
            words.append(word)
    return words, np.concatenate(rows)


def _split(line: bytes, dimension: int) -> tuple[bytes, bytes]:
    """A word and its numbers. A blank too many or too few shows: then the numbers are no numbers, or not so many.

    Raises:
        ValueError: there are fewer fields.
    """
    if line.count(b" ") == dimension:
        word, _, numbers = line.partition(b" ")
        return word, numbers
    return _from_the_right(line, dimension)


def _from_the_right(line: bytes, dimension: int) -> tuple[bytes, bytes]:
    """The same where words hold blanks, and tabs or several blanks separate: the last D fields are the numbers."""
    fields = line.replace(b"\t", b" ").split(b" ")
    start = len(fields)
    numbers: list[bytes] = []
    while start and len(numbers) < dimension:
        start -= 1
        if fields[start]:
            numbers.append(fields[start])
    if not start or len(numbers) < dimension:
        raise ValueError
    word = line[: sum(map(len, fields[:start])) + start - 1].rstrip(b" \t")
    return word, b" ".join(reversed(numbers))


def _floats(numbers: list[bytes], dimension: int) -> NDArray[np.float32]:
    """Numbers separated by single blanks as (n, D). Arrow rounds to float32 at once, and takes nothing but numbers.

    Raises:
        ValueError: they are no numbers.
    """
    if not numbers:
        return np.empty((0, dimension), np.float32)
    text = pa.array([b" ".join(numbers)], pa.string())
    values = pc.cast(pc.split_pattern(text, " ").flatten(), pa.float32())
    return np.asarray(values.to_numpy(zero_copy_only=False), np.float32).reshape(-1, dimension)


def _bad_line(path: Path, number: int, line: bytes, dimension: int) -> ModelError:
    fields = line.replace(b"\t", b" ").split()
    bad = next((field for field in fields[1:][-dimension:] if not _NUMBER.fullmatch(field)), None)
    if len(fields) > dimension and bad is not None:
        wrong = f"{short(bad.decode(errors='replace'))} is not a number"
    else:
        wrong = f"a word and {dimension:,} numbers are expected, there are {len(fields):,} fields"
    if _HEADER.fullmatch(line):
        return ModelError(f"{path}:{number}: {wrong}", hint="the line looks like a header: the format is word2vec-text")
    return ModelError(f"{path}:{number}: {wrong}", hint="the file is damaged, cut off, or of another format")


def _read_binary(source: ByteReader, n_words: int, dimension: int) -> WordFile:
    path = source.path
    size = 4 * dimension
    promise = _HeaderClaim.check(source, n_words, dimension, size + 1)
    rows = Rows(dimension, promise.n_expected)
    sieve = WordFilter()
    words: list[str] = []
    n_found = 0
    data = b""
    while n_found < n_words:
        more = source.read(max(BLOCK, size))
        data += more
        found: list[bytes] = []
        vectors: list[bytes] = []
        position = 0
        while n_found + len(found) < n_words:
            blank = data.find(b" ", position, position + LONGEST_WORD)
            end = blank + 1 + size
            if blank < 0 or end > len(data):
                if blank < 0 and len(data) - position > LONGEST_WORD:
                    raise ModelError(
                        f"{path}: word {n_found + len(found) + 1:,} is longer than {LONGEST_WORD:,} bytes",
                        hint="the file is damaged, or no word2vec binary file",
                    )
                break
            found.append(data[position:blank].lstrip(b"\n"))
            vectors.append(data[blank + 1 : end])
            position = end
        if found:
            block = np.frombuffer(b"".join(vectors), "<f4").reshape(-1, dimension)
            kept, keep = sieve.sift(found, block)
            words += kept
            rows.append(block if keep.all() else block[keep])
        data = data[position:]
        n_found += len(found)
        if not more and n_found < n_words:
            raise promise.broken(n_found)
    if (data + source.peek(LONGEST_WORD)).strip():
        raise ModelError(
            f"{path}: the header promises {n_words:,} words of {dimension:,} dimensions, there is more",
            hint="the file is damaged or of another format",
        )
    return WordFile("word2vec", words, rows.finish(), None, None, sieve.notes())


def _is_text(rest: bytes, dimension: int) -> bool:
    """Whether what follows a header is text: its first line is a word and D numbers, or nothing in it speaks against it."""
    line = rest.partition(b"\n")[0].rstrip(b" \t\r")
    with contextlib.suppress(ValueError):
        _floats([_split(line, dimension)[1]], dimension)
        return True
    last = line.replace(b"\t", b" ").rpartition(b" ")[2]
    return not rest or (bool(_NUMBER.fullmatch(last)) and _is_printable(rest))


def _is_printable(data: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)  # the last character may be cut
    except UnicodeDecodeError:
        return False
    return not _CONTROLS.search(data)


def _dimension(source: ByteReader) -> int:
    """Numbers a line, in a file without a header: what most of the first lines have, beside a word, at their ends.

    Raises:
        ModelError: most lines end in no number.
    """
    size = _SAMPLE
    while b"\n" not in (sample := source.peek(size)) and len(sample) == size < _LONGEST_LINE:
        size *= 2
    lines = sample.split(b"\n")
    if len(lines) > 1:
        lines.pop()  # cut by the end of the sample or of the file
    found: Counter[int] = Counter()
    for line in lines[:_LINES_OF_SAMPLE]:
        fields = line.replace(b"\t", b" ").rstrip(b" \r").split(b" ")
        has_word = bool(fields[0])  # otherwise the word is empty
        fields = [field for field in fields if field]
        n = next((n for n, field in enumerate(reversed(fields)) if not _NUMBER.fullmatch(field)), len(fields))
        if fields:
            found[min(n, len(fields) - has_word)] += 1
    dimension = max(found, key=lambda n: (found[n], n), default=0)
    if not 0 < dimension <= MOST_DIMENSIONS:
        kind, hint = _looks_like(sample)
        raise ModelError(f"{source.path} holds no word vectors: it looks like {kind}", hint=hint)
    return dimension


def _looks_like(head: bytes) -> tuple[str, str]:
    """What a file is, in words, and what could be done about it."""
    other = "word vectors are files of word2vec, GloVe or fastText"
    for magic, kind, hint in _KINDS:
        if head.startswith(magic):
            return kind, hint or other
    return ("plain text" if _is_printable(head) else "a binary file of another kind"), other
