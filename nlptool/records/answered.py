"""Predicted answers beside gold answers: in the same records, or in a file of their own.

Records of predictions are those of ``nlptool answer``: ``answers``, the best first, and the gold answers that were there before
in ``gold``; or gold answers and a field ``prediction``. A file of predictions is that of SQuAD's scripts, one object with the
answer to each id, or holds records with an id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nlptool.errors import RecordError, RunError
from nlptool.records import squad
from nlptool.records.cells import is_number
from nlptool.records.json_bytes import RESERVED, field_value, fields, listed, type_of
from nlptool.records.named_columns import form_with, unpacked
from nlptool.records.pairs import taken
from nlptool.records.pipe import Pipe
from nlptool.records.prediction_names import GOLD as KEPT
from nlptool.records.prediction_names import PREDICTIONS
from nlptool.records.questions import GOLD, gold_of
from nlptool.records.record import STDIN, InputFormat, Record
from nlptool.records.squad import IDS, id_of

NO_ANSWER = "no_answer"
"""What the probability that there is no answer is called in a record."""

_NAMES = (*PREDICTIONS, "predicted_answer", "prediction_text")
_MOST_SAMPLED = 2000  # texts that show the script


@dataclass(slots=True)
class Answered:
    """The gold answers of a file's questions, and the predicted ones.

    Attributes:
        ids: "" where there is none.
        gold: their texts, () where the gold data say that there is none.
        predicted: the best answer, "" for none, None where there is no prediction.
        no_answer: the probability that there is no answer, None where that is not said.
        texts: questions and gold answers, some of them, which show the script.
        version: SQuAD's, as the file says it; "" if it says none.
        n_read: records of the input, questions of SQuAD's JSON.
        models: as records name them.
    """

    name: str
    ids: list[str] = field(default_factory=list)
    gold: list[tuple[str, ...]] = field(default_factory=list)
    predicted: list[str | None] = field(default_factory=list)
    no_answer: list[float | None] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    version: str = ""
    n_read: int = 0
    models: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Given:
    """Predictions by the ids of questions: answers, and probabilities that there is no answer, None where that is not said."""

    name: str
    answers: Mapping[str, tuple[str, float | None]]


def read(pipe: Pipe, path: str, given: Given | None = None, no_answer: Mapping[str, float] | None = None) -> Answered:
    """Read the questions of a file with their gold answers and their predicted ones. A record that is no question fails.

    Args:
        given: predictions of another file; else the records hold them.
        no_answer: probabilities that there is no answer, by id; else the records or ``given`` hold them.
    """
    found = Answered(STDIN if path == "-" else path)
    places: dict[str, int] = {}  # ids -> the lines where they stood first

    def on_file(source: str, version: Any) -> None:
        found.version = str(version) if version else ""

    def take(record: Record, values: squad.Values) -> None:
        if not values:
            message = "a question is an object, or SQuAD's JSON, with gold answers"
            raise RecordError("NotAQuestion", message)
        id = id_of(values)
        if id in places:
            raise RecordError("DuplicateId", f"its id stands at line {places[id]} already")
        if not id and (given is not None or no_answer is not None):
            raise RecordError("NoId", f"the question has no id; its fields: {listed(values)}")
        name, predicted = _prediction(values) if given is None else (GOLD, None)
        gold, _ = gold_of(values, name)
        if given is not None:
            answer, probability = given.answers.get(id, (None, None))
        else:
            answer, probability = predicted_of(predicted), _probability(values.get(NO_ANSWER))
        if id:
            places[id] = record.line
        found.ids.append(id)
        found.gold.append(tuple(each.text for each in gold))
        found.predicted.append(answer)
        found.no_answer.append(probability if no_answer is None else no_answer.get(id))
        if len(found.texts) < _MOST_SAMPLED:
            found.texts += [str(values.get("question", "")), *found.gold[-1]]
        if record.raw is not None:
            found.models |= _models(record.raw)

    with pipe.beside(path) as beside, beside.bar:
        beside.form = form_with(pipe.form, lambda names: bool({GOLD, KEPT} & {*names}), "gold answers")

        def on_more(n_more: int) -> None:
            beside.tally.n_read += n_more

        pairs = squad.questions(beside.read(), on_more=on_more, on_file=on_file)
        beside.consume(squad.taken(pairs, take))
        found.n_read = beside.tally.n_read
    return found


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
        answer = predicted_of(_prediction(values, needs_gold=False)[1])
        if answer is not None:
            answers[id_of(values)] = answer, _probability(values.get(NO_ANSWER))

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
        found.update({id: number for id, value in values.items() if (number := _probability(value, id)) is not None})

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


def _prediction(values: Mapping[str, Any], *, needs_gold: bool = True) -> tuple[str, Any]:
    """Return what the gold answers of a record are called, and its prediction.

    Raises:
        RecordError: there is none.
    """
    name = next((name for name in _NAMES if name in values), None)
    if name is not None:
        return KEPT if KEPT in values else GOLD, values[name]
    if GOLD in values and (KEPT in values or not needs_gold):
        return KEPT, unpacked(values[GOLD])
    message = f"the record has no predicted answer; its fields: {listed(values)}"
    hint = f"--predicted FILE holds them; or they are in `{GOLD}` and the gold answers in `{KEPT}`, or in `{_NAMES[0]}`"
    raise RecordError("NoPrediction", message, hint=hint)


def _probability(value: Any, id: str = "") -> float | None:
    if value is None or value == "":
        return None
    if not is_number(value):
        of = f" of `{id[:40]}`" if id else ""
        raise RecordError("NotANumber", f"the probability that there is no answer{of} is no number: {value!r:.40}")
    return float(value)


def _models(raw: bytes) -> set[str]:
    """Return the reader that a record names, if it names one."""
    entries = field_value(raw, RESERVED)
    entry = entries.get("answer") if isinstance(entries, dict) else None
    return {str(entry["model"])} if isinstance(entry, dict) and entry.get("model") else set()
