"""Maximal marginal relevance: items that say much about a query and do not say the same (J. Carbonell, J. Goldstein: The Use of
MMR, Diversity-Based Reranking for Reordering Documents and Producing Summaries, SIGIR 1998)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def maximal_marginal_relevance(
    relevance: NDArray[np.float32], vectors: NDArray[np.float32], k: int, *, diversity: float
) -> list[int]:
    """Return the numbers of ``k`` items, or of all if there are fewer, in the order in which they are chosen: each time the one
    with the highest

        (1 - diversity) x relevance - diversity x the highest cosine with one that has been chosen,

    and of equal ones the first. With a diversity of 0 these are the most relevant ones. The λ of the paper is 1 - diversity.

    Args:
        relevance: of the items to the query, (N,).
        vectors: of the items, of length 1, (N, D).
        diversity: from 0 to 1.
    """
    chosen: list[int] = []
    nearest = np.full(len(relevance), -np.inf, np.float32)  # the highest cosine with a chosen one
    scores = relevance.astype(np.float64)
    for _ in range(min(k, len(relevance))):
        best = int(np.argmax(scores))
        chosen.append(best)
        np.maximum(nearest, vectors @ vectors[best], out=nearest)
        scores = (1 - diversity) * relevance.astype(np.float64) - diversity * nearest
        scores[chosen] = -np.inf
    return chosen
