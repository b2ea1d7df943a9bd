"""Unit vectors, and the k largest scores of each row of a matrix."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def normalize(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return result[i] = vectors[i] / |vectors[i]|, (..., D) float32; a zero vector stays."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return (vectors / np.where(lengths == 0, 1, lengths)).astype(np.float32, copy=False)


class TopK:
    """The ``k`` largest scores of each of ``n_rows`` rows; scores come block by block. Of equal scores the first one wins.

    Memory is one block and k numbers a row. As soon as k scores are known, the smallest of them is a threshold that most scores
    of a new block fail, so a block costs little more than one comparison a score.
    """

    def __init__(self, n_rows: int, k: int) -> None:
        self.n_rows = n_rows
        self._k = k
        self._scores = np.full((n_rows, k), -np.inf, np.float32)
        self._columns = np.full((n_rows, k), -1, np.int64)

    def add(self, scores: NDArray[np.float32], first: int) -> None:
        """Add the scores of the columns ``first`` to ``first + B``. Blocks must come in ascending order of ``first``.

        Args:
            scores: (n_rows, B) float32, in C or Fortran order; -inf is no score.
        """
        n_columns = scores.shape[1]
        if self._k == 1:
            columns = scores.argmax(axis=1)
            largest = scores[np.arange(self.n_rows), columns]
            better = largest > self._scores[:, 0]
            self._scores[better, 0], self._columns[better, 0] = largest[better], columns[better] + first
            return
        thresholds = self._scores[:, -1]
        if first == 0 and n_columns > self._k:  # the first block: a partition gives the thresholds
            columns = np.argpartition(scores, n_columns - self._k, axis=1)[:, n_columns - self._k :]
            # A partition may take any of equal scores; with >= the first ones get in too.
            thresholds = np.take_along_axis(scores, columns, axis=1).min(axis=1)
            rows, columns = np.nonzero(scores >= np.maximum(thresholds, np.finfo(np.float32).min)[:, None])
        elif scores.flags.f_contiguous:
            by_column = scores.T
            columns, rows = np.divmod(np.flatnonzero(by_column > thresholds), self.n_rows)
        else:
            # After the first blocks few rows have a better score; a mask of all scores would cost ten times as much.
            better = np.flatnonzero(scores.max(axis=1) > thresholds)
            flat = np.flatnonzero(scores[better] > thresholds[better, None])
            rows, columns = better[flat // n_columns], flat % n_columns
        if rows.size:
            self._merge(rows, columns + first, scores[rows, columns])

    def _merge(self, rows: NDArray[np.int64], columns: NDArray[np.int64], scores: NDArray[np.float32]) -> None:
        """Merge new scores into the k largest."""
        touched = np.unique(rows)
        rows = np.concatenate([np.repeat(touched, self._k), rows])
        scores = np.concatenate([self._scores[touched].ravel(), scores])
        columns = np.concatenate([self._columns[touched].ravel(), columns])
        order = np.lexsort((columns, -scores, rows))
        begins = np.searchsorted(rows[order], touched)  # a row has at least the k scores that it had
        best = order[(begins[:, None] + np.arange(self._k)).ravel()]
        self._scores[touched] = scores[best].reshape(-1, self._k)
        self._columns[touched] = columns[best].reshape(-1, self._k)

    def result(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return columns[i][j] int64 and scores[i][j] float32, (n_rows, k), largest first; -1 and -inf if there are fewer."""
        return self._columns, self._scores
