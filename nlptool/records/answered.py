"""Predicted answers beside gold answers: in the same records, or in a file of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nlptool.errors import RecordError
from nlptool.records import squad
from nlptool.records.json_bytes import RESERVED, field_value, listed
from nlptool.records.named_columns import form_with
from nlptool.records.pipe import Pipe
from nlptool.records.predicted_answers import NO_ANSWER, Given, predicted_of, prediction_in, probability_of
from nlptool.records.prediction_names import GOLD as KEPT
from nlptool.records.questions import GOLD, gold_of
from nlptool.records.record import STDIN, Record
from nlptool.records.squad import id_of


@dataclass(slots=True)
class Answered:
    """The gold answers of a file's questions, and the predicted ones.

    Attributes:
        ids: "" where there is none.
        questions: their texts, "" where there is none.
        gold: their texts, () where the gold data say that there is none.
        predicted: the best answer, "" for none, None where there is no prediction.
        no_answer: the probability that there is no answer, None where that is not said.
        version: SQuAD's, as the file says it; "" if it says none.
        n_read: records of the input, questions of SQuAD's JSON.
        models: as records name them.
    """

    name: str
    ids: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    gold: list[tuple[str, ...]] = field(default_factory=list)
    predicted: list[str | None] = field(default_factory=list)
    no_answer: list[float | None] = field(default_factory=list)
    version: str = ""
    n_read: int = 0
    models: set[str] = field(default_factory=set)


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
        name, predicted = prediction_in(values) if given is None else (GOLD, None)
        gold, _ = gold_of(values, name)
        if given is not None:
            answer, probability = given.answers.get(id, (None, None))
        else:
            answer, probability = predicted_of(predicted), probability_of(values.get(NO_ANSWER))
        if id:
            places[id] = record.line
        question = values.get("question")
        found.ids.append(id)
        found.questions.append(question if isinstance(question, str) else "")
        found.gold.append(tuple(each.text for each in gold))
        found.predicted.append(answer)
        found.no_answer.append(probability if no_answer is None else no_answer.get(id))
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


def _models(raw: bytes) -> set[str]:
    """Return the reader that a record names, if it names one."""
    entries = field_value(raw, RESERVED)
    entry = entries.get("answer") if isinstance(entries, dict) else None
    return {str(entry["model"])} if isinstance(entry, dict) and entry.get("model") else set()
