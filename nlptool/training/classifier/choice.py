"""The strength of regularisation, and how it was chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.training.classifier.folds import fold_numbers

Progress = Callable[[int, int], None]

TOO_FEW = "no cross-validation: there are too few examples, or they are all of one group"
_FEWEST = 4  # examples of a cross-validation


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """How the strength of regularisation was chosen.

    The log loss is in nats, the mean over the held-out examples, and over the labels where there are several.
    """

    parameter: str  # C of a logistic regression: the inverse of the strength; alpha of a ridge regression: the strength
    value: float
    loss: str  # log loss | mean squared error: smaller is better
    losses: dict[float, float]  # value tried -> loss on held-out examples; empty without cross-validation
    n_folds: int  # parts that were held out, one after another; 0 without cross-validation
    held_out: NDArray[np.float32] | None  # (N, K) scores of the examples while held out; NaN: never judged
    notes: tuple[str, ...]  # sentences

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON, without the scores of the examples."""
        return {
            "parameter": self.parameter, "value": self.value, "loss": self.loss, "folds": self.n_folds,
            "losses": [{self.parameter: value, "loss": loss} for value, loss in self.losses.items()],
        }  # fmt: skip


def parts(
    strata: NDArray[np.int64], groups: NDArray[np.int64] | None, *, seed: int, folds: int
) -> list[NDArray[np.bool_]]:
    """Return which examples each fold holds out, (N,) bool each; none if there are too few examples or groups."""
    n_groups = len(strata) if groups is None else len(np.unique(groups))
    n_folds = min(folds, n_groups)
    if n_folds < 2 or len(strata) < _FEWEST:
        return []
    numbers = fold_numbers(strata, groups, n_folds, seed)
    return [numbers == number for number in range(n_folds)]
