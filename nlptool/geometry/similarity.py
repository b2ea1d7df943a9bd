"""Similarities of many vectors, exact, in blocks of matrix products: neither all of them nor all scores are ever held.

Cosine and Pearson's r are products of rows made ready once (unit length; before that less their mean), so every measure but the
Euclidean distance costs one product of matrices. That one is computed in float64: |a|² + |b|² - 2ab of close vectors has few
correct digits in float32.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import RunError
from nlptool.geometry.top_k import TopK

MEASURES = ("cosine", "dot", "euclidean", "pearson")
_COLUMNS = 2048  # vectors that a block of rows is compared with at once: the scores then stay in the processor's cache
_ROWS = 1024  # rows of a block: more gain nothing in a product of matrices
_BYTES = 4  # of a score
_LONGEST = 1e19  # of a vector, where length counts: the square of a longer one is beyond float32
_OF_PAIR = 100  # bytes of a pair that was found, while it is sorted into its place


def prepared(vectors: NDArray[Any], measure: str) -> NDArray[np.float32]:
    """Rows (N, D) whose products are the measure: unit vectors for cosine (a row of zeros stays), centred ones for pearson;
    the vectors themselves for dot and euclidean. Lengths are summed in float64, so that neither large nor small numbers
    leave the range.

    Raises:
        RunError: a vector is so long that its product with another may be beyond float32.
    """
    if measure == "pearson":
        exact = np.asarray(vectors, np.float64)
        vectors = exact - exact.mean(axis=1, keepdims=True)
    if measure in ("cosine", "pearson"):
        lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))
        if measure == "pearson":  # what is left of equal components is rounding, not a direction
            lengths[lengths < 1e-7 * np.sqrt(np.einsum("ij,ij->i", exact, exact))] = 0
            vectors = np.where(lengths[:, None] == 0, 0, vectors)
        vectors = vectors / np.where(lengths == 0, 1, lengths)[:, None]
    elif np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64).max(initial=0) > _LONGEST**2:
        raise RunError(
            f"a vector is longer than {_LONGEST:g}: its {measure} similarities would be beyond float32",
            hint="--measure cosine and pearson are the same at every length",
        )
    return np.ascontiguousarray(vectors, np.float32)


@dataclass(frozen=True)
class Vectors:
    """Vectors to be compared by a measure: ``rows`` (N, D), mapped from a file or not.

    ``ready`` says that they are ``prepared`` already; else each block is when it is read.
    """

    rows: NDArray[Any]
    measure: str = "cosine"
    ready: bool = True

    def __len__(self) -> int:
        return len(self.rows)

    def block(self, first: int, stop: int) -> NDArray[np.float32]:
        """Those from ``first`` to ``stop``, prepared."""
        block = np.asarray(self.rows[first:stop])
        return np.asarray(block, np.float32) if self.ready else prepared(block, self.measure)

    def give_back(self) -> None:
        """Tell the system that the pages of a mapped file are not needed for now; they stay in its cache."""
        mapped = getattr(self.rows, "_mmap", None)
        if mapped is not None:
            mapped.madvise(mmap.MADV_DONTNEED)


def scores(
    a: NDArray[np.float32], b: NDArray[np.float32], measure: str, out: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """scores[i][j] = measure(a[i], b[j]) of prepared rows, (N, M) float32; larger is more alike.

    cosine and pearson are in [-1, 1] but for rounding, dot has no bounds, euclidean is the distance with a minus: at most 0.
    """
    if measure != "euclidean":
        product: NDArray[np.float32] = np.matmul(a, b.T, out=out)
        return product
    x, y = np.asarray(a, np.float64), np.asarray(b, np.float64)
    squares = np.einsum("ij,ij->i", x, x)[:, None] + np.einsum("ij,ij->i", y, y) - 2 * (x @ y.T)
    found: NDArray[np.float64] = 0 - np.sqrt(np.maximum(squares, 0))  # never -0.0
    if out is None:
        return found.astype(np.float32)
    out[:] = found
    return out


def of_rows(a: NDArray[Any], b: NDArray[Any], measure: str) -> NDArray[np.float32]:
    """found[i] = measure(a[i], b[i]) of vectors that are not prepared, (N,) float32."""
    x, y = prepared(a, measure), prepared(b, measure)
    if measure == "euclidean":
        distances: NDArray[np.float64] = np.linalg.norm(x.astype(np.float64) - y, axis=1)
        return (0 - distances).astype(np.float32)
    return bounded(np.einsum("ij,ij->i", x, y), measure)


def bounded(found: NDArray[np.float32], measure: str) -> NDArray[np.float32]:
    """What rounding has put above 1 or below -1 is put back, in place, where the measure has these bounds."""
    if measure in ("cosine", "pearson"):
        np.clip(found, -1, 1, out=found)
    return found


def matrix(a: Vectors, b: Vectors, *, memory: int, start: int = 0) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """All scores, in blocks of whole rows: (index of the first row, (n, M) float32), from row ``start`` on. A block is only
    valid until the next one.

    Blocks lie in one grid wherever the work starts, since the last digits of a product depend on its block.

    Args:
        memory: bytes of scores that may be held.

    Raises:
        RunError: that is less than one row.
    """
    n_rows = min(_ROWS, memory // (_BYTES * max(1, len(b))))
    if not n_rows:
        raise _too_little(memory, _BYTES * len(b), f"one row of {len(b):,} similarities")
    room = np.empty(n_rows * len(b), np.float32)
    for first in range(start - start % n_rows, len(a), n_rows):
        rows = a.block(first, first + n_rows)
        found = room[: len(rows) * len(b)].reshape(len(rows), len(b))
        for column in range(0, len(b), _COLUMNS):
            columns = b.block(column, column + _COLUMNS)
            found[:, column : column + len(columns)] = scores(rows, columns, a.measure)
        done = max(0, start - first)
        yield first + done, bounded(found[done:], a.measure)


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
    """For each row of ``a`` the ``k`` of ``b`` that are most alike: (index of the first row, columns (n, k), scores (n, k)), the
    best first, of equal ones the one that stands first; column -1 where there are fewer.

    Args:
        memory: bytes of scores that may be held.
        threshold: leave out what is less alike.
        same: ``a`` and ``b`` are the same vectors, and none is its own neighbor.
        start: the first row that is asked for; blocks lie in one grid all the same.

    Raises:
        RunError: ``memory`` is too little for one row.
    """
    kept = 3 * k * (_BYTES + 8)  # of a row in TopK, and what it sorts
    n_columns = min(_COLUMNS, max(1, len(b)))
    n_rows = min(_ROWS, memory // (_BYTES * n_columns + kept))
    if not n_rows:
        raise _too_little(
            memory, _BYTES * n_columns + kept, f"one row of {n_columns:,} similarities and {k:,} neighbors"
        )
    if same and kept * len(a) + _BYTES * _ROWS**2 <= memory:
        yield from _among(a, k, threshold, start=start, size=_ROWS)
        return
    room = np.empty(n_rows * n_columns, np.float32)
    for first in range(start - start % n_rows, len(a), n_rows):
        rows = a.block(first, first + n_rows)
        best = TopK(len(rows), k)
        for column in range(0, len(b), n_columns):
            columns = b.block(column, column + n_columns)
            found = scores(rows, columns, a.measure, room[: len(rows) * len(columns)].reshape(len(rows), len(columns)))
            if same:
                own = np.arange(max(first, column), min(first + len(rows), column + len(columns)))
                found[own - first, own - column] = -np.inf
            best.add(found, column)
        b.give_back()
        yield _from(start, first, *_answers(best, a.measure, threshold))


def _among(
    a: Vectors, k: int, threshold: float | None, *, start: int, size: int
) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.float32]]]:
    """``nearest`` of the vectors among themselves: a block of products counts for its rows and, transposed, for its columns, so
    that half of the blocks are enough. When the turn of a block of rows comes, those before it have been compared with it."""
    begin = start - start % size
    best = {first: TopK(min(size, len(a) - first), k) for first in range(begin, len(a), size)}
    room = np.empty(size * size, np.float32)

    def products(rows: NDArray[np.float32], columns: NDArray[np.float32]) -> NDArray[np.float32]:
        return scores(rows, columns, a.measure, room[: len(rows) * len(columns)].reshape(len(rows), len(columns)))

    for first in range(begin, len(a), size):
        rows, own = a.block(first, first + size), best.pop(first)
        for column in range(0, begin, size):  # of these nothing was noted; made as if it had been, to the last digit
            own.add(products(a.block(column, column + size), rows).T, column)
        own_products = products(rows, rows)
        np.fill_diagonal(own_products, -np.inf)
        own.add(own_products, first)
        for column, other in best.items():
            found = products(rows, a.block(column, column + size))
            own.add(found, column)
            other.add(found.T, first)
        a.give_back()
        yield _from(start, first, *_answers(own, a.measure, threshold))


def _answers(best: TopK, measure: str, threshold: float | None) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Columns and scores; column -1 for what is less alike than the threshold."""
    columns, found = best.result()
    bounded(found, measure)
    if threshold is not None:
        columns[found < threshold - slack(measure)] = -1
    return columns, found


def _from(
    start: int, first: int, columns: NDArray[np.int64], found: NDArray[np.float32]
) -> tuple[int, NDArray[np.int64], NDArray[np.float32]]:
    """Of the answers of a block of rows that begins at ``first`` those from row ``start`` on."""
    done = max(0, start - first)
    return first + done, columns[done:], found[done:]


def pairs(
    a: Vectors, b: Vectors | None, threshold: float, *, memory: int, start: int = 0
) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]]:
    """The pairs that are at least ``threshold`` alike: (rows done so far, rows, columns, scores), by row and then by column.

    Args:
        b: None: the pairs among ``a``, each once (row < column), for which the products above the diagonal are enough.
        memory: bytes of scores and pairs that may be held.
        start: the first row that is asked for; blocks lie in one grid all the same.

    Raises:
        RunError: ``memory`` is too little for one row.
    """
    other = a if b is None else b
    n_columns = min(_COLUMNS, max(1, len(other)))
    needed = _BYTES * n_columns + _OF_PAIR * len(other)
    if memory < needed:
        raise _too_little(memory, needed, f"one row that may be in {len(other):,} pairs")
    step = min(_ROWS, memory // (_BYTES * n_columns + _OF_PAIR))
    room = np.empty(step * n_columns, np.float32)
    for begin in range(start - start % step, len(a), step):
        first, n_rows = begin, step
        while first < min(begin + step, len(a)):
            rows = a.block(first, min(first + n_rows, begin + step))
            found, n_found = [], 0
            for column in range(first if b is None else 0, len(other), n_columns):
                found.append(_above(rows, other.block(column, column + n_columns), a.measure, threshold, room))
                n_found += len(found[-1][0])
                found[-1][0][:] += first
                found[-1][1][:] += column
                if n_found * _OF_PAIR > memory and n_rows > 1:
                    break
            else:
                other.give_back()
                at, columns, values = (np.concatenate(each) for each in zip(*found, strict=True))
                wanted = (at >= start) & ((at < columns) if b is None else True)
                at, columns, values = at[wanted], columns[wanted], values[wanted]
                order = np.argsort(at, kind="stable")  # a row's columns came in their order
                first += len(rows)
                yield first, at[order], columns[order], bounded(values[order], a.measure)
                continue
            n_rows //= 2  # too many pairs: fewer rows at once


def _above(
    rows: NDArray[np.float32], columns: NDArray[np.float32], measure: str, threshold: float, room: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Rows, columns and values of the scores that reach the threshold, within one block."""
    found = scores(rows, columns, measure, room[: len(rows) * len(columns)].reshape(len(rows), len(columns)))
    least = threshold - slack(measure)
    some = np.flatnonzero(found.max(axis=1) >= least)  # few rows: looking at each score twice would cost more
    places = np.flatnonzero(found[some] >= least)
    at, there = some[places // len(columns)], places % len(columns)
    return at, there, found[at, there]


def slack(measure: str) -> float:
    """By how much a score may miss a threshold through rounding: else no two equal vectors would have a cosine of 1."""
    return 1e-6 if measure in ("cosine", "pearson") else 0.0


def _too_little(memory: int, needed: int, what: str) -> RunError:
    return RunError(
        f"--memory {size(memory)} is too little: {what} takes {size(needed)}",
        hint=f"--memory {size(2 * needed)} or more",
    )


def size(n_bytes: int) -> str:
    """A number of bytes as ``--memory`` reads it: 2G, 1.5M."""
    for unit, each in (("G", 10**9), ("M", 10**6), ("K", 10**3)):
        if n_bytes >= each:
            return f"{-(-10 * n_bytes // each) / 10:g}{unit}"
    return str(n_bytes)


def use_threads(n_threads: int | None) -> None:
    """Let the matrix products of this process use ``n_threads``; all processors unless given."""
    if n_threads is not None:
        import threadpoolctl

        threadpoolctl.threadpool_limits(n_threads, user_api="blas")
