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
import io
import os
import re
import shutil
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nlptool import streams
from nlptool.errors import ModelError, RunError

FORMATS = ("word2vec", "word2vec-text", "glove", "fasttext")
FASTTEXT_MAGIC = (793712314).to_bytes(4, "little")
BLOCK = 1 << 22  # bytes that are parsed together
LONGEST_WORD = 10_000  # bytes; whatever is longer is no word, but a file of another kind
MOST_DIMENSIONS = 100_000

_CHUNK = 1 << 20  # bytes asked for at once
_LONGEST_LINE = 1 << 24  # bytes
_SAMPLE = 1 << 16  # bytes by which the format is recognised
_LINES_OF_SAMPLE = 100
_WRITTEN_TOGETHER = 1 << 21  # numbers
_HEADER = re.compile(rb"[ \t]*(\d{1,40})[ \t]+(\d{1,40})[ \t]*\r?")
_NUMBER = re.compile(rb"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|nan|inf|infinity)", re.IGNORECASE)
_CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_BLANKS = re.compile(r"[ \t\n\v\f\r]")  # what C's isspace takes for the end of a word

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


@dataclass(frozen=True, slots=True)
class Subwords:
    """fastText's vectors of character n-grams."""

    vectors: NDArray[np.float32]  # (buckets, D)
    min_n: int
    max_n: int


@dataclass(frozen=True, slots=True)
class WordFile:
    """What a file of word vectors holds, as it holds it: vectors are not normalised."""

    format: str  # one of FORMATS
    words: list[str]  # in the file's order, the first of doubles alone
    vectors: NDArray[np.float32]  # (V, D)
    counts: NDArray[np.int64] | None  # (V,); fastText's .bin has them, the others not
    subwords: Subwords | None
    notes: list[str]  # what was left out or changed, one sentence each, with numbers and the first examples


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
            source = Source(path, file)
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


def _read(source: Source, format: str) -> WordFile:
    head = source.peek(_SAMPLE)
    if not head:
        raise ModelError(f"{source.path} is empty")
    if format == "fasttext" or (format == "auto" and head.startswith(FASTTEXT_MAGIC)):
        from nlptool.models import fasttext_binary

        return fasttext_binary.read(source)
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


class Source:
    """The bytes of a file in their order, decompressed."""

    def __init__(self, path: Path, file: io.BufferedReader) -> None:
        self.path = path
        self.ends_in_line = False  # the last line has no line end
        self._data = b""
        stored = file.peek(1)[:64]
        about = os.fstat(file.fileno())
        self._chunks = streams._decompressed(iter(lambda: file.read(_CHUNK), b""), str(path))
        is_plain = stat.S_ISREG(about.st_mode) and self.peek(len(stored)) == stored
        self.left: int | None = about.st_size if is_plain else None  # bytes still to come, where that is known

    def peek(self, n: int) -> bytes:
        """The next ``n`` bytes, without going on; fewer at the end."""
        pieces, length = [self._data], len(self._data)
        while length < n and (chunk := next(self._chunks, b"")):
            pieces.append(chunk)
            length += len(chunk)
        self._data = b"".join(pieces)
        return self._data[:n]

    def read(self, n: int) -> bytes:
        """The next ``n`` bytes; fewer at the end."""
        data = self.peek(n)
        self._data = self._data[n:]
        if self.left is not None:
            self.left -= len(data)
        return data

    def put_back(self, data: bytes) -> None:
        """Let ``data``, which was read last, be read again."""
        self._data = data + self._data
        if self.left is not None:
            self.left += len(data)

    def line_blocks(self) -> Iterator[list[bytes]]:
        """The lines, block by block, without their ``\\n``."""
        rest = b""
        while block := self.read(BLOCK):
            whole, end, block = block.rpartition(b"\n")
            if end:
                yield (rest + whole).split(b"\n")
                rest = b""
            rest += block
            if len(rest) > _LONGEST_LINE:
                raise ModelError(
                    f"{self.path} holds no word vectors as text: a line has more than {_LONGEST_LINE:,} bytes"
                )
        if rest:
            self.ends_in_line = True
            yield [rest]


class Sieve:
    """Tells the words that can be used from those that cannot, and keeps account of these."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._n = 0
        self._left_out: Counter[str] = Counter()
        self._examples: dict[str, list[str]] = {}

    def sift(self, words: list[bytes], vectors: NDArray[np.float32]) -> tuple[list[str], NDArray[np.bool_]]:
        """The words that can be used, and for each of ``words`` whether it is among them.

        Args:
            vectors: (n, D), row by row those of the words.
        """
        finite = np.asarray(np.isfinite(vectors).all(axis=1))
        self._n += len(words)
        with contextlib.suppress(UnicodeDecodeError):  # nearly always nothing is wrong, and all go through together
            together = b"\n".join(words).decode().split("\n")
            distinct = set(together)
            usable = len(together) == len(words) == len(distinct) and finite.all() and "" not in distinct
            if usable and self._seen.isdisjoint(distinct):
                self._seen |= distinct
                return together, finite
        kept = []
        keep = np.zeros(len(words), bool)
        for index, each in enumerate(words):
            word = each.decode(errors="replace")
            if not word:
                why = "they are empty"
            elif word.encode() != each:
                why = "their bytes are not UTF-8 (word2vec cuts long words inside a character)"
            elif "\n" in word:
                why = "there is a line end in them"
            elif not finite[index]:
                why = "their vectors hold NaN or infinity"
            elif word in self._seen:
                why = "they came before, and the first vector of a word counts"
            else:
                self._seen.add(word)
                kept.append(word)
                keep[index] = True
                continue
            self._left_out[why] += 1
            examples = self._examples.setdefault(why, [])
            if len(examples) < 3:
                examples.append(f"{_short(word)} (word {self._n - len(words) + index + 1:,})")
        return kept, keep

    def notes(self) -> list[str]:
        """A sentence for each reason for which words were left out."""
        return [
            f"{count:,} {'word was' if count == 1 else 'words were'} left out because {why}: {', '.join(self._examples[why])}"
            + (", ..." if count > len(self._examples[why]) else "")
            for why, count in self._left_out.items()
        ]


class Rows:
    """A matrix that grows in its place: (number of rows so far, D) float32."""

    def __init__(self, dimension: int, n_expected: int = 0) -> None:
        self._array = np.empty((n_expected, dimension), np.float32)
        self.n = 0

    def append(self, rows: NDArray[np.float32]) -> None:
        end = self.n + len(rows)
        if end > len(self._array):  # no view of it is out yet, so it may move
            self._array.resize((max(end, len(self._array) * 9 // 8), self._array.shape[1]), refcheck=False)
        self._array[self.n : end] = rows
        self.n = end

    def finish(self) -> NDArray[np.float32]:
        self._array.resize((self.n, self._array.shape[1]), refcheck=False)
        return self._array


@dataclass(slots=True)
class _Promise:
    """What a header says, and what the bytes after it can hold."""

    path: Path
    n_words: int
    most: int | None  # words that the file can hold, where its size is known

    @classmethod
    def check(cls, source: Source, n_words: int, dimension: int, least: int) -> _Promise:
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


def _read_text(source: Source, n_words: int | None, dimension: int) -> WordFile:
    """``n_words``: what the header says; None if there is none."""
    path = source.path
    promise = None if n_words is None else _Promise.check(source, n_words, dimension, 2 * dimension + 1)
    rows = Rows(dimension, promise.n_expected if promise else 0)
    sieve = Sieve()
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
        wrong = f"{_short(bad.decode(errors='replace'))} is not a number"
    else:
        wrong = f"a word and {dimension:,} numbers are expected, there are {len(fields):,} fields"
    if _HEADER.fullmatch(line):
        return ModelError(f"{path}:{number}: {wrong}", hint="the line looks like a header: the format is word2vec-text")
    return ModelError(f"{path}:{number}: {wrong}", hint="the file is damaged, cut off, or of another format")


def _read_binary(source: Source, n_words: int, dimension: int) -> WordFile:
    path = source.path
    size = 4 * dimension
    promise = _Promise.check(source, n_words, dimension, size + 1)
    rows = Rows(dimension, promise.n_expected)
    sieve = Sieve()
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


def _dimension(source: Source) -> int:
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


def write(path: Path, format: str, words: Sequence[str], vectors: NDArray[np.float32]) -> list[str]:
    """Write a file of word vectors that other programs read; the file is replaced when all is written.

    Args:
        format: word2vec, word2vec-text or glove.
        words: V different words.
        vectors: (V, D); numbers are written so that the same float32 is read back.

    Returns:
        What was left out or changed, one sentence each.

    Raises:
        ModelError: there is nothing to write, or no such format to write.
        RunError: the file cannot be written; what was there before stays.
    """
    if format not in ("word2vec", "word2vec-text", "glove"):
        raise ModelError(f"{format} cannot be written", hint="there are word2vec, word2vec-text and glove")
    names, notes = _names(words)
    step = max(1, _WRITTEN_TOGETHER // max(1, vectors.shape[1]))
    starts = range(0, len(names), step)
    sieve = Sieve()
    kept = [sieve.sift(names[start : start + step], np.asarray(vectors[start : start + step]))[1] for start in starts]
    n_kept = sum(int(keep.sum()) for keep in kept)
    if not n_kept or not vectors.shape[1]:
        raise ModelError(f"there is no word to write to {path}", hint=" ".join(sieve.notes()))
    target = path.resolve()  # a link stays a link: what it points to is replaced
    is_device = target.exists() and not target.is_file()
    part = target if is_device else target.with_name(target.name + ".part")
    try:
        try:
            with part.open("wb") as file:
                if format != "glove":
                    file.write(b"%d %d\n" % (n_kept, vectors.shape[1]))
                for start, keep in zip(starts, kept, strict=True):
                    some = [name for name, good in zip(names[start : start + step], keep, strict=True) if good]
                    block = np.ascontiguousarray(np.asarray(vectors[start : start + step], "<f4")[keep])
                    file.writelines(_records(some, block, binary=format == "word2vec"))
                file.flush()
                if not is_device:
                    os.fsync(file.fileno())
            if not is_device:
                if target.exists():
                    shutil.copymode(target, part)
                part.replace(target)
        except BaseException:
            if not is_device:
                with contextlib.suppress(OSError):  # what went wrong first is on its way
                    part.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror or error}") from error
    return notes + sieve.notes()


def _records(names: list[bytes], vectors: NDArray[np.float32], *, binary: bool) -> Iterator[bytes]:
    """A word and its vector each."""
    if binary:
        return (b"%b %b\n" % (name, row.tobytes()) for name, row in zip(names, vectors, strict=True))
    if not names:
        return iter(())
    # orjson writes the shortest decimals that are read as the same float32, fifty times as fast as str().
    numbers = orjson.dumps(vectors, option=orjson.OPT_SERIALIZE_NUMPY)[2:-2].replace(b",", b" ").split(b"] [")
    return (b"%b %b\n" % pair for pair in zip(names, numbers, strict=True))


def _names(words: Sequence[str]) -> tuple[list[bytes], list[str]]:
    """The words as they can be written, and a note on those that were changed.

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
            changed.append(f"{_short(word)} as {_short(name)}")
            word = name
        names.append(word.encode(errors="surrogatepass"))  # half a character is no UTF-8: the sieve leaves it out
    if not changed:
        return names, []
    more = ", ..." if len(changed) > 3 else ""
    what = "word holds blanks and was" if len(changed) == 1 else "words hold blanks and were"
    return names, [f"{len(changed):,} {what} written with _: {', '.join(changed[:3])}{more}"]


def _short(word: str) -> str:
    return repr(word if len(word) <= 40 else word[:40] + "...")
