"""Logistic regression by scikit-learn, with C chosen by cross-validation.

The cross-validation goes from strong to weak regularisation, each fit from where the one before ended, and stops where the log
loss of the held-out examples rises again. Its fits are rough: their losses are those of exact ones to three digits.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from nlptool.models.classifiers.linear import LinearHead
from nlptool.training.classifier.choice import TOO_FEW, Choice, Progress, parts
from nlptool.training.classifier.scaling import Scaling

C_VALUES = tuple(10 ** (exponent / 2) for exponent in range(-8, 5))
"""Values that are tried: 0.0001 to 100."""
USUAL_C = C_VALUES[5]
"""0.032, where there are too few examples for a cross-validation: what suited 50 and 100 examples best."""

_LARGE = 1.5e8  # multiplications of a pass over all examples, above which fewer folds are held out than asked for
_READING = 8  # multiplications that take as long as reading a feature, which comes from memory and not from a cache
_EXPONENTIAL = 30  # multiplications that take as long as an exponential
_RISE = 1.01  # of the loss over the least one, at which weaker regularisation is not tried; or two small rises in a row
_ROUGH, _EXACT = 1e-3, 1e-6  # largest component of the gradient: in the cross-validation, in the last fit
_ROUGH_SUM = 1e-2  # of the components of all classes: those of many classes are small
_MOST_STEPS = 2000
_LEAST_PROBABILITY = 1e-15


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """One logistic regression: all classes of a classification, or one label of several, whose classes are 0 and 1."""

    classes: NDArray[np.int64]  # (N,)
    n_classes: int
    weights: NDArray[np.float64]  # (N,) of the examples
    label: int | None = None  # the output that is the probability of class 1; None: each class is an output

    @classmethod
    def of(cls, classes: NDArray[np.int64], n_classes: int, *, label: int | None = None, balance: bool) -> Problem:
        """Make a problem. With ``balance`` the weights of examples are scikit-learn's "balanced" ones: N / (classes * examples of
        the class)."""
        counts = np.bincount(classes, minlength=n_classes)
        weights = np.ones(len(classes))
        if balance:
            weights = (len(classes) / (np.count_nonzero(counts) * np.maximum(1, counts)))[classes]
        return cls(classes, n_classes, weights, label)


def fit(
    scaling: Scaling,
    features: NDArray[np.float32],
    problems: list[Problem],
    strata: NDArray[np.int64],
    *,
    groups: NDArray[np.int64] | None,
    seed: int,
    folds: int,
    progress: Progress,
) -> tuple[LinearHead, Choice]:
    """Train a head for the problems of one task, all with the same C.

    Args:
        strata: (N,), what is spread evenly over the folds.
    """
    n_most = len(C_VALUES) + 1
    of_folds = parts(strata, groups, seed=seed, folds=folds)
    notes = [] if of_folds else [TOO_FEW]
    n_examples, n_features = features.shape
    n_multiplications = n_examples * sum(
        n_features * (problem.n_classes + _READING) + problem.n_classes * _EXPONENTIAL for problem in problems
    )
    of_folds = of_folds[: max(1, round(_LARGE / n_multiplications))]
    trial = _Trial(scaling(features, np.float32), problems, of_folds)
    value, losses, held_out = USUAL_C, dict[float, float](), None
    for number, c in enumerate(C_VALUES if of_folds else ()):
        progress(number, n_most)
        loss, scores = trial.loss(c)
        if loss is None:
            notes.append(
                "no cross-validation: no class has two examples, or one class is left without the held-out ones"
            )
            break
        if loss < min(losses.values(), default=math.inf):
            value, held_out = c, scores
        losses[c] = loss
        if _is_past(list(losses.values())):
            break
    del trial  # its copy of the features
    progress(n_most - 1, n_most)
    coefficients, intercepts, n_unfinished = _last(scaling(features, np.float64), problems, value)
    progress(n_most, n_most)
    if n_unfinished:
        notes.append(f"logistic regressions that did not converge in {_MOST_STEPS:,} steps: {n_unfinished:,}")
    if held_out is not None:
        judged = np.logical_or.reduce(of_folds)
        if n_never := int(np.count_nonzero(np.isnan(held_out[judged]).all(axis=1))):
            notes.append(
                f"examples of classes that have no other ones, which cross-validation does not judge: {n_never:,}"
            )
    n_folds = len(of_folds) if losses else 0
    choice = Choice("C", value, "log loss", losses, n_folds, held_out, tuple(notes))
    return scaling.folded(coefficients, intercepts), choice


def _is_past(losses: list[float]) -> bool:
    """Return whether the least loss was passed, or the fits do not move any more; ``losses`` are in the order of weaker
    regularisation."""
    least = min(losses)
    if len(losses) > 2 and (min(losses[-2:]) > least or losses[-1] == losses[-2]):
        return True
    return losses[-1] > _RISE * least


class _Trial:
    """Fits without each held-out part, judged on that part, for one C after another."""

    def __init__(self, scaled: NDArray[np.float32], problems: list[Problem], of_folds: list[NDArray[np.bool_]]) -> None:
        self._scaled = scaled
        self._problems = problems
        self._n_outputs = problems[0].n_classes if problems[0].label is None else len(problems)
        self._of_folds = of_folds
        self._models = [[_model(min(_ROUGH, _ROUGH_SUM / problem.n_classes)) for problem in problems] for _ in of_folds]

    def loss(self, c: float) -> tuple[float | None, NDArray[np.float32]]:
        """Return the mean log loss of held-out examples, None if none can be judged, and their scores, (N, K).

        An example whose class has no other ones but held-out ones is not judged; its scores are NaN.
        """
        scores = np.full((len(self._scaled), self._n_outputs), np.nan, np.float32)
        sum_of_losses = sum_of_weights = 0.0
        for held_out, models in zip(self._of_folds, self._models, strict=True):
            learned, judged = np.flatnonzero(~held_out), np.flatnonzero(held_out)
            to_learn, to_judge = self._scaled[learned], self._scaled[judged]
            for problem, model in zip(self._problems, models, strict=True):
                counts = np.bincount(problem.classes[learned], minlength=problem.n_classes)
                if np.count_nonzero(counts) < 2:
                    continue
                _fit(model.set_params(C=c), to_learn, problem, learned)
                found = np.zeros((len(judged), problem.n_classes), np.float32)
                found[:, model.classes_] = model.predict_proba(to_judge)
                is_known = counts[problem.classes[judged]] > 0
                rows = judged[is_known]
                found = found[is_known]
                of_truth = found[np.arange(len(rows)), problem.classes[rows]].astype(np.float64)
                sum_of_losses -= float(problem.weights[rows] @ np.log(np.maximum(of_truth, _LEAST_PROBABILITY)))
                sum_of_weights += float(problem.weights[rows].sum())
                if problem.label is None:
                    scores[rows] = found
                else:
                    scores[rows, problem.label] = found[:, 1]
        return sum_of_losses / sum_of_weights if sum_of_weights else None, scores


def _last(
    scaled: NDArray[np.float64], problems: list[Problem], c: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Return the coefficients (K, F) and intercepts (K,) of fits to all examples, and how many did not converge.

    A label that all examples have, or none, gets its share of the examples, with half an example more of each kind.
    """
    coefficients: list[NDArray[np.float64]] = []
    intercepts: list[float] = []
    n_unfinished = 0
    for problem in problems:
        counts = np.bincount(problem.classes, minlength=problem.n_classes)
        if problem.label is None and problem.n_classes == 2:  # softmax of (0, z) is the sigmoid of z
            coefficients.append(np.zeros(scaled.shape[1]))
            intercepts.append(0.0)
        if np.count_nonzero(counts) < 2:
            coefficients.append(np.zeros(scaled.shape[1]))
            intercepts.append(math.log((counts[1] + 0.5) / (counts[0] + 0.5)))
            continue
        model = _fit(_model(_EXACT).set_params(C=c), scaled, problem, slice(None))
        n_unfinished += int(np.max(model.n_iter_) >= _MOST_STEPS)
        coefficients.extend(model.coef_)
        intercepts.extend(model.intercept_)
    return np.array(coefficients), np.array(intercepts), n_unfinished


def _model(tolerance: float) -> LogisticRegression:
    return LogisticRegression(solver="lbfgs", tol=tolerance, max_iter=_MOST_STEPS, warm_start=True)


def _fit(model: LogisticRegression, scaled: NDArray[Any], problem: Problem, rows: NDArray[np.intp] | slice) -> Any:
    """Fit a model to examples; ``scaled`` are the features of ``rows``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the last fit says it
        warnings.simplefilter("ignore", UserWarning)  # more classes than half the examples
        return model.fit(scaled, problem.classes[rows], problem.weights[rows])
