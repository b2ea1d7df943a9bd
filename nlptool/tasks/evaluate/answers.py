"""Predicted answers to questions, judged by their gold answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import RunError
from nlptool.geometry.correlation import round_score
from nlptool.models.readers import metrics
from nlptool.models.readers.metrics import Scores
from nlptool.records import answered
from nlptool.records.answered import Answered
from nlptool.records.pipe import Pipe
from nlptool.records.predicted_answers import Given

_SHOWN = 3  # ids in a message
_MOST_SAMPLED = 1000  # questions that show the script


def read(pipe: Pipe, given: Given | None, no_answer: Mapping[str, float] | None) -> list[Answered]:
    """Return the questions of each file of the input that has some, with their predicted answers.

    Args:
        given: predictions of another file; None: the records hold them.
        no_answer: probabilities that there is no answer, by id; None: the records hold them, if there are any.

    Raises:
        RunError: there are none, or no prediction has the id of a question.
    """
    files = [answered.read(pipe, path, given, no_answer) for path in pipe.files or ("-",)]
    files = [file for file in files if file.gold]
    if not files and not pipe.tally.input_failed:
        hint = "SQuAD's JSON with --predicted FILE, or records with gold answers and predicted ones"
        raise RunError("there are no questions to evaluate", hint=hint)
    ids = {id for file in files for id in file.ids}
    if no_answer is not None and files and not ids & no_answer.keys():
        raise RunError("no probability that there is no answer (--na-prob) has the id of a question")
    if given is not None and files:
        unused = [id for id in given.answers if id not in ids]
        if len(unused) == len(given.answers):
            shown = ", ".join(f"`{id[:40]}`" for id in unused[:_SHOWN])
            raise RunError(f"{given.name}: no prediction has the id of a question: {shown}")
        if unused:
            pipe.note(f"{given.name}: predictions for ids that no question has, which are left out: {len(unused):,}")
    return files


@dataclass(frozen=True, slots=True)
class Rules:
    """How answers are judged.

    Attributes:
        metric: one of ``metrics.METRICS``; None: that of the data set that a file looks like, which is said.
        threshold: probability of there being no answer, above which an answer does not count.
        resamples: of the bootstrap, for the intervals; 0: none.
        order: ids, in the order in which questions with the same probability are taken; (): as they stand.
    """

    metric: str | None = None
    threshold: float = metrics.THRESHOLD
    resamples: int = 1000
    seed: int = 1
    order: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """The scores of a file's answers: the record that is written, and those of each question, with the threshold."""

    file: Answered
    record: dict[str, Any]
    scores: Scores


def evaluate(pipe: Pipe, files: Iterable[Answered], rules: Rules) -> list[Judged]:
    """Return the scores of each file's answers.

    Raises:
        RunError: the metric knows no questions without an answer, and there are some.
    """
    return [_judged(pipe, file, rules.metric or _metric_of(pipe, file), rules) for file in files]


def details(judged: Judged) -> Iterator[dict[str, Any]]:
    """Yield a record for each question: its id, its text, its gold answers, the predicted one, and the scores of that."""
    file, scores = judged.file, judged.scores
    for place, answer in enumerate(file.predicted):
        number = file.no_answer[place]
        yield {
            "file": file.name,
            **({"id": file.ids[place]} if file.ids[place] else {}),
            "question": file.questions[place],
            "gold": file.gold[place],
            "predicted": answer,
            **({} if number is None else {"no_answer": number}),
            "exact": int(scores.exact[place]),
            "f1": round_score(float(scores.f1[place])),
        }


def _judged(pipe: Pipe, file: Answered, metric: str, rules: Rules) -> Judged:
    n_impossible = sum(not texts for texts in file.gold)
    if metric == "squad" and n_impossible:
        message = f"{file.name}: SQuAD 1.1 knows no questions without an answer, and there are {n_impossible:,}"
        raise RunError(message, hint="--metric squad2, or jsquad for characters")
    n_without = sum(text is None for text in file.predicted)
    if n_without:
        pipe.note(f"{file.name}: questions without a prediction, which count as wrong: {n_without:,}")
    raw = metrics.scores(file.predicted, file.gold, metric)
    no_answer = _no_answer(pipe, file)
    found = raw if no_answer is None else raw.with_threshold(no_answer, rules.threshold)
    record: dict[str, Any] = {
        "file": file.name,
        "records": file.n_read,
        "questions": len(file.gold),
        "skipped": file.n_read - len(file.gold),
        "without_prediction": n_without,
        "metric": metric,
    }
    intervals = found.intervals(resamples=rules.resamples, seed=rules.seed)
    for name, value in found.means().items():
        if name in ("has_answer_exact", "no_answer_exact"):
            part = name.removesuffix("_exact")
            record[part] = n_impossible if part == "no_answer" else len(file.gold) - n_impossible
        record[name] = round_score(value)
        if interval := intervals[name]:
            record[f"{name}_interval"] = [round_score(end) for end in interval]
    if no_answer is not None:
        record |= {"threshold": rules.threshold, **_best(file, raw, no_answer, rules.order)}
    model = next(iter(file.models)) if len(file.models) == 1 else None
    return Judged(file, {**record, "model": model, "bootstrap": rules.resamples, "seed": rules.seed}, found)


def _best(file: Answered, raw: Scores, no_answer: NDArray[np.float64], ids: Iterable[str]) -> dict[str, float | None]:
    """Return the best scores that a threshold can give, and the thresholds."""
    ranks = {id: rank for rank, id in enumerate(ids)}
    order = np.array([ranks[id] for id in file.ids]) if ranks else None
    result: dict[str, float | None] = {}
    for name, values in (("exact", raw.exact), ("f1", raw.f1)):
        best, threshold = metrics.best_threshold(values, raw, no_answer, order)
        result |= {f"best_{name}": round_score(best), f"best_{name}_threshold": threshold}
    return result


def _no_answer(pipe: Pipe, file: Answered) -> NDArray[np.float64] | None:
    """Return the probabilities that there is no answer, (N,); None if there are none, or not of every question."""
    known = [number for number in file.no_answer if number is not None]
    if known and len(known) < len(file.no_answer):
        n_without = len(file.no_answer) - len(known)
        pipe.note(
            f"{file.name}: questions without a probability that there is no answer: {n_without:,}; no threshold is used"
        )
        return None
    return np.array(known) if known else None


def _metric_of(pipe: Pipe, file: Answered) -> str:
    """Return the metric of the data set that a file looks like, and say it."""
    sample = [*file.questions[:_MOST_SAMPLED], *(text for texts in file.gold[:_MOST_SAMPLED] for text in texts)]
    metric, reason = metrics.metric_for(sample, all_have_answers=all(file.gold), version=file.version)
    pipe.note(f"{file.name}: --metric {metric}: {reason}")
    return metric
