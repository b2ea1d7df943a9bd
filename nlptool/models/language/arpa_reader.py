"""Reads n-gram models as ARPA text, compressed or not; ``arpa`` describes the format."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import ModelError
from nlptool.models.language import ngram_trie
from nlptool.models.language.arpa import BEGIN, END, NEVER, UNKNOWN, unescaped
from nlptool.models.language.kneser_ney import NgramModel
from nlptool.models.language.ngram_trie import Ids, Level
from nlptool.storage import compression

_COUNT = re.compile(rb"ngram\s+(\d{1,3})\s*=\s*(\d{1,10})\s*")
_BLOCK = 1 << 16  # lines that are parsed at a time
_LONGEST_LINE = 1 << 20  # bytes


@dataclass(frozen=True, slots=True)
class ArpaModel:
    """What an ARPA file holds."""

    model: NgramModel
    words: list[str]  # (V,), in the order of the file
    unknown: int | None  # the token of unknown words, <unk>


def read(path: Path) -> ArpaModel:
    """Read an ARPA file.

    Raises:
        ModelError: it cannot be read, or is no ARPA file, or a damaged one: the message names the line.
        RunError: it is damaged by its compression.
    """
    try:
        with path.open("rb") as file:
            chunks = iter(lambda: file.read(compression.CHUNK), b"")
            lines = _Lines(path, compression.decompressed(chunks, str(path), piped=False))
            return _model(lines)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}") from error


class _Lines:
    """The lines of a file that are not blank, with the number of the last one that was read."""

    def __init__(self, path: Path, chunks: Iterator[bytes]) -> None:
        self.path, self.number = path, 0
        self._lines = self._split(chunks)

    def _split(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        rest = b""
        for chunk in chunks:
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self.number += 1
                if line and not line.isspace():
                    yield line
            if len(rest) > _LONGEST_LINE:
                raise ModelError(f"{self.path} is no ARPA file: a line has more than {_LONGEST_LINE:,} bytes")
        self.number += 1
        if rest and not rest.isspace():
            yield rest

    def next(self) -> bytes:
        """Return the next line without white space around it, ``b""`` at the end of the file."""
        return next(self._lines, b"").strip()

    def error(self, what: str, back: int = 0) -> ModelError:
        """Return an error about the last line, or one that is ``back`` lines before it."""
        return ModelError(f"{self.path}:{self.number - back}: {what}", hint="make or fetch the ARPA file again")


def _model(lines: _Lines) -> ArpaModel:
    while (line := lines.next()) != b"\\data\\":
        if not line:
            raise ModelError(f"{lines.path} is no ARPA file: it has no line \\data\\")
    counts: list[int] = []
    while found := _COUNT.fullmatch(line := lines.next()):
        if int(found[1]) != len(counts) + 1:
            raise lines.error("the orders do not follow each other")
        counts.append(int(found[2]))
    if not counts:
        raise lines.error("it does not say how many n-grams there are (ngram 1=...)")
    ids: dict[bytes, int] = {}
    levels: list[Level] = []
    for order, n in enumerate(counts, 1):
        if line != b"\\%d-grams:" % order:
            raise lines.error(f"\\{order}-grams: is to stand here")
        tokens, probabilities, backoffs = _section(lines, order, n, ids, is_highest=order == len(counts))
        levels.append(_level(lines, levels, tokens, probabilities, backoffs))
        line = lines.next()
    if line != b"\\end\\":
        raise lines.error("\\end\\ is to stand here")
    return _checked(lines, levels, ids)


def _section(
    lines: _Lines, order: int, n: int, ids: dict[bytes, int], *, is_highest: bool
) -> tuple[Ids, NDArray[np.float32], NDArray[np.float32]]:
    """Read the n-grams of one order: their tokens (L, order), probabilities (L,) and backoffs (L,), (0,) at the highest
    order."""
    parts: list[tuple[Ids, NDArray[np.float32], NDArray[np.float32]]] = []
    for start in range(0, n, _BLOCK):
        rows = []
        for _ in range(min(_BLOCK, n - start)):
            fields = lines.next().split()
            if not order + 1 <= len(fields) <= order + 2 - is_highest:
                raise lines.error(f"no {order}-gram, of which the file promises {n:,}")
            rows.append(fields)
        if order == 1:
            _add_words(lines, rows, ids)
        try:
            tokens = np.array([[ids[word] for word in row[1 : order + 1]] for row in rows], np.int64)
            logs = np.array([float(row[0]) for row in rows])
            weights = [float(row[order + 1]) if len(row) > order + 1 else 0.0 for row in rows]
        except (KeyError, ValueError) as error:
            raise _wrong(lines, rows, order, ids) from error
        parts.append((tokens, _powers(logs), _powers(np.array([] if is_highest else weights))))
    if not parts:
        return np.zeros((0, order), np.int64), np.zeros(0, np.float32), np.zeros(0, np.float32)
    tokens, probabilities, backoffs = (np.concatenate(column) for column in zip(*parts, strict=True))
    return tokens, probabilities, backoffs


def _add_words(lines: _Lines, rows: Sequence[list[bytes]], ids: dict[bytes, int]) -> None:
    """Number the words of order 1."""
    for back, row in zip(range(len(rows) - 1, -1, -1), rows, strict=True):
        if row[1] in ids:
            raise lines.error(f"{_shown(row[1])} stands here for the second time", back)
        ids[row[1]] = len(ids)


def _wrong(lines: _Lines, rows: Sequence[list[bytes]], order: int, ids: dict[bytes, int]) -> ModelError:
    """Return an error about the first of the last lines whose words are unknown or whose numbers are none."""
    for back, row in zip(range(len(rows) - 1, -1, -1), rows, strict=True):
        if unknown := [word for word in row[1 : order + 1] if word not in ids]:
            return lines.error(f"{_shown(unknown[0])} is no 1-gram of the file", back)
        for field in (row[0], *row[order + 1 :]):
            try:
                float(field)
            except ValueError:
                return lines.error(f"{_shown(field)} is no number", back)
    raise AssertionError("it is asked of lines of which one is wrong")


def _powers(logs: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the numbers of which these are the decimal logarithms; infinity for what is too large, which is refused later."""
    with np.errstate(over="ignore"):
        return np.where(logs <= NEVER, 0.0, 10.0**logs).astype(np.float32)


def _level(
    lines: _Lines,
    levels: Sequence[Level],
    tokens: Ids,
    probabilities: NDArray[np.float32],
    backoffs: NDArray[np.float32],
) -> Level:
    """Return the n-grams of one order, sorted."""
    order = tokens.shape[1]
    n_words = len(levels[0]) if levels else len(tokens)
    nodes = np.zeros(len(tokens), np.int64)
    for number, level in enumerate(levels):
        nodes = level.find(nodes, tokens[:, number])
        if (nodes < 0).any():
            raise lines.error(f"a {order}-gram before this line has a context that is no {number + 1}-gram of the file")
    keys = nodes * n_words + tokens[:, -1]
    by_key = np.argsort(keys)
    if (np.diff(keys[by_key]) == 0).any():
        raise lines.error(f"a {order}-gram before this line stands there twice")
    nodes = nodes[by_key]
    first = np.searchsorted(nodes, np.arange((len(levels[-1]) if levels else 1) + 1))
    weights = backoffs[by_key] if len(backoffs) else backoffs
    return Level(tokens[by_key, -1].astype(np.uint32), first.astype(np.uint32), probabilities[by_key], weights)


def _checked(lines: _Lines, levels: list[Level], ids: dict[bytes, int]) -> ArpaModel:
    """Return the model, if its numbers are probabilities and it has the markers."""
    begin, end = ids.get(BEGIN.encode()), ids.get(END.encode())
    if begin is None or end is None:
        raise ModelError(f"{lines.path} has no {BEGIN} or no {END}, which stand at the borders of a document here")
    levels[0].probabilities[begin] = 0  # programs write different numbers for what is never predicted
    if wrong := ngram_trie.fault(levels):
        raise ModelError(f"{lines.path} is damaged: {wrong}")
    try:
        words = [unescaped(word.decode()) for word in ids]
    except UnicodeDecodeError as error:
        raise ModelError(f"{lines.path} is not UTF-8: {_shown(error.object)}") from error
    return ArpaModel(
        NgramModel(levels, begin, end), words, ids.get(UNKNOWN.encode(), ids.get(UNKNOWN.upper().encode()))
    )


def _shown(word: bytes) -> str:
    """Return a word or number of the file as a message shows it."""
    return word.decode(errors="replace")[:80]
