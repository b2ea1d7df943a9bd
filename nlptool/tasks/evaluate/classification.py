"""Predictions of classes, of several labels, or of numbers, judged by their gold labels."""

from __future__ import annotations

from collections.abc import Iterable

from nlptool.errors import RunError
from nlptool.records import predictions as prediction_files
from nlptool.records.cells import is_number
from nlptool.records.labels import kind_of
from nlptool.records.pipe import Pipe
from nlptool.records.prediction_names import Search
from nlptool.records.predictions import Predictions
from nlptool.tasks.evaluate import judgements
from nlptool.tasks.evaluate.judgements import Judgement, Rules

_JUDGES = {
    "classification": judgements.of_classes,
    "multilabel": judgements.of_labels,
    "regression": judgements.of_numbers,
}
KINDS = tuple(_JUDGES)


def read(pipe: Pipe, search: Search) -> list[Predictions]:
    """Return the predictions of each file of the input that has some.

    Raises:
        RunError: there are none.
    """
    files = [prediction_files.read(pipe, path, search) for path in pipe.files or ("-",)]
    files = [file for file in files if file.gold]
    if not files and not pipe.tally.input_failed:
        hint = "a JSON object with a gold label and its prediction a line, or the two with a tab between them"
        raise RunError("there are no predictions to evaluate", hint=hint)
    return files


def evaluate(
    pipe: Pipe,
    files: Iterable[Predictions],
    *,
    kind: str | None = None,
    positive: str | None = None,
    resamples: int = 1000,
    seed: int = 1,
) -> list[Judgement]:
    """Return the scores of each file.

    Args:
        kind: classification, multilabel or regression; None: as the labels say.
        positive: the class of which F1 is that; None: see ``metrics.positive_class``.
        resamples: of the bootstrap, for the intervals; 0: none.

    Raises:
        RunError: the labels of a file are not of this kind.
    """
    found = []
    for file in files:
        of_file = kind or _kind(file)
        judgement = _JUDGES[of_file](pipe, file, Rules(positive, resamples, seed))
        n_used = judgement.record.pop("used")
        head = {
            "file": file.name,
            "records": file.n_read,
            "used": n_used,
            "skipped": file.n_read - n_used,
            "without_gold": file.n_without_gold,
            "without_prediction": file.n_without_prediction,
            "kind": of_file,
        }
        made_by = {"model": _only(file.models), "task": _only(file.tasks), "bootstrap": resamples, "seed": seed}
        found.append(Judgement({**head, **judgement.record, **made_by}, judgement.confused))
    return found


def _kind(file: Predictions) -> str:
    """Return the kind of a file's predictions: of what a classifier says, else of the labels."""
    if file.output in ("labels", "value"):
        return {"labels": "multilabel", "value": "regression"}[file.output]
    of_gold, of_predicted = kind_of(file.gold)[0], kind_of(file.predicted)[0]
    if "multilabel" in (of_gold, of_predicted):
        return "multilabel"
    if any(each is not None for each in file.probabilities):
        return "classification"
    if of_predicted == "regression" or (of_gold == "regression" and all(map(is_number, file.predicted))):
        return "regression"
    return "classification"


def _only(names: set[str]) -> str | None:
    return next(iter(names)) if len(names) == 1 else None
