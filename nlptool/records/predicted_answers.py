"""Predicted answers: in a record, or by the ids of questions in a file of their own.

A record of predictions is that of ``nlptool answer``: ``answers``, the best first, and the gold answers that were there before in
``gold``; or it has a field ``prediction``. A file of predictions is that of SQuAD's scripts, one object with the answer to each
id, or holds records with an id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from nlptool.errors import RecordError, RunError
from nlptool.records.cells import is_number
from nlptool.records.json_bytes import RESERVED, fields, first_of, listed, type_of
from nlptool.records.named_columns import form_with, unpacked
from nlptool.records.pairs import taken
from nlptool.records.pipe import Pipe
from nlptool.records.prediction_names import GOLD as KEPT
from nlptool.records.prediction_names import PREDICTIONS
from nlptool.records.questions import GOLD
from nlptool.records.record import InputFormat, Record, lone_surrogate
from nlptool.records.squad import IDS, id_of
from nlptool.text.scripts import LONE_SURROGATE

NO_ANSWER = "no_answer"
"""What the probability that there is no answer is called in a record."""

_NAMES = (*PREDICTIONS, "predicted_answer", "prediction_text")


@dataclass(frozen=True, slots=True)
class Given:
    """Predictions by the ids of questions: answers, and probabilities that there is no answer, None where that is not said."""

    name: str
    answers: Mapping[str, tuple[str, float | None]]


def read_predictions(pipe: Pipe, path: str) -> Given:
    """Read a file of predictions: an object with an answer for each id, or records with an id and an answer.

    Raises:
        RunError: there are none.
    """
    answers: dict[str, tuple[str, float | None]] = {}

    def take(values: Mapping[str, Any]) -> None:
        if not _is_prediction(values):
            answers.update(
                {id: (answer, None) for id, value in values.items() if (answer := predicted_of(value)) is not None}
            )
            return
        answer = predicted_of(prediction_in(values, needs_gold=False)[1])
        if answer is not None:
            answers[id_of(values)] = answer, probability_of(values.get(NO_ANSWER))

    _objects(pipe, path, take)
    if not answers:
        hint = '{"id": "answer", ...}, or a record with `id` and `answers` a line'
        raise RunError(f"{path}: there are no predictions", hint="" if pipe.tally.input_failed else hint)
    return Given(path, answers)


def read_probabilities(pipe: Pipe, path: str) -> dict[str, float]:
    """Read the probabilities that there is no answer: an object with a number for each id.

    Raises:
        RunError: there are none.
    """
    found: dict[str, float] = {}

    def take(values: Mapping[str, Any]) -> None:
        found.update({id: number for id, value in values.items() if (number := probability_of(value, id)) is not None})

    _objects(pipe, path, take)
    if not found:
        raise RunError(
            f"{path}: there are no probabilities", hint="" if pipe.tally.input_failed else '{"id": 0.5, ...}'
        )
    return found


def predicted_of(value: Any) -> str | None:
    """Return the text of a prediction: a text, an object with one, or the first of a list; "" of an empty list, None of null.

    Raises:
        RecordError: it is something else.
    """
    if isinstance(value, list):
        value = value[0] if value else ""
    if isinstance(value, dict):
        if "text" not in value:
            raise RecordError("MissingField", f"a predicted answer has no `text`; its fields: {listed(value)}")
        value = "" if value["text"] is None else value["text"]
    if isinstance(value, str) and (lone := LONE_SURROGATE.search(value)):
        raise lone_surrogate(lone)
    if value is None or isinstance(value, str):
        return value
    raise RecordError("NotText", f"a predicted answer is {type_of(value)}, not a text")


def _objects(pipe: Pipe, path: str, take: Callable[[Mapping[str, Any]], None]) -> None:
    """Give the objects of a file to ``take``."""
    with pipe.beside(path) as beside:
        beside.form = form_with(
            InputFormat(encoding=pipe.form.encoding), lambda names: bool({*IDS} & {*names}), "the ids"
        )
        beside.separator = b"\n"
        beside.hide_bar()
        beside.consume(taken(beside.read(), lambda record: take(_object(record))))


def _object(record: Record) -> dict[str, Any]:
    if record.raw is None:
        raise RecordError("NotAnObject", "this is no JSON object", hint='{"id": "answer", ...}')
    values = fields(record.raw)
    values.pop(RESERVED, None)
    return values


def _is_prediction(values: Mapping[str, Any]) -> bool:
    """Return whether an object is a record with one prediction, and none of all predictions by their ids."""
    return bool(id_of(values)) and any(name in values for name in (GOLD, *_NAMES))


def prediction_in(values: Mapping[str, Any], *, needs_gold: bool = True) -> tuple[str, Any]:
    """Return what the gold answers of a record are called, and its prediction.

    Raises:
        RecordError: there is none.
    """
    name = first_of(_NAMES, values)
    if name is not None:
        return KEPT if KEPT in values else GOLD, values[name]
    if GOLD in values and (KEPT in values or not needs_gold):
        return KEPT, unpacked(values[GOLD])
    message = f"the record has no predicted answer; its fields: {listed(values)}"
    hint = f"--predicted FILE holds them; or they are in `{GOLD}` and the gold answers in `{KEPT}`, or in `{_NAMES[0]}`"
    raise RecordError("NoPrediction", message, hint=hint)


def probability_of(value: Any, id: str = "") -> float | None:
    """Return the number that says whether there is rather no answer, None of null.

    Raises:
        RecordError: it is something else.
    """
    if value is None or value == "":
        return None
    if not is_number(value):
        of = f" of `{id[:40]}`" if id else ""
        raise RecordError("NotANumber", f"the probability that there is no answer{of} is no number: {value!r:.40}")
    return float(value)
