"""Exact similarities of many vectors, in blocks of matrix products: all vectors or all scores are never in memory at once."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import RunError
from nlptool.geometry.measures import clip, prepare, scores, tolerance
from nlptool.geometry.row_parts import RowParts
from nlptool.geometry.top_k import TopK
from nlptool.storage import npy

_COLUMNS = 2048  # columns of a block of scores: it then stays in the processor's cache
_ROWS = 1024  # rows of a block: more do not speed up the matrix product
_BYTES = 4  # of a score
_PAIR_BYTES = 100  # memory for a pair while pairs are sorted


@dataclass(frozen=True)
class Vectors:
    """Vectors that are compared by a measure."""

    rows: NDArray[Any] | RowParts  # (N, D), memory-mapped or not
    measure: str = "cosine"
    ready: bool = True  # whether ``rows`` are prepared; if not, each block is prepared when it is read
    check: Callable[[int, int], None] | None = None  # is called with first and stop before these rows are read

    def __len__(self) -> int:
        return len(self.rows)

    def block(self, first: int, stop: int) -> NDArray[np.float32]:
        """Return the prepared vectors from ``first`` to ``stop``, (n, D) float32."""
        if self.check is not None:
            self.check(first, stop)
        block = np.asarray(self.rows[first:stop])
        return np.asarray(block, np.float32) if self.ready else prepare(block, self.measure)

    def release(self) -> None:
        """Release the pages of memory-mapped files."""
        if isinstance(self.rows, RowParts):
            self.rows.release()
        else:
            npy.release(self.rows)


def matrix(a: Vectors, b: Vectors, *, memory: int, start: int = 0) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield all scores from row ``start`` on, in blocks of whole rows.

    Block boundaries do not depend on ``start``, because the last digits of a product depend on its block.

    Args:
        memory: bytes for scores.

    Yields:
        The index of the block's first row, and block[i][j] = measure(a[first + i], b[j]), (n, M) float32, which the next block
        overwrites.

    Raises:
        RunError: ``memory`` is less than one row.
    """
    n_rows = min(_ROWS, memory // (_BYTES * max(1, len(b))))
    if not n_rows:
        raise _too_little(memory, _BYTES * len(b), f"one row of {len(b):,} similarities")
    buffer = np.empty(n_rows * len(b), np.float32)
    for first in range(start - start % n_rows, len(a), n_rows):
        rows = a.block(first, first + n_rows)
        block = buffer[: len(rows) * len(b)].reshape(len(rows), len(b))
        for column in range(0, len(b), _COLUMNS):
            columns = b.block(column, column + _COLUMNS)
            block[:, column : column + len(columns)] = scores(rows, columns, a.measure)
        n_skipped = max(0, start - first)
        yield first + n_skipped, clip(block[n_skipped:], a.measure)


def nearest(
    a: Vectors,
    b: Vectors,
    k: int,
    *,
    memory: int,
    threshold: float | None = None,
    same: bool = False,
    start: int = 0,
) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.float32]]]:
    """Yield the ``k`` nearest neighbours in ``b`` of each row of ``a``, in blocks of rows.

    Args:
        memory: bytes for scores.
        threshold: the least score of a neighbour.
        same: ``a`` and ``b`` are the same vectors, and no vector is its own neighbour.
        start: the first row; block boundaries do not depend on it.

    Yields:
        The index of the block's first row; columns[i][j] int64, the j-th neighbour of row first + i, -1 if there are fewer;
        scores[i][j] float32; both (n, k), most similar first, of equal scores the first vector of ``b``.

    Raises:
        RunError: ``memory`` is too little for one row.
    """
    kept = 3 * k * (_BYTES + 8)  # bytes of a row in TopK, with its temporary arrays
    n_columns = min(_COLUMNS, max(1, len(b)))
    n_rows = min(_ROWS, memory // (_BYTES * n_columns + kept))
    if not n_rows:
        raise _too_little(
            memory, _BYTES * n_columns + kept, f"one row of {n_columns:,} similarities and {k:,} neighbors"
        )
    if same and kept * len(a) + _BYTES * _ROWS**2 <= memory:
        yield from _nearest_among(a, k, threshold, start=start, size=_ROWS)
        return
    buffer = np.empty(n_rows * n_columns, np.float32)
    for first in range(start - start % n_rows, len(a), n_rows):
        rows = a.block(first, first + n_rows)
        best = TopK(len(rows), k)
        for column in range(0, len(b), n_columns):
            columns = b.block(column, column + n_columns)
            block = _block_scores(rows, columns, a.measure, buffer)
            if same:
                diagonal = np.arange(max(first, column), min(first + len(rows), column + len(columns)))
                block[diagonal - first, diagonal - column] = -np.inf
            best.add(block, column)
        b.release()
        yield _skip_rows(start, first, *_result(best, a.measure, threshold))


def _block_scores(
    rows: NDArray[np.float32], columns: NDArray[np.float32], measure: str, buffer: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return ``scores(rows, columns)``, (n, m), computed in ``buffer``."""
    return scores(rows, columns, measure, buffer[: len(rows) * len(columns)].reshape(len(rows), len(columns)))


def _nearest_among(
    a: Vectors, k: int, threshold: float | None, *, start: int, size: int
) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.float32]]]:
    """Yield ``nearest`` of the vectors among themselves. A block of scores counts for its rows and, transposed, for its columns,
    so half of the blocks are enough: when a block of rows is reached, the rows before it have been compared with it."""
    begin = start - start % size
    best = {first: TopK(min(size, len(a) - first), k) for first in range(begin, len(a), size)}
    buffer = np.empty(size * size, np.float32)
    for first in range(begin, len(a), size):
        rows, row_best = a.block(first, first + size), best.pop(first)
        for column in range(0, begin, size):  # skipped rows: the same products as if they had been computed
            row_best.add(_block_scores(a.block(column, column + size), rows, a.measure, buffer).T, column)
        block = _block_scores(rows, rows, a.measure, buffer)
        np.fill_diagonal(block, -np.inf)
        row_best.add(block, first)
        for column, column_best in best.items():
            block = _block_scores(rows, a.block(column, column + size), a.measure, buffer)
            row_best.add(block, column)
            column_best.add(block.T, first)
        a.release()
        yield _skip_rows(start, first, *_result(row_best, a.measure, threshold))


def _result(best: TopK, measure: str, threshold: float | None) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return columns and scores, with column -1 for scores below the threshold."""
    columns, values = best.result()
    clip(values, measure)
    if threshold is not None:
        columns[values < threshold - tolerance(measure)] = -1
    return columns, values


def _skip_rows(
    start: int, first: int, columns: NDArray[np.int64], values: NDArray[np.float32]
) -> tuple[int, NDArray[np.int64], NDArray[np.float32]]:
    """Drop the rows before ``start`` from the results of a block that begins at row ``first``."""
    n_skipped = max(0, start - first)
    return first + n_skipped, columns[n_skipped:], values[n_skipped:]


def pairs(
    a: Vectors, b: Vectors | None, threshold: float, *, memory: int, start: int = 0
) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]]:
    """Yield the pairs with a score of at least ``threshold``, by row and then by column.

    Args:
        b: None: the pairs among ``a``, each once (row < column).
        memory: bytes for scores and pairs.
        start: the first row; block boundaries do not depend on it.

    Yields:
        The number of rows done; then rows, columns and scores of the pairs, (n,) each.

    Raises:
        RunError: ``memory`` is too little for one row.
    """
    other = a if b is None else b
    n_columns = min(_COLUMNS, max(1, len(other)))
    needed = _BYTES * n_columns + _PAIR_BYTES * len(other)
    if memory < needed:
        raise _too_little(memory, needed, f"one row that may be in {len(other):,} pairs")
    step = min(_ROWS, memory // (_BYTES * n_columns + _PAIR_BYTES))
    buffer = np.empty(step * n_columns, np.float32)
    for begin in range(start - start % step, len(a), step):
        first, n_rows = begin, step
        while first < min(begin + step, len(a)):
            rows = a.block(first, min(first + n_rows, begin + step))
            blocks, n_pairs = [], 0
            for column in range(first if b is None else 0, len(other), n_columns):
                columns = other.block(column, column + n_columns)
                blocks.append(_block_pairs(rows, columns, a.measure, threshold, buffer))
                n_pairs += len(blocks[-1][0])
                blocks[-1][0][:] += first
                blocks[-1][1][:] += column
                if n_pairs * _PAIR_BYTES > memory and n_rows > 1:
                    break
            else:
                other.release()
                i, j, values = (np.concatenate(arrays) for arrays in zip(*blocks, strict=True))
                wanted = (i >= start) & ((i < j) if b is None else True)
                i, j, values = i[wanted], j[wanted], values[wanted]
                order = np.argsort(i, kind="stable")  # the columns of a row are in order already
                first += len(rows)
                yield first, i[order], j[order], clip(values[order], a.measure)
                continue
            n_rows //= 2  # too many pairs for the memory: fewer rows at once


def _block_pairs(
    rows: NDArray[np.float32], columns: NDArray[np.float32], measure: str, threshold: float, buffer: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Return the rows, columns and values of the scores of a block that reach the threshold."""
    block = _block_scores(rows, columns, measure, buffer)
    least = threshold - tolerance(measure)
    hits = np.flatnonzero(block.max(axis=1) >= least)  # few rows: comparing all scores would cost more
    flat = np.flatnonzero(block[hits] >= least)
    i, j = hits[flat // len(columns)], flat % len(columns)
    return i, j, block[i, j]


def _too_little(memory: int, needed: int, what: str) -> RunError:
    return RunError(
        f"--memory {format_size(memory)} is too little: {what} takes {format_size(needed)}",
        hint=f"--memory {format_size(2 * needed)} or more",
    )


def format_size(n_bytes: int) -> str:
    """Return a number of bytes as ``--memory`` reads it: 2G, 1.5M."""
    for unit, factor in (("G", 10**9), ("M", 10**6), ("K", 10**3)):
        if n_bytes >= factor:
            return f"{-(-10 * n_bytes // factor) / 10:g}{unit}"
    return str(n_bytes)


@contextlib.contextmanager
def blas_threads(n_threads: int | None) -> Iterator[None]:
    """Let the matrix products of this process use ``n_threads`` until the context ends; all processors unless given."""
    if n_threads is None:
        yield
        return
    import threadpoolctl

    with threadpoolctl.threadpool_limits(n_threads, user_api="blas"):
        yield
