"""Counted rows of ids that come in runs, and are merged: more of them than the memory holds wait in temporary files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from nlptool.geometry.ngram_counts import Rows, count
from nlptool.storage import temp_files

MOST_HELD = 1 << 23
"""Rows in memory; of pairs, 128 MB."""

_BLOCK = 1 << 21  # rows that are merged at once


class Runs:
    """Counted rows, all of one number of columns.

    Args:
        most_held: rows that are kept in memory, about; MOST_HELD unless given.
    """

    def __init__(self, *, most_held: int | None = None) -> None:
        self._most_held = MOST_HELD if most_held is None else most_held
        self._held: list[Rows] = []
        self._n_held = 0
        self._on_disk: list[Rows] = []

    def add(self, rows: Rows) -> None:
        """Add the counts of some rows.

        Raises:
            RunError: the temporary folder cannot hold them.
        """
        if not len(rows):
            return
        self._held.append(rows)
        self._n_held += len(rows)
        if self._n_held > self._most_held:
            held = self._held_rows()
            is_large = len(held) > self._most_held // 2
            if is_large:
                self._on_disk.append(self._stored(held))
            self._held = [] if is_large else [held]
            self._n_held = 0 if is_large else len(held)

    def _held_rows(self) -> Rows:
        return self._held[0] if len(self._held) == 1 else _summed(self._held)

    def _stored(self, rows: Rows) -> Rows:
        """Write rows to a temporary file, and map it into memory."""
        file = temp_files.temporary(self)
        arrays: list[NDArray[np.generic]] = [*rows.columns, rows.counts]
        with temp_files.disk_space():
            for array in arrays:
                file.write(array.tobytes())
            file.flush()
        offset, mapped = 0, []
        for array in arrays:
            mapped.append(np.memmap(file, array.dtype, "r", offset, array.shape))
            offset += array.nbytes
        return Rows(tuple(mapped[:-1]), mapped[-1])

    def merged(self, block: int = _BLOCK) -> Iterator[Rows]:
        """Yield the different rows with the sums of their counts, in ascending order; a row and those that have its first id are
        in the same block.

        Args:
            block: rows that are merged at once, about.
        """
        runs = [*self._on_disk, *([self._held_rows()] if self._held else [])]
        step = max(1, block // max(1, len(runs)))
        yield from merged([_portions(run, step) for run in runs])


def merged(runs: Sequence[Iterator[Rows]], *, in_order: bool = True) -> Iterator[Rows]:
    """Merge runs of rows: yield the different rows with the sums of their counts, in ascending order; a row and those that have
    its first id are in the same portion.

    Args:
        runs: the portions of each, ascending by their first ids.
        in_order: the rows of each run ascend, and are different; else those of one first id come in any order.
    """
    waiting: dict[int, list[Rows]] = {}  # run -> portions whose last first id may go on in the next one

    def read(index: int) -> None:
        if (portion := next(runs[index], None)) is not None:
            waiting.setdefault(index, []).append(portion)
        else:
            unread.discard(index)

    unread = set(range(len(runs)))
    for index in range(len(runs)):
        read(index)
    while waiting:
        ends = {index: int(waiting[index][-1].columns[0][-1]) for index in unread}
        border = min(ends.values()) if ends else None
        taken = [part for index in sorted(waiting) if len(part := _joined(_taken(waiting, index, border)))]
        if taken:
            yield taken[0] if len(taken) == 1 and in_order else _summed(taken)
        for index, end in ends.items():
            if end == border:
                read(index)


def _taken(waiting: dict[int, list[Rows]], index: int, border: int | None) -> list[Rows]:
    """Take out of the portions of a run the rows whose first ids are smaller than ``border``; None: all."""
    taken, kept = [], []
    for portion in waiting.pop(index):
        end = len(portion) if border is None else int(np.searchsorted(portion.columns[0], np.uint32(border)))
        taken.append(portion[:end])
        if end < len(portion):
            kept.append(portion[end:])
    if kept:
        waiting[index] = kept
    return taken


def _portions(rows: Rows, step: int) -> Iterator[Rows]:
    for start in range(0, len(rows), step):
        yield rows[start : start + step]


def _summed(runs: Sequence[Rows]) -> Rows:
    """Return the different rows of runs with the sums of their counts."""
    joined = _joined(runs)
    return count(joined.columns, joined.counts)


def _joined(runs: Sequence[Rows]) -> Rows:
    """Return the rows of runs one behind the other."""
    if len(runs) == 1:
        return runs[0]
    columns = tuple(np.concatenate(column) for column in zip(*(run.columns for run in runs), strict=True))
    return Rows(columns, np.concatenate([run.counts for run in runs]))
