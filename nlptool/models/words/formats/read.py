"""Reads files of word vectors of other programs: word2vec (binary and text), GloVe, fastText.

    word2vec        "V D\\n", then for each word: its bytes, a blank, D little-endian float32, (mostly) a line end
    word2vec-text   "V D\\n", then one line for each word: the word and D numbers; fastText's .vec is the same
    glove           the same lines without the header
    fasttext        fastText's binary model (.bin), see ``fasttext``

Sources: https://code.google.com/archive/p/word2vec/ (word2vec.c, distance.c), https://nlp.stanford.edu/projects/glove/.

Headers are not trusted: memory is bounded by the bytes that are there. Files may be compressed. Not read: quantized fastText
models, and gensim's own pickles, which can run arbitrary code when they are opened.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from pathlib import Path

from nlptool.errors import ModelError, OutOfMemory, RunError
from nlptool.models.words.formats import fasttext, word2vec
from nlptool.models.words.formats.common import (
    LONGEST_LINE,
    MOST_DIMENSIONS,
    ByteReader,
    WordFile,
    short,
)
from nlptool.models.words.formats.fasttext import is_fasttext
from nlptool.models.words.formats.word2vec import HEADER, NUMBER
from nlptool.models.words.formats.words import STRICT

FORMATS = ("word2vec", "word2vec-text", "glove", "fasttext")
_SAMPLE = 1 << 16  # bytes from which the format is detected
_LINES_OF_SAMPLE = 100
_CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")

_KINDS: tuple[tuple[bytes, str, str], ...] = (
    (b"\x89PNG", "a PNG image", ""),
    (b"\xff\xd8\xff", "a JPEG image", ""),
    (b"%PDF", "a PDF", ""),
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


def read(path: Path, *, format: str = "auto", unicode_errors: str = STRICT) -> WordFile:
    """Read a file of word vectors, compressed or not.

    Args:
        format: one of ``FORMATS``, or ``auto``: detected from the content.
        unicode_errors: strict | ignore | replace: what is done with words that are not UTF-8.

    Raises:
        ModelError: the file cannot be read, is damaged or truncated, holds something else, has a word that is not UTF-8 (with
            strict), or no usable word.
        OutOfMemory: it does not fit into memory.
    """
    if format not in ("auto", *FORMATS):
        raise ModelError(f"no such format of word vectors: {format}", hint=f"there are {', '.join(FORMATS)}")
    try:
        with path.open("rb") as file:
            source = ByteReader(path, file)
            word_file = _read(source, format, unicode_errors)
    except ModelError:
        raise
    except RunError as error:  # damaged compressed data
        raise ModelError(error.message, hint=error.hint or "fetch the file again") from error
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}") from error
    except MemoryError as error:
        raise OutOfMemory(
            f"{path} does not fit into memory", hint="cut it to its first, most frequent words"
        ) from error
    if not word_file.words:
        raise ModelError(f"{path} holds no word that can be used", hint=" ".join(word_file.notes))
    return word_file


def _read(source: ByteReader, format: str, unicode_errors: str) -> WordFile:
    """Detect the format, unless it is given, and read the file in it."""
    head = source.peek(_SAMPLE)
    if not head:
        raise ModelError(f"{source.path} is empty")
    if format == "fasttext" or (format == "auto" and is_fasttext(head)):
        return fasttext.read(source, unicode_errors=unicode_errors)
    if head.startswith(codecs.BOM_UTF8):
        source.read(len(codecs.BOM_UTF8))
        head = source.peek(_SAMPLE)
    first, _, rest = head.partition(b"\n")
    header = HEADER.fullmatch(first)
    if format == "glove" or (format == "auto" and header is None):
        return word2vec.read_text(source, None, _dimension(source), unicode_errors=unicode_errors)
    if header is None:
        kind, hint = _looks_like(head)
        raise ModelError(
            f"{source.path} begins with no header of two whole numbers, as the format {format} has it; it looks like {kind}",
            hint=hint or "the format glove has no header",
        )
    source.read(len(first) + 1)
    n_words, dimension = int(header[1]), int(header[2])
    if format == "word2vec-text" or (format == "auto" and _is_text(rest, dimension)):
        return word2vec.read_text(source, n_words, dimension, unicode_errors=unicode_errors)
    return word2vec.read_binary(
        source, n_words, dimension, unicode_errors=unicode_errors, is_certain=format == "word2vec"
    )


def _is_text(rest: bytes, dimension: int) -> bool:
    """Return whether the bytes after a header are text: the first line that is not empty is a word and D numbers, or all are
    printable, which vectors as binary numbers are not but by a chance of one in hundreds for each of their numbers."""
    line = rest.lstrip(b" \t\r\n").partition(b"\n")[0].rstrip(b" \t\r")
    return word2vec.is_vector_line(line, dimension) or _is_printable(rest)


def _is_printable(data: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)  # the last character may be incomplete
    except UnicodeDecodeError:
        return False
    return not _CONTROLS.search(data)


def _dimension(source: ByteReader) -> int:
    """Return the number of dimensions of a file without a header: the most frequent count of numbers at the end of a line."""
    size = _SAMPLE
    while b"\n" not in (sample := source.peek(size)) and len(sample) == size < LONGEST_LINE:
        size *= 2
    lines = sample.split(b"\n")
    if len(lines) > 1:
        lines.pop()  # incomplete
    counts: Counter[int] = Counter()
    comma, n_commas = None, 0  # a decimal comma is in no number: what is left of it would be taken for the word
    for number, line in enumerate(lines[:_LINES_OF_SAMPLE], 1):
        fields = line.replace(b"\t", b" ").rstrip(b" \r").split(b" ")
        has_word = bool(fields[0])  # otherwise the word is empty
        fields = [field for field in fields if field]
        if bad := next(filter(word2vec.DECIMAL_COMMA.fullmatch, fields[1:]), None):
            n_commas += 1
            comma = comma or (number, short(bad.decode()))
        n = next((n for n, field in enumerate(reversed(fields)) if not NUMBER.fullmatch(field)), len(fields))
        if fields:
            counts[min(n, len(fields) - has_word)] += 1
    dimension = max(counts, key=lambda n: (counts[n], n), default=0)
    if comma is not None and n_commas * 2 > counts.total():
        raise ModelError(f"{source.path}:{comma[0]}: {comma[1]} is not a number", hint=word2vec.NO_COMMAS)
    if not 0 < dimension <= MOST_DIMENSIONS:
        kind, hint = _looks_like(sample)
        raise ModelError(f"{source.path} holds no word vectors: it looks like {kind}", hint=hint)
    return dimension


def _looks_like(head: bytes) -> tuple[str, str]:
    """Return a description of a file that holds no word vectors, and a hint."""
    default = "word vectors are files of word2vec, GloVe or fastText"
    for magic, kind, hint in _KINDS:
        if head.startswith(magic):
            return kind, hint or default
    return ("plain text" if _is_printable(head) else "a binary file of another kind"), default
