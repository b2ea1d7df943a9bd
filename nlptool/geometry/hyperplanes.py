"""Binary codes of vectors by random hyperplanes: a bit says on which side of a hyperplane through the origin a vector lies.

M. Charikar: Similarity Estimation Techniques from Rounding Algorithms (STOC 2002). Two vectors with the angle t between them lie
on different sides of a hyperplane with probability t / pi, so that the Hamming distance of their codes estimates the angle.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def normals(n_bits: int, dimension: int, seed: int) -> NDArray[np.float64]:
    """Draw the normals of hyperplanes: independent standard normal numbers, (n_bits, dimension).

    The first normals are the same for any number of bits. They come from a generator that NumPy promises not to change (NEP 19),
    since codes are kept for years.
    """
    return np.random.RandomState(seed).standard_normal((n_bits, dimension))


def bits(vectors: NDArray[np.float32], normals: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return the codes of vectors (N, D), (N, B): a bit is set where the product with a normal is not negative.

    The products are of float64: what a batch changes in their last digits changes no bit, but for one in billions.
    """
    return (vectors.astype(np.float64) @ normals.T) >= 0


def estimated_cosine(distance: NDArray[np.int64], n_bits: int) -> NDArray[np.float64]:
    """Return the cosine of two vectors that the Hamming distance of their codes estimates, from -1 to 1."""
    return np.cos(math.pi * distance / n_bits)
