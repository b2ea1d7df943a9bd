"""Arrays and sorted words in files of columns, as few bytes as is cheap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import RunError
from nlptool.geometry.ngram_counts import Rows
from nlptool.storage.column_file import ColumnFile, ColumnWriter

BLOCK = 1 << 12
"""Values of a block; of each column of each file that is read one is in memory."""

_TYPES = (np.uint8, np.uint16, np.uint32, np.uint64)
_STEPS = "+"  # before the type: the differences of values that ascend
_WORDS = "words"


def write_numbers(file: ColumnWriter, column: str, values: NDArray[Any]) -> None:
    """Add numbers, not negative, to a column."""
    for start in range(0, len(values), BLOCK):
        part = values[start : start + BLOCK].astype(np.uint64)
        form = ""
        if bool(np.all(part[1:] >= part[:-1])):
            part, form = np.diff(part, prepend=np.uint64(0)), _STEPS
        largest = int(part.max())
        kind = next(each for each in _TYPES if largest <= np.iinfo(each).max)
        part = part.astype(np.dtype(kind).newbyteorder("<"))
        file.add(column, part.tobytes(), len(part), form + part.dtype.str)


def write_rows(file: ColumnWriter, name: str, rows: Iterator[Rows]) -> None:
    """Add rows, which come in ascending order, to the columns ``name``.0, ``name``.1 ... and ``name``.counts."""
    for each in rows:
        for start in range(0, len(each), BLOCK):
            part = each[start : start + BLOCK]
            for number, ids in enumerate(part.columns):
                write_numbers(file, f"{name}.{number}", ids)
            write_numbers(file, f"{name}.counts", part.counts)


def write_words(file: ColumnWriter, column: str, words: Sequence[str]) -> None:
    """Add texts to a column."""
    for start in range(0, len(words), BLOCK):
        spelled = [word.encode("utf-8", "surrogatepass") for word in words[start : start + BLOCK]]
        lengths = np.fromiter(map(len, spelled), "<u4", len(spelled))
        file.add(column, b"".join([lengths.tobytes(), *spelled]), len(spelled), _WORDS)


def numbers(file: ColumnFile, column: str) -> NDArray[np.int64]:
    """Return all numbers of a column, (N,)."""
    parts = [block(file, column, number) for number in range(file.n_blocks(column))]
    return np.concatenate([np.zeros(0, np.int64), *parts])


def block(file: ColumnFile, column: str, number: int) -> NDArray[np.int64]:
    """Return the numbers of a block of a column, (L,)."""
    return _numbers(file, column, number).astype(np.int64)


def rows(file: ColumnFile, name: str, n_columns: int, at_once: int) -> Iterator[Rows]:
    """Yield rows in the order in which they were written.

    Args:
        at_once: blocks that are read at once.
    """
    names = [*(f"{name}.{number}" for number in range(n_columns)), f"{name}.counts"]
    n_blocks = file.n_blocks(names[-1])
    for start in range(0, n_blocks, at_once):
        end = min(start + at_once, n_blocks)
        *ids, counts = (
            np.concatenate([_numbers(file, column, number) for number in range(start, end)]) for column in names
        )
        yield Rows(tuple(column.astype(np.uint32) for column in ids), counts.astype(np.int64))


def words(file: ColumnFile, column: str) -> Iterator[list[bytes]]:
    """Yield the texts of a column block by block, in UTF-8, whose order is that of code points."""
    for number in range(file.n_blocks(column)):
        data, n_values, form = file.block(column, number)
        if form != _WORDS or len(data) < 4 * n_values:
            raise _damaged(file)
        lengths = np.frombuffer(data, "<u4", n_values)
        ends = (np.cumsum(lengths, dtype=np.int64) + 4 * n_values).tolist()
        if n_values and ends[-1] != len(data):
            raise _damaged(file)
        yield [data[start:end] for start, end in zip([4 * n_values, *ends[:-1]], ends, strict=True)]


def texts(file: ColumnFile, column: str) -> list[str]:
    """Return all texts of a column."""
    return [word.decode("utf-8", "surrogatepass") for block in words(file, column) for word in block]


def _numbers(file: ColumnFile, column: str, number: int) -> NDArray[np.uint64]:
    data, n_values, form = file.block(column, number)
    try:
        found = np.frombuffer(data, np.dtype(form.removeprefix(_STEPS))).astype(np.uint64)
    except (TypeError, ValueError) as error:
        raise _damaged(file) from error
    if len(found) != n_values:
        raise _damaged(file)
    return np.cumsum(found, dtype=np.uint64) if form.startswith(_STEPS) else found


def _damaged(file: ColumnFile) -> RunError:
    return RunError(f"{file.name} is damaged", hint="remove it, and run the shards again")
