"""The most probable tags of a sentence that keep to their scheme."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nlptool.models.taggers.transitions import Transitions


def best_tags(log_probabilities: NDArray[np.float32], allowed: Transitions) -> NDArray[np.int64]:
    """Return the numbers of the tags (W,) whose sum of log-probabilities is highest among the sequences that are allowed.

    A. J. Viterbi: Error Bounds for Convolutional Codes (IEEE Transactions on Information Theory, 1967). Where no sequence is
    allowed, the tags with the highest probabilities are returned.

    Args:
        log_probabilities: of each tag for each word, (W, K).
        allowed: which tags may begin, follow each other, and end, of the same K tags.
    """
    n_words = len(log_probabilities)
    if not n_words:
        return np.zeros(0, np.int64)
    steps = np.where(allowed.pairs, 0.0, -np.inf)  # (K, K)
    best = np.where(allowed.first, log_probabilities[0].astype(np.float64), -np.inf)
    came_from = np.zeros((n_words, len(best)), np.int64)
    for word in range(1, n_words):
        scores = best[:, None] + steps
        came_from[word] = scores.argmax(0)
        best = scores.max(0) + log_probabilities[word]
    best = np.where(allowed.last, best, -np.inf)
    if not np.isfinite(best).any():
        return np.asarray(log_probabilities.argmax(1), np.int64)
    tags = np.empty(n_words, np.int64)
    tags[-1] = best.argmax()
    for word in range(n_words - 1, 0, -1):
        tags[word - 1] = came_from[word, tags[word]]
    return tags
