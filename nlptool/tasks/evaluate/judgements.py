"""The scores of predictions: of classes, of several labels, of numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import RunError
from nlptool.geometry.correlation import Interval, round_score
from nlptool.models.classifiers import counts, metrics
from nlptool.models.classifiers.metrics import Probabilities
from nlptool.records.cells import is_number
from nlptool.records.labels import Label, as_set, class_name, shortened
from nlptool.records.pipe import Pipe
from nlptool.records.predictions import Predictions
from nlptool.tasks.evaluate.confusions import Confusions

_MOST_NAMED = 5  # labels in a note
_WHOLE = 1e-3  # by which probabilities of all classes may differ from 1


@dataclass(frozen=True, slots=True)
class Judgement:
    """The scores of a file's predictions.

    Attributes:
        record: what is written.
        confused: the classes behind them; None if there are several labels, or numbers.
    """

    record: dict[str, Any]
    confused: Confusions | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """How predictions are judged: the positive class, if it was named, and the resamples of the bootstrap and their seed."""

    positive: str | None
    resamples: int
    seed: int


def of_classes(pipe: Pipe, file: Predictions, rules: Rules) -> Judgement:
    """Judge predictions of one class for each text.

    Raises:
        RunError: a label is a list, or the positive class is none of them.
    """
    n_lists = sum(isinstance(label, tuple) for label in (*file.gold, *file.predicted))
    if n_lists:
        message = f"{file.name}: a classification has one class for each text, and {n_lists:,} labels are lists"
        raise RunError(message, hint="--kind multilabel")
    spelled = _spelling([*file.gold, *file.predicted])
    gold_names, predicted_names = ([spelled(label) for label in side] for side in (file.gold, file.predicted))
    labels = _ordered({*gold_names, *predicted_names})
    places = {label: place for place, label in enumerate(labels)}
    gold, predicted = (np.array([places[name] for name in side]) for side in (gold_names, predicted_names))
    positive = _positive(file, labels, rules.positive, spelled)
    probabilities = _probabilities(pipe, file, gold_names, predicted_names, spelled)
    found = counts.count(gold, predicted, len(labels))
    result: dict[str, Any] = {
        "used": len(gold),
        "classes": len(labels),
        "majority": round_score(float(found.gold.max() / len(gold))),
        **_scores(
            "classification",
            gold,
            predicted,
            rules,
            probabilities=probabilities,
            positive=None if positive is None else places.get(positive, len(labels)),
        ),
        **({} if positive is None else {"positive": positive}),
        **seldom(pipe, file.name, labels, found),
        "per_class": per_class(labels, found),
    }
    if not found.right.any() and not {*gold_names} & {*predicted_names}:
        message = "no prediction is one of the gold labels: --label and --predicted name the fields"
        pipe.note(f"{file.name}: {message}")
    elif np.count_nonzero(found.gold) == 1:
        pipe.note(f"{file.name}: all gold labels are `{shortened(gold_names[0])}`, so that Matthews' correlation is 0")
    confused = Confusions(labels, gold, predicted)
    return Judgement(result | confused.fields(), confused)


def of_labels(pipe: Pipe, file: Predictions, rules: Rules) -> Judgement:
    """Judge predictions of any number of labels for each text.

    Raises:
        RunError: there is no label.
    """
    spelled = _spelling([name for label in (*file.gold, *file.predicted) for name in as_set(label)])
    sides = [[{spelled(name) for name in as_set(label)} for label in side] for side in (file.gold, file.predicted)]
    labels = _ordered({name for side in sides for names in side for name in names})
    if not labels:
        raise RunError(f"{file.name}: no record has a label: all lists are empty")
    places = {label: place for place, label in enumerate(labels)}
    gold, predicted = (np.zeros((len(side), len(labels)), bool) for side in sides)
    for side, matrix in zip(sides, (gold, predicted), strict=True):
        for row, names in enumerate(side):
            matrix[row, [places[name] for name in names]] = True
    found = counts.count(gold, predicted)
    result = {
        "used": len(gold),
        "classes": len(labels),
        **_scores("multilabel", gold, predicted, rules),
        **seldom(pipe, file.name, labels, found),
        "per_class": per_class(labels, found),
    }
    return Judgement(result)


def of_numbers(pipe: Pipe, file: Predictions, rules: Rules) -> Judgement:
    """Judge predictions of a number for each text. A record with a label that is none fails, and counts in ``pipe``.

    Raises:
        RunError: no record has two numbers.
    """
    is_usable = [
        is_number(gold) and is_number(predicted) for gold, predicted in zip(file.gold, file.predicted, strict=True)
    ]
    if n_others := len(is_usable) - sum(is_usable):
        first = is_usable.index(False)
        what, label = next(
            (what, side[first])
            for what, side in (("gold label", file.gold), ("prediction", file.predicted))
            if not is_number(side[first])
        )
        message = f"the {what} `{shortened(label)}` is no number"
        if n_others == len(is_usable):
            raise RunError(f"{file.name}: a regression needs numbers: {message}", hint="--kind classification")
        pipe.note(f"{file.name}:{file.lines[first]}: {message}; records left out because of that: {n_others:,}")
        pipe.tally.n_failed += n_others
    gold, predicted = (
        np.array([float(label) for label, used in zip(side, is_usable, strict=True) if used])  # type: ignore[arg-type]
        for side in (file.gold, file.predicted)
    )
    scores = _scores("regression", gold, predicted, rules)
    if scores["pearson"] is None:
        reason = (
            "one record"
            if len(gold) == 1
            else f"all {'gold labels' if np.ptp(gold) == 0 else 'predictions'} are the same"
        )
        pipe.note(f"{file.name}: there is no correlation: {reason}")
    return Judgement({"used": len(gold), **scores})


def _scores(
    kind: str,
    gold: NDArray[Any],
    predicted: NDArray[Any],
    rules: Rules,
    *,
    probabilities: Probabilities | None = None,
    positive: int | None = None,
) -> dict[str, Any]:
    """Return the metrics, each followed by its interval if it has one."""
    scores = metrics.scores(kind, gold, predicted, probabilities, positive=positive)
    intervals = metrics.intervals(
        kind, gold, predicted, probabilities, positive=positive, resamples=rules.resamples, seed=rules.seed
    )
    return rounded(scores, intervals)


def rounded(scores: Mapping[str, float | None], intervals: Mapping[str, Interval | None]) -> dict[str, Any]:
    """Return metrics as the fields of a record, each followed by its interval if it has one."""
    result: dict[str, Any] = {}
    for name, value in scores.items():
        result[name] = round_score(value)
        if name in intervals:
            interval = intervals[name]
            result[f"{name}_interval"] = interval and [round_score(end) for end in interval]
    return result


def _probabilities(
    pipe: Pipe,
    file: Predictions,
    gold: Sequence[str],
    predicted: Sequence[str],
    spelled: Callable[[Label], str],
) -> Probabilities | None:
    """Return the probabilities of the gold and of the predicted classes, as far as all records say them."""
    sides: list[list[float | None]] = [[], []]
    n_unknown = 0
    for found, *names in zip(file.probabilities, gold, predicted, strict=True):
        known = {spelled(label): value for label, value in (found or {}).items()}
        is_whole = abs(sum(known.values()) - 1) < _WHOLE
        n_unknown += is_whole and names[0] not in known
        for side, name in zip(sides, names, strict=True):
            side.append(known.get(name, 0.0 if is_whole else None))
    if not any(value is not None for side in sides for value in side):
        return None
    if n_unknown and None not in sides[0]:
        pipe.note(f"{file.name}: gold labels without a probability, which counts as 1.2e-7 in log loss: {n_unknown:,}")
    arrays = []
    for side, what in zip(sides, ("log loss", "calibration error"), strict=True):
        n_without = side.count(None)
        if n_without:
            which = "gold class" if what == "log loss" else "predicted class"
            pipe.note(
                f"{file.name}: there is no {what}: records without the probability of the {which}: {n_without:,} of "
                f"{len(side):,} (classify without -k writes all)"
            )
        arrays.append(None if n_without else np.array(side, np.float64))
    return Probabilities(*arrays)


def _positive(
    file: Predictions, labels: Sequence[str], named: str | None, spelled: Callable[[Label], str]
) -> str | None:
    """Return the class of which F1 is that; None if there is none.

    Args:
        labels: that occur; there may be others, to which the model gives probabilities.
        named: what the user says.

    Raises:
        RunError: there is no such class.
    """
    known = _ordered({*labels, *(spelled(label) for each in file.probabilities for label in each or ())})
    if named is None:
        place = metrics.positive_class(known)
        return None if place is None else known[place]
    if spelled(named) not in known:
        raise RunError(f"{file.name}: there is no class `{named}`", hint=f"there are {_some(known)}")
    return spelled(named)


def seldom(pipe: Pipe, name: str, labels: Sequence[str], found: counts.Counts) -> dict[str, int]:
    """Count the labels that are never predicted and those that are never gold, and say which."""
    result = {}
    for field, occurrences, what in (
        ("never_predicted", found.predicted, "gold labels that are never predicted"),
        ("never_gold", found.gold, "predicted labels that are never gold"),
    ):
        absent = [label for label, occurs in zip(labels, occurrences, strict=True) if not occurs]
        result[field] = len(absent)
        if absent:
            pipe.note(f"{name}: {what}: {len(absent):,}: {_some(absent)}")
    return result


def per_class(labels: Sequence[str], found: counts.Counts) -> dict[str, dict[str, Any]]:
    """Return the scores of each class."""
    columns = zip(labels, found.precision, found.recall, found.f1, found.gold, found.predicted, strict=True)
    return {
        label: {
            "precision": round_score(float(precision)),
            "recall": round_score(float(recall)),
            "f1": round_score(float(f1)),
            "n": int(n_gold),
            "predicted": int(n_predicted),
        }
        for label, precision, recall, f1, n_gold, n_predicted in columns
    }


def _spelling(labels: Sequence[Label]) -> Callable[[Label], str]:
    """Return a function from a label to the name of its class: where all are numbers, 1 and 1.0 are the same."""

    def name(label: Label) -> str:
        return label if isinstance(label, str) else class_name(label) if isinstance(label, float) else str(label)

    if not all(map(is_number, set(labels))):
        return name
    return lambda label: re.sub(r"(?<=\d)\.0+\Z", "", name(label))


def _ordered(names: Iterable[str]) -> tuple[str, ...]:
    """Return names in order; numbers by their size."""
    names = sorted(names)
    return tuple(sorted(names, key=float) if all(map(is_number, names)) else names)


def _some(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - _MOST_NAMED:,} more" if len(labels) > _MOST_NAMED else ""
    return ", ".join(f"`{shortened(label)}`" for label in labels[:_MOST_NAMED]) + more
