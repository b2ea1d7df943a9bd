"""How often each class is right, gold and predicted, and what follows from these counts.

Precision, recall and F1 are those of scikit-learn: a quotient without a denominator is 0, and macro F1 is the mean over the
classes that are gold or predicted at least once. Matthews' correlation is R_K (J. Gorodkin: Comparing two K-category assignments
by a K-category correlation coefficient, 2004).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Counts:
    """Of each of K classes, or of K labels that a text may have at once: how often it was right, gold, and predicted, (K,)."""

    right: Array
    gold: Array
    predicted: Array

    @property
    def precision(self) -> NDArray[np.float64]:
        """Of each class, the share of its predictions that are right, (K,), 0 to 1; 0 for one that is never predicted."""
        return _share(self.right, self.predicted)

    @property
    def recall(self) -> NDArray[np.float64]:
        """Of each class, the share of its examples that are found, (K,), 0 to 1; 0 for one without examples."""
        return _share(self.right, self.gold)

    @property
    def f1(self) -> NDArray[np.float64]:
        """The harmonic mean of precision and recall of each class, (K,), 0 to 1."""
        return _share(2 * self.right, self.gold + self.predicted)

    @property
    def macro_precision(self) -> float:
        """The mean precision of the classes that are gold or predicted, 0 to 1."""
        return self._macro(self.precision)

    @property
    def macro_recall(self) -> float:
        """The mean recall of the classes that are gold or predicted, 0 to 1."""
        return self._macro(self.recall)

    @property
    def macro_f1(self) -> float:
        """The mean F1 of the classes that are gold or predicted, 0 to 1."""
        return self._macro(self.f1)

    @property
    def micro_precision(self) -> float:
        """The share of all predictions that are right, 0 to 1; 0 if there are none."""
        predicted = self.predicted.sum()
        return float(self.right.sum() / predicted) if predicted else 0.0

    @property
    def micro_recall(self) -> float:
        """The share of all that is gold that is found, 0 to 1; 0 if there is nothing."""
        gold = self.gold.sum()
        return float(self.right.sum() / gold) if gold else 0.0

    @property
    def micro_f1(self) -> float:
        """F1 of all decisions about all labels together, 0 to 1; for single classes it is the accuracy."""
        both = self.gold.sum() + self.predicted.sum()
        return float(2 * self.right.sum() / both) if both else 0.0

    @property
    def matthews(self) -> float:
        """Matthews' correlation of single classes, -1 to 1; 0 if one class alone is gold, or predicted."""
        n = float(self.gold.sum())
        covariance = self.right.sum() * n - self.gold @ self.predicted
        variances = (n * n - self.gold @ self.gold) * (n * n - self.predicted @ self.predicted)
        return float(covariance / np.sqrt(variances)) if variances > 0 else 0.0

    def _macro(self, values: NDArray[np.float64]) -> float:
        occurs = self.gold + self.predicted > 0
        return float(values[occurs].mean()) if occurs.any() else 0.0


def count(gold: Array, predicted: Array, n_classes: int | None = None) -> Counts:
    """Count the right, the gold and the predicted examples of each class.

    Args:
        gold: classes, (N,) integers from 0; or which labels each example has, (N, K) bool.
        predicted: likewise.
        n_classes: K; else the classes end with the greatest that occurs.
    """
    return Decisions(gold, predicted, n_classes).counts(np.ones(len(gold)))


def confusion(gold: Array, predicted: Array, n_classes: int) -> NDArray[np.int64]:
    """Return counts[i, j], the number of examples of class i that are predicted as class j, (K, K)."""
    cells = np.bincount(gold.astype(np.int64) * n_classes + predicted, minlength=n_classes**2)
    return cells.reshape(n_classes, n_classes).astype(np.int64, copy=False)


class Decisions:
    """Which examples have which labels, rightly, by the gold data, and by prediction, so that they can be counted anew.

    Attributes:
        exact: whether all labels of an example are right, (N,) of 0 and 1.
    """

    def __init__(self, gold: Array, predicted: Array, n_classes: int | None = None) -> None:
        if gold.ndim == 2:
            self._n_classes = gold.shape[1]
            self.exact = (gold == predicted).all(axis=1).astype(np.float64)
            self._places = [np.nonzero(each) for each in (gold & predicted, gold, predicted)]
            return
        everyone = np.arange(len(gold))
        is_right = gold == predicted
        self._n_classes = n_classes or int(max(gold.max(initial=-1), predicted.max(initial=-1))) + 1
        self.exact = is_right.astype(np.float64)
        self._places = [(everyone[is_right], gold[is_right]), (everyone, gold), (everyone, predicted)]

    def counts(self, weights: Array) -> Counts:
        """Count; example i counts ``weights[i]`` times."""
        return Counts(*(np.bincount(labels, weights[rows], self._n_classes) for rows, labels in self._places))


def _share(part: Array, whole: Array) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
