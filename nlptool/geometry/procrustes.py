"""The rotation of one set of vectors that brings it nearest to another: orthogonal Procrustes.

Two models that were trained apart have axes that mean nothing to each other. Of all rotations and reflections R the one is
taken with the smallest ||A R - B|| (Frobenius norm) over the rows that both have: U V' of the singular value decomposition
A'B = U S V'.

Sources: P. Schönemann: A generalized solution of the orthogonal Procrustes problem (Psychometrika 31, 1966); for words of
different times W. Hamilton, J. Leskovec, D. Jurafsky: Diachronic Word Embeddings Reveal Statistical Laws of Semantic Change
(ACL 2016), equation 4, on unit vectors as there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pair = tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]
"""Blocks of vectors of the same items, (n, D) each."""


def rotation(pairs: Iterable[Pair], dimension: int) -> NDArray[np.float64]:
    """Return the orthogonal matrix R, (D, D), for which ``first @ R`` is nearest to ``second``; computed in float64.

    With fewer rows than D, or rows that lie in a part of the space alone, it is one of several.

    Args:
        pairs: blocks of the rows of both, in the same order.
    """
    product = np.zeros((dimension, dimension))
    for first, second in pairs:
        product += np.asarray(first, np.float64).T @ np.asarray(second, np.float64)
    left, _, right = np.linalg.svd(product)
    found: NDArray[np.float64] = left @ right
    return found


def cosines(pairs: Iterable[Pair], rotated_by: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the cosine of each row of the first, after the rotation, with that of the second, (N,), from -1 to 1.

    Args:
        pairs: blocks of unit vectors.
    """
    found = [
        np.einsum("nd,nd->n", np.asarray(first, np.float64) @ rotated_by, np.asarray(second, np.float64))
        for first, second in pairs
    ]
    joined: NDArray[np.float64] = np.concatenate([*found, np.zeros(0)])
    return joined.clip(-1.0, 1.0)


def means(pairs: Iterable[Pair], dimension: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the means of the rows of both, (D,) each."""
    sums = np.zeros((2, dimension))
    n_rows = 0
    for first, second in pairs:
        sums += first.sum(axis=0, dtype=np.float64), second.sum(axis=0, dtype=np.float64)
        n_rows += len(first)
    return sums[0] / n_rows, sums[1] / n_rows


def centered(vectors: NDArray[np.floating[Any]], mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return vectors (n, D) without what they share, their mean (D,), as unit vectors; one that is the mean stays zero.

    Source: M. Artetxe, G. Labaka, E. Agirre: Learning principled bilingual mappings of word embeddings while preserving
    monolingual invariance (EMNLP 2016).
    """
    found = np.asarray(vectors, np.float64) - mean
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    divided: NDArray[np.float64] = np.divide(found, lengths, out=found, where=lengths > 0)
    return divided
