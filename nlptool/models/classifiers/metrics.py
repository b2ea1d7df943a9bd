"""Metrics of classification, of classification with several labels, and of regression, with bootstrap intervals.

Classes are whole numbers from 0. What follows from counts alone is in ``counts``. The expected calibration error is that of
C. Guo, G. Pleiss, Y. Sun, K. Weinberger: On Calibration of Modern Neural Networks (2017), with bins of equal width. Intervals are
those of the percentile bootstrap over examples (B. Efron, R. Tibshirani: An Introduction to the Bootstrap, 1993, chapter 13).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.geometry import correlation
from nlptool.geometry.correlation import Interval
from nlptool.geometry.resampling import bootstrap
from nlptool.models.classifiers.counts import Array, Decisions

Scores = dict[str, float | None]

BINS = 15  # of the calibration error, as Guo et al. have them
_LEAST = float(np.finfo(np.float32).eps)  # probability of which the logarithm is taken: models compute in float32
_POSITIVE = ("1", "true", "yes", "positive")
_CORRELATIONS = {"pearson": correlation.pearson, "spearman": correlation.spearman}


@dataclass(frozen=True, slots=True)
class Probabilities:
    """What the metrics need of distributions over the classes: for N examples the probabilities of two classes.

    Args:
        of_gold: of the gold class, (N,); None if that is not known.
        of_predicted: of the predicted class, (N,); None if that is not known.
    """

    of_gold: Array | None = None
    of_predicted: Array | None = None


def probabilities_of(matrix: Array, gold: Array, predicted: Array) -> Probabilities:
    """Return the probabilities of the gold and of the predicted classes, (N,), of all in ``matrix``, (N, K)."""
    rows = np.arange(len(gold))
    return Probabilities(matrix[rows, gold], matrix[rows, predicted])


def log_loss(probabilities: Array, gold: Array) -> float:
    """Return the mean negative natural logarithm of the gold classes' probabilities, 0 or more; less is better.

    A probability below that of float32's resolution, 1.2e-7, counts as that.

    Args:
        probabilities: of the classes, (N, K); rows sum to 1.
        gold: classes, (N,).
    """
    return float(_losses(probabilities[np.arange(len(gold)), gold]).mean())


def expected_calibration_error(
    probabilities: Array, gold: Array, predicted: Array | None = None, *, bins: int = BINS
) -> float:
    """Return by how much the probability of a prediction differs from the share that is right, 0 to 1; less is better.

    Predictions are put into bins by their probability; the differences of the bins are averaged by their sizes.

    Args:
        probabilities: of the classes, (N, K).
        gold: classes, (N,).
        predicted: classes, (N,); else those of the greatest probability.
        bins: how many, of equal width; a bin includes its upper end.
    """
    if predicted is None:
        predicted = probabilities.argmax(axis=1)
    return _calibration_error(probabilities[np.arange(len(gold)), predicted], gold == predicted, bins)


def _calibration_error(confidences: Array, is_right: Array, bins: int) -> float:
    confidences = confidences.astype(np.float64)
    places = np.digitize(confidences, np.linspace(0, 1, bins + 1)[1:-1], right=True)
    gaps = np.bincount(places, weights=confidences - is_right)
    return float(np.abs(gaps).sum() / len(confidences))


def positive_class(labels: Sequence[str]) -> int | None:
    """Return which of two labels is the positive one: that called 1, true, yes or positive, else the second; None if not two."""
    if len(labels) != 2:
        return None
    return next((index for index, label in enumerate(labels) if label.strip().lower() in _POSITIVE), 1)


def scores(
    kind: str,
    gold: Array,
    predicted: Array,
    probabilities: Array | Probabilities | None = None,
    *,
    positive: int | None = None,
) -> Scores:
    """Return all metrics of predictions, by their names.

    Args:
        kind: classification: accuracy, macro_f1, matthews; f1 if there is a ``positive`` class; log_loss and ece, the expected
            calibration error, if there are probabilities. multilabel: accuracy (of whole sets of labels), micro_f1, macro_f1.
            regression: pearson, spearman (None if one side is constant), mae, rmse (mean absolute, root mean squared error).
        gold: (N,) integers from 0; (N, K) bool; or (N,) numbers.
        predicted: likewise.
        probabilities: of the classes, (N, K), or those of them that are needed.
        positive: the class of which f1 is that.

    Raises:
        ValueError: there are no examples, or the shapes differ.
    """
    if not len(gold) or gold.shape != predicted.shape:
        raise ValueError(f"gold data {gold.shape} and predictions {predicted.shape}")
    needed = _needed(kind, gold, predicted, probabilities)
    result = _measures(kind, gold, predicted, needed, positive)(np.ones(len(gold)))
    if kind == "regression":
        return {name: measure(gold, predicted) for name, measure in _CORRELATIONS.items()} | result
    if needed.of_predicted is not None:
        result["ece"] = _calibration_error(needed.of_predicted, gold == predicted, BINS)
    return result


def intervals(
    kind: str,
    gold: Array,
    predicted: Array,
    probabilities: Array | Probabilities | None = None,
    *,
    positive: int | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Interval | None]:
    """Return the 95 % bootstrap intervals of what ``scores`` returns; {} for 0 resamples.

    All metrics are computed on the same resamples. The calibration error has no interval: it is greater in resamples than in the
    sample, because fewer different examples fill each bin, so that its percentiles may well lie above it.
    """
    if not resamples:
        return {}
    result: dict[str, Interval | None] = {}
    if kind == "regression":
        spearman, pearson = correlation.bootstrap(gold, predicted, resamples=resamples, seed=seed)
        result = {"pearson": pearson, "spearman": spearman}
    needed = _needed(kind, gold, predicted, probabilities)
    measures = _measures(kind, gold, predicted, needed, positive)
    result |= bootstrap(measures, len(gold), resamples=resamples, seed=seed)
    return result


def _needed(kind: str, gold: Array, predicted: Array, probabilities: Array | Probabilities | None) -> Probabilities:
    if probabilities is None or kind != "classification":
        return Probabilities()
    return (
        probabilities if isinstance(probabilities, Probabilities) else probabilities_of(probabilities, gold, predicted)
    )


def _measures(
    kind: str, gold: Array, predicted: Array, probabilities: Probabilities, positive: int | None
) -> Callable[[Array], dict[str, Any]]:
    """Return a function from how often each example is drawn, (N,), to the metrics that can be computed by that."""
    n = len(gold)
    if kind == "regression":
        errors = np.abs(gold.astype(np.float64) - predicted)
        squares = errors**2
        return lambda weights: {"mae": float(weights @ errors / n), "rmse": float(np.sqrt(weights @ squares / n))}
    losses = None if probabilities.of_gold is None else _losses(probabilities.of_gold)
    of_positive = np.zeros(0, np.int64)
    if kind == "classification":  # the classes that occur, of perhaps many more
        present, compact = np.unique(np.concatenate([gold, predicted]), return_inverse=True)
        gold, predicted = compact[:n], compact[n:]
        of_positive = np.flatnonzero(present == positive)  # it, or nothing
    decisions = Decisions(gold, predicted)

    def measured(weights: Array) -> dict[str, Any]:
        counts = decisions.counts(weights)
        result = {"accuracy": float(weights @ decisions.exact / n)}
        if kind == "multilabel":
            return result | {"micro_f1": counts.micro_f1, "macro_f1": counts.macro_f1}
        result["macro_f1"] = counts.macro_f1
        if positive is not None:
            result["f1"] = float(counts.f1[of_positive].sum())
        result["matthews"] = counts.matthews
        if losses is not None:
            result["log_loss"] = float(weights @ losses / n)
        return result

    return measured


def _losses(of_gold: Array) -> NDArray[np.float64]:
    losses: NDArray[np.float64] = -np.log(np.clip(of_gold.astype(np.float64), _LEAST, 1.0))
    return losses
