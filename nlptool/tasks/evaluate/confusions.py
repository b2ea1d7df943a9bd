"""Which classes are taken for which: the confusion matrix as JSON, as a table, and as counts to draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.models.classifiers.counts import confusion

_MOST_WRITTEN = 100  # classes up to which a record holds the whole matrix
_MOST_LISTED = 20  # confusions that a record lists


@dataclass(frozen=True, slots=True)
class Confusions:
    """Gold and predicted classes.

    Args:
        labels: the K classes.
        gold: of each example, (N,) places in ``labels``.
        predicted: likewise.
    """

    labels: tuple[str, ...]
    gold: NDArray[Any]
    predicted: NDArray[Any]

    def fields(self) -> dict[str, Any]:
        """Return the fields of a record: the matrix, whose rows are gold, None for many classes, and the largest confusions."""
        matrix = None
        if len(self.labels) <= _MOST_WRITTEN:
            matrix = {
                "labels": list(self.labels),
                "counts": confusion(self.gold, self.predicted, len(self.labels)).tolist(),
            }
        return {"confusion": matrix, "confusions": self.largest(_MOST_LISTED)}

    def largest(self, most: int) -> list[dict[str, Any]]:
        """Return the most frequent confusions: a gold class, the class it is taken for, how often, and the share of the class."""
        wrong = self.gold != self.predicted
        pairs, n_times = np.unique(np.stack([self.gold, self.predicted])[:, wrong], axis=1, return_counts=True)
        n_gold = np.bincount(self.gold, minlength=len(self.labels))
        order = np.argsort(-n_times, kind="stable")[:most]
        return [
            {
                "gold": self.labels[pairs[0, place]],
                "predicted": self.labels[pairs[1, place]],
                "n": int(n_times[place]),
                "share": round(float(n_times[place] / n_gold[pairs[0, place]]), 4),
            }
            for place in order
        ]

    def matrix(self, most: int) -> tuple[list[str], NDArray[np.int64]]:
        """Return the labels and the counts, (K, K), of up to ``most`` classes: of more the rarest become one, "n others"."""
        n_classes = len(self.labels)
        if n_classes <= most:
            return list(self.labels), confusion(self.gold, self.predicted, n_classes)
        n_times = np.bincount(np.concatenate([self.gold, self.predicted]), minlength=n_classes)
        kept = np.sort(np.argsort(-n_times, kind="stable")[: most - 1])
        places = np.full(n_classes, most - 1)
        places[kept] = np.arange(most - 1)
        labels = [self.labels[place] for place in kept] + [f"{n_classes - most + 1:,} others"]
        return labels, confusion(places[self.gold], places[self.predicted], most)
