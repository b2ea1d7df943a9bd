"""Word vectors in the formats of word2vec (binary and text) and GloVe: see ``read`` for the formats."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nlptool.errors import ModelError
from nlptool.models.words.formats.common import (
    BLOCK,
    LONGEST_WORD,
    MOST_DIMENSIONS,
    ByteReader,
    Rows,
    WordFile,
    short,
)
from nlptool.models.words.formats.plausible import Plausibility
from nlptool.models.words.formats.words import WordFilter

HEADER = re.compile(rb"[ \t]*(\d{1,40})[ \t]+(\d{1,40})[ \t]*\r?")
NUMBER = re.compile(rb"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|nan|inf|infinity)", re.IGNORECASE)
DECIMAL_COMMA = re.compile(rb"[+-]?\d+,\d+(?:e[+-]?\d+)?", re.IGNORECASE)
NO_COMMAS = "numbers have a decimal point, not a comma"


@dataclass(slots=True)
class _HeaderClaim:
    """The number of words in a header, and the number that the bytes after it can hold."""

    path: Path
    n_words: int
    most: int | None  # words that the file can hold, if its size is known

    @classmethod
    def check(cls, source: ByteReader, n_words: int, dimension: int, least: int) -> _HeaderClaim:
        """Compare a header with the size of the file.

        Args:
            least: bytes of the shortest word with its vector.

        Raises:
            ModelError: the file cannot hold such words.
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
        """The number of words to allocate memory for; 0 if the header is not credible."""
        return self.n_words if self.most is not None and self.n_words <= self.most else 0

    def error(self, n_whole: int) -> ModelError:
        """Return the error for a file that ends after ``n_whole`` words."""
        limit = "" if self.most is None or self.n_words <= self.most else f"; its size can hold at most {self.most:,}"
        return ModelError(
            f"{self.path}: the file ends after {n_whole:,} of the {self.n_words:,} words that its header promises{limit}",
            hint="fetch or write the file again",
        )


def read_text(source: ByteReader, n_words: int | None, dimension: int, *, unicode_errors: str) -> WordFile:
    """Read the lines of a text file.

    Args:
        n_words: the number in the header; None for a file without one (GloVe).
        unicode_errors: see ``WordFilter``.

    Raises:
        ModelError: the file is damaged, does not match its header, or has a word that is not UTF-8.
    """
    path = source.path
    claim = None if n_words is None else _HeaderClaim.check(source, n_words, dimension, 2 * dimension + 1)
    rows = Rows(dimension, claim.n_expected if claim else 0)
    word_filter = WordFilter(path, unicode_errors, is_text=True)
    n_found = 0
    line_number = 1 if claim is None else 2
    for lines in source.line_blocks():
        last = source.ends_in_line
        try:
            found, vectors = _parse(lines, line_number, dimension, path)
        except ModelError:
            if last and claim and n_found < claim.n_words:
                raise claim.error(n_found) from None
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
            keep = word_filter.filter(found, vectors)
            rows.append(vectors if keep.all() else vectors[keep])
    if claim and n_found < claim.n_words:
        raise claim.error(n_found)
    notes = word_filter.notes()
    if source.ends_in_line:
        notes.append("the last line has no line end: if the file is cut off, its last number may be wrong")
    format = "glove" if n_words is None else "word2vec-text"
    return WordFile(format, word_filter.words, rows.finish(), None, None, notes)


def _parse(lines: list[bytes], first: int, dimension: int, path: Path) -> tuple[list[bytes], NDArray[np.float32]]:
    """Return the words of lines and their vectors, (n, D) float32; empty lines are skipped.

    Args:
        first: the number of the first line.
    """
    lines = [line.rstrip(b" \t\r") for line in lines]
    with contextlib.suppress(ValueError):
        pairs = [_split(line, dimension) for line in lines if line]
        return [word for word, _ in pairs], _floats([numbers for _, numbers in pairs], dimension)
    words, rows = [], []  # an unusual line among them: one by one
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
    """Split a line into a word and its numbers. With a blank too many or too few, the numbers cannot be parsed later.

    Raises:
        ValueError: the line has fewer fields.
    """
    if line.count(b" ") == dimension:
        word, _, numbers = line.partition(b" ")
        return word, numbers
    return _from_the_right(line, dimension)


def _from_the_right(line: bytes, dimension: int) -> tuple[bytes, bytes]:
    """Split a line whose word has blanks, or with tabs or several blanks between fields: the last D fields are the numbers."""
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
    """Parse lines of numbers separated by single blanks, (n, D) float32. Arrow rounds to float32 directly, and is strict.

    Raises:
        ValueError: a field is no number.
    """
    if not numbers:
        return np.empty((0, dimension), np.float32)
    text = pa.array([b" ".join(numbers)], pa.string())
    values = pc.cast(pc.split_pattern(text, " ").flatten(), pa.float32())
    return np.asarray(values.to_numpy(zero_copy_only=False), np.float32).reshape(-1, dimension)


def _bad_line(path: Path, number: int, line: bytes, dimension: int) -> ModelError:
    """Return the error for a line that cannot be parsed."""
    fields = line.replace(b"\t", b" ").split()
    bad = next((field for field in fields[1:][-dimension:] if not NUMBER.fullmatch(field)), None)
    if len(fields) > dimension and bad is not None:
        wrong = f"{short(bad.decode(errors='replace'))} is not a number"
    else:
        wrong = f"a word and {dimension:,} numbers are expected, there are {len(fields):,} fields"
    if HEADER.fullmatch(line):
        return ModelError(f"{path}:{number}: {wrong}", hint="the line looks like a header: the format is word2vec-text")
    if len(fields) > dimension and bad is not None and DECIMAL_COMMA.fullmatch(bad):
        return ModelError(f"{path}:{number}: {wrong}", hint=NO_COMMAS)
    return ModelError(f"{path}:{number}: {wrong}", hint="the file is damaged, cut off, or of another format")


def read_binary(source: ByteReader, n_words: int, dimension: int, *, unicode_errors: str, is_certain: bool) -> WordFile:
    """Read the words and vectors of word2vec's binary format.

    Args:
        unicode_errors: see ``WordFilter``.
        is_certain: somebody says that it is this format; what speaks against it becomes a note.

    Raises:
        ModelError: the file is damaged, does not match its header, has a word that is not UTF-8, or is most likely of another
            format.
    """
    path = source.path
    size = 4 * dimension
    claim = _HeaderClaim.check(source, n_words, dimension, size + 1)
    rows = Rows(dimension, claim.n_expected)
    word_filter = WordFilter(path, unicode_errors)
    plausibility = Plausibility()
    n_found = 0

    def too_long(number: int) -> ModelError:
        message = f"{path}: word {number:,} is longer than {LONGEST_WORD:,} bytes"
        return ModelError(message, hint="the file is damaged, or no word2vec binary file")

    for entries in source.entries(n_words, b" ", size, too_long):
        block = np.frombuffer(b"".join([vector for _, vector in entries]), "<f4").reshape(-1, dimension)
        words = [word.lstrip(b"\n") for word, _ in entries]
        plausibility.look(words, block)
        if not is_certain and (doubt := plausibility.doubt()):
            raise ModelError(
                f"{path}: by its header it holds {n_words:,} words of {dimension:,} dimensions in word2vec's binary format, but "
                + doubt,
                hint="the header may be wrong, or the format another: nlptool vectors convert --from FORMAT says which it is",
            )
        keep = word_filter.filter(words, block)
        rows.append(block if keep.all() else block[keep])
        n_found += len(entries)
    if n_found < n_words:
        raise claim.error(n_found)
    if source.peek(max(BLOCK, size) + LONGEST_WORD).strip():
        raise ModelError(
            f"{path}: the header promises {n_words:,} words of {dimension:,} dimensions, there is more",
            hint="the file is damaged or of another format",
        )
    notes = [*filter(None, [plausibility.doubt()]), *word_filter.notes()]
    return WordFile("word2vec", word_filter.words, rows.finish(), None, None, notes)


def is_vector_line(line: bytes, dimension: int) -> bool:
    """Return whether a line is a word and ``dimension`` numbers."""
    with contextlib.suppress(ValueError):
        _floats([_split(line, dimension)[1]], dimension)
        return True
    return False
