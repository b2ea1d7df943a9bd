"""Rows of a matrix: their unit length, and the k largest scores of each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def normalized(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows divided by their Euclidean length; a row of zeros stays."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return (vectors / np.where(lengths == 0, 1, lengths)).astype(np.float32, copy=False)


class TopK:
    """Scores in, block by block, the best ``k`` of each of ``n_rows`` out; of equal scores the one that stands first wins.

    Memory is that of one block and k numbers a row. Once k scores are known the smallest of them is a bar that most of a new
    block does not pass, so a block costs one comparison a score and little more.
    """

    def __init__(self, n_rows: int, k: int) -> None:
        self.n_rows = n_rows
        self._k = k
        self._scores = np.full((n_rows, k), -np.inf, np.float32)
        self._columns = np.full((n_rows, k), -1, np.int64)

    def add(self, scores: NDArray[np.float32], first: int) -> None:
        """Take in ``scores`` (n_rows, B), of the columns ``first`` to ``first + B``, in ascending order of ``first``.
        -inf is no score. A transposed array is looked at as it lies in memory."""
        width = scores.shape[1]
        if self._k == 1:
            columns = scores.argmax(axis=1)
            found = scores[np.arange(self.n_rows), columns]
            better = found > self._scores[:, 0]
            self._scores[better, 0], self._columns[better, 0] = found[better], columns[better] + first
            return
        bars = self._scores[:, -1]
        if first == 0 and width > self._k:  # nothing is known yet: a partition instead of a bar
            columns = np.argpartition(scores, width - self._k, axis=1)[:, width - self._k :]
            # A partition takes any of equal scores: the bar lets those that stand before them in.
            bars = np.take_along_axis(scores, columns, axis=1).min(axis=1)
            rows, columns = np.nonzero(scores >= np.maximum(bars, np.finfo(np.float32).min)[:, None])
        elif scores.flags.f_contiguous:
            by_column = scores.T
            columns, rows = np.divmod(np.flatnonzero(by_column > bars), self.n_rows)
        else:
            # Few rows, after the first blocks; a mask of all would cost ten times that.
            better = np.flatnonzero(scores.max(axis=1) > bars)
            places = np.flatnonzero(scores[better] > bars[better, None])
            rows, columns = better[places // width], places % width
        if rows.size:
            self._merge(rows, columns + first, scores[rows, columns])

    def _merge(self, rows: NDArray[np.int64], columns: NDArray[np.int64], found: NDArray[np.float32]) -> None:
        """Put scores in their places among those that are known."""
        touched = np.unique(rows)
        rows = np.concatenate([np.repeat(touched, self._k), rows])
        found = np.concatenate([self._scores[touched].ravel(), found])
        columns = np.concatenate([self._columns[touched].ravel(), columns])
        order = np.lexsort((columns, -found, rows))
        begins = np.searchsorted(rows[order], touched)  # a row has k scores at least: those that it had
        best = order[(begins[:, None] + np.arange(self._k)).ravel()]
        self._scores[touched] = found[best].reshape(-1, self._k)
        self._columns[touched] = columns[best].reshape(-1, self._k)

    def result(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """columns[i], scores[i]: (n_rows, k) each, the best first; -1 and -inf where there were fewer than k scores."""
        return self._columns, self._scores
