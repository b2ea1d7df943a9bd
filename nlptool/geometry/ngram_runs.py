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
            merged = _merged(self._held)
            is_large = len(merged) > self._most_held // 2
            if is_large:
                self._on_disk.append(self._stored(merged))
            self._held = [] if is_large else [merged]
            self._n_held = 0 if is_large else len(merged)

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
        runs = [*self._on_disk, *([_merged(self._held)] if self._held else [])]
        starts = [0] * len(runs)
        step = max(1, block // max(1, len(runs)))
        while unread := [index for index, run in enumerate(runs) if starts[index] < len(run)]:
            last = min(runs[index].columns[0][min(starts[index] + step, len(runs[index])) - 1] for index in unread)
            parts = []
            for index in unread:
                end = int(np.searchsorted(runs[index].columns[0], last, side="right"))
                parts.append(runs[index][starts[index] : end])
                starts[index] = end
            yield _merged([part for part in parts if len(part)])


def _merged(runs: Sequence[Rows]) -> Rows:
    if len(runs) == 1:
        return runs[0]
    columns = [np.concatenate(column) for column in zip(*(run.columns for run in runs), strict=True)]
    return count(columns, np.concatenate([run.counts for run in runs]))
