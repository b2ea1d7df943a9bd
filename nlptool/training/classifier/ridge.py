"""Ridge regression by scikit-learn, with alpha chosen by cross-validation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

from nlptool.errors import RunError
from nlptool.models.classifiers.linear import LinearHead
from nlptool.training.classifier.choice import TOO_FEW, Choice, Progress, parts
from nlptool.training.classifier.scaling import Scaling

ALPHAS = tuple(10 ** (exponent / 2) for exponent in range(11, -3, -1))
"""Values that are tried: 316,228 to 0.1."""
USUAL_ALPHA = ALPHAS[8]  # 31.6, where there are too few examples for a cross-validation
_STRATA = 10  # tenths of the examples by their number, each spread over all folds


def fit(
    scaling: Scaling,
    features: NDArray[np.float32],
    targets: NDArray[np.float64],
    *,
    groups: NDArray[np.int64] | None,
    seed: int,
    folds: int,
    progress: Progress,
) -> tuple[LinearHead, Choice]:
    """Train a head that predicts numbers (N,).

    Raises:
        RunError: a number is NaN or infinite, or all are the same.
    """
    if not np.isfinite(targets).all():
        raise RunError(f"{np.count_nonzero(~np.isfinite(targets)):,} of the numbers to learn are NaN or infinite")
    if targets.min() == targets.max():
        raise RunError(f"all {len(targets):,} examples have the number {targets[0]:g}: there is nothing to learn")
    scaled = scaling(features, np.float64)
    ranks = np.argsort(np.argsort(targets, kind="stable"), kind="stable")
    of_folds = parts(ranks * _STRATA // len(targets), groups, seed=seed, folds=folds)
    predicted = np.empty((len(targets), len(ALPHAS)))
    for number, held_out in enumerate(of_folds):
        progress(number, len(of_folds) + 1)
        every_alpha = np.repeat(targets[~held_out, None], len(ALPHAS), axis=1)
        model = _ridge(np.array(ALPHAS)).fit(
            scaled[~held_out], every_alpha
        )  # one product of the features for all alphas
        predicted[held_out] = model.predict(scaled[held_out])
    progress(len(of_folds), len(of_folds) + 1)
    losses: dict[float, float] = {}
    if of_folds:
        losses = dict(zip(ALPHAS, np.square(predicted - targets[:, None]).mean(axis=0).tolist(), strict=True))
    alpha = min(losses, key=losses.__getitem__, default=USUAL_ALPHA)
    model = _ridge(alpha).fit(scaled, targets)
    progress(len(of_folds) + 1, len(of_folds) + 1)
    held_out_scores = predicted[:, [ALPHAS.index(alpha)]].astype(np.float32) if of_folds else None
    notes = () if of_folds else (TOO_FEW,)
    choice = Choice("alpha", alpha, "mean squared error", losses, len(of_folds), held_out_scores, notes)
    return scaling.folded(model.coef_.reshape(1, -1), np.reshape(model.intercept_, 1)), choice


def _ridge(alpha: float | NDArray[np.float64]) -> Ridge:
    return Ridge(alpha=alpha, solver="cholesky")
