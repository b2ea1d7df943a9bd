"""Predictions beside gold labels: records that hold what a text is and what a classifier takes it for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nlptool.errors import RecordError, RunError
from nlptool.records.json_bytes import RESERVED, fields, find, path_of
from nlptool.records.labels import Label, label_of
from nlptool.records.named_columns import unpacked
from nlptool.records.pipe import Pipe
from nlptool.records.prediction_names import OUTPUTS, PROBABILITIES, Names, Search
from nlptool.records.record import STDIN, Record


@dataclass(slots=True)
class Predictions:
    """The predictions of a file, with their gold labels."""

    name: str
    gold: list[Label] = field(default_factory=list)
    predicted: list[Label] = field(default_factory=list)
    probabilities: list[Mapping[str, float] | None] = field(
        default_factory=list
    )  # of labels, as many as the record has
    lines: list[int] = field(default_factory=list)  # where each stands
    output: str = ""  # one of ``OUTPUTS`` if the prediction is called so
    n_read: int = 0  # records
    n_without_gold: int = 0
    n_without_prediction: int = 0
    models: set[str] = field(default_factory=set)  # as records name them
    tasks: set[str] = field(default_factory=set)


def read(pipe: Pipe, path: str, search: Search) -> Predictions:
    """Read the predictions of a file; what its first record with both calls them, the others call them too, and it is said.

    A record without a gold label or without a prediction is left out and counted. One in which they are something else fails, and
    counts in ``pipe``.

    Raises:
        RunError: no record has both.
    """
    found = Predictions(STDIN if path == "-" else path)
    with pipe.beside(path) as beside, beside.bar:
        beside.form = search.form(pipe.form)
        reader = _Reader(found, search)
        beside.consume(reader.taken(beside.read()))
        found.n_read = beside.tally.n_read
    names = reader.names
    if names is not None and not names.are_plain and search != Search(names.gold, names.predicted):
        pipe.note(f"{found.name} is read with {names.options}")
    if not found.gold and reader.reason is not None:
        raise RunError(f"{found.name}: {reader.reason.message}", hint=reader.reason.hint)
    for n_without, what in ((found.n_without_gold, "gold label"), (found.n_without_prediction, "prediction")):
        if n_without:
            pipe.note(f"{found.name}: records without a {what}, which are left out: {n_without:,} of {found.n_read:,}")
    return found


class _Reader:
    """Adds the labels of records to predictions.

    Attributes:
        names: of the labels, when a record has had both.
        reason: why a record without them has none.
    """

    def __init__(self, found: Predictions, search: Search) -> None:
        self.names: Names | None = None
        self.reason: RecordError | None = None
        self._found = found
        self._search = search

    def taken(self, lists: Iterable[list[Record]]) -> Iterable[list[Record]]:
        """Add the labels of records, and pass the records on."""
        for records in lists:
            for record in records:
                if record.pending and (record.raw is not None or record.text.strip(" \r\n")):
                    try:
                        self._take(record)
                    except RecordError as error:
                        record.fail(error)
            yield records

    def _take(self, record: Record) -> None:
        cells = {str(number): cell for number, cell in enumerate(record.text.split("\t"), 1)}
        values = cells if record.raw is None else fields(record.raw)
        if record.raw is None and len(cells) == 1:
            message = "a line is a gold label and a prediction with a tab between them, this one has none"
            raise RecordError("MissingField", message)
        names = self.names
        if names is None:
            try:
                names = self._search.names(values)
            except RecordError as error:
                self.reason = self.reason or error
                self._found.n_without_prediction += error.type == "NoPrediction"
                self._found.n_without_gold += error.type == "NoGold"
                return
        gold, predicted = _value(values, names.gold), _value(values, names.predicted)
        if gold is None or predicted is None:
            self._found.n_without_gold += gold is None
            self._found.n_without_prediction += gold is not None
            return
        labels = label_of(gold), label_of(predicted)
        is_output = names.predicted in OUTPUTS
        probabilities = _probabilities(_value(values, PROBABILITIES)) if is_output else None
        if self.names is None:
            self.names = names
            self._found.output = names.predicted if is_output else ""
        self._found.gold.append(labels[0])
        self._found.predicted.append(labels[1])
        self._found.probabilities.append(probabilities)
        self._found.lines.append(record.line)
        entries = values.get(RESERVED)
        entry = entries.get("classify") if isinstance(entries, dict) else None
        if isinstance(entry, dict) and is_output:
            self._found.models |= {str(entry["model"])} if entry.get("model") else set()
            self._found.tasks |= {str(entry["task"])} if entry.get("task") else set()


def _value(values: Mapping[str, Any], name: str) -> Any:
    """Return the value of a field, of a cell with JSON in it what it holds; None if there is none, or it is empty."""
    try:
        value = unpacked(find(values, path_of(name)))
    except KeyError:
        return None
    return None if isinstance(value, str) and not value.strip() else value


def _probabilities(value: Any) -> Mapping[str, float] | None:
    """Return the probabilities of labels that a record has.

    Raises:
        RecordError: they are something else.
    """
    if value is None:
        return None
    is_right = isinstance(value, dict) and all(
        isinstance(each, int | float) and not isinstance(each, bool) and 0 <= each <= 1.0001 for each in value.values()
    )
    if not is_right:
        message = f"`{PROBABILITIES}` is no object of labels and their probabilities, 0 to 1"
        raise RecordError("NoProbabilities", message)
    return {str(label): float(each) for label, each in value.items()}
