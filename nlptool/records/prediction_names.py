"""What gold labels and predictions are called: fields of a record, or columns of a table."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from nlptool.errors import RecordError, RunError, WrongUsage
from nlptool.records.cells import without_quotes
from nlptool.records.json_bytes import RESERVED, find, listed, path_of
from nlptool.records.known_columns import LABELS
from nlptool.records.record import InputFormat, Table

PREDICTIONS = ("prediction", "predicted", "predicted_label", "predictions", "predicted_labels")
"""Names of a prediction."""

OUTPUTS = ("label", "labels", "value")
"""What ``nlptool classify`` calls its prediction: a class, several labels, or a number."""

GOLD = "gold"
"""What ``nlptool classify`` calls a label that a record had before."""

PROBABILITIES = "probabilities"
"""What it calls the probabilities of labels."""

_COLUMNS = ("1", "2")  # of a line with tabs: the gold label and the prediction


@dataclass(frozen=True, slots=True)
class Names:
    """What the gold label and the prediction of a record are called: fields, JSON Pointers, or columns, by name or number."""

    gold: str
    predicted: str

    @property
    def options(self) -> str:
        """The options of the command line that say the same."""
        return f"--label {shlex.quote(self.gold)} --predicted {shlex.quote(self.predicted)}"

    @property
    def are_plain(self) -> bool:
        """Whether they are those of ``nlptool classify``, or of a line that has no names."""
        return (self.gold == GOLD and self.predicted in OUTPUTS) or (self.gold, self.predicted) == _COLUMNS


@dataclass(frozen=True, slots=True)
class Search:
    """The search for a gold label and a prediction among the fields of a record.

    Args:
        gold: the name of the gold label; else ``GOLD``, or another usual name of a label.
        predicted: the name of the prediction; else one of ``PREDICTIONS``, or what ``nlptool classify`` calls it.

    Raises:
        WrongUsage: they are the same.
    """

    gold: str | None = None
    predicted: str | None = None

    def __post_init__(self) -> None:
        if self.gold is not None and self.gold == self.predicted:
            raise WrongUsage(
                f"--label and --predicted both name `{self.gold}`: a prediction is judged by another label"
            )

    def form(self, form: InputFormat) -> InputFormat:
        """Return ``form`` for such records; tables are recognised by their first line."""
        return replace(form, table=Table(_kind_of, self._header_if(form.header)), paired=True)

    def names(self, values: Mapping[str, Any]) -> Names:
        """Return the names among those of ``values``.

        Raises:
            RecordError: they are not there.
        """
        predicted = self._predicted_among(values)
        if predicted is None:
            raise _missing(
                "NoPrediction", "prediction", self.predicted, values, "--predicted NAME says what it is called"
            )
        gold = self._gold_among(values, predicted)
        if gold is None:
            hint = f"--label NAME says what it is called; classify keeps a `label` that a record had as `{GOLD}`"
            raise _missing("NoGold", "gold label", self.gold, values, hint)
        return Names(gold, predicted)

    def _predicted_among(self, values: Mapping[str, Any]) -> str | None:
        if self.predicted is not None:
            return _spelled(self.predicted, values)
        others = [name for name in values if name != self.gold]
        if found := _first(PREDICTIONS, others):
            return found
        entries = values.get(RESERVED)
        is_classified = isinstance(entries, dict) and "classify" in entries
        has_gold = self.gold is not None or GOLD in values
        # Without a sign of classify a label may well be the gold one.
        known = OUTPUTS if is_classified or has_gold or PROBABILITIES in values else OUTPUTS[-1:]
        if outputs := [name for name in others if name in known]:
            return outputs[-1]  # a command adds its results behind the fields that were there
        return self._column(1, values)

    def _gold_among(self, values: Mapping[str, Any], predicted: str | None) -> str | None:
        if self.gold is not None:
            return _spelled(self.gold, values)
        others = [name for name in values if name != predicted]
        return _first((GOLD, *LABELS), others) or self._column(0, values)

    def _column(self, place: int, values: Mapping[str, Any]) -> str | None:
        """Return one of the two columns without names: the gold label and the prediction, unless one of them was given."""
        if set(values) != set(_COLUMNS):
            return None
        given = {self.gold, self.predicted}
        return next((name for name in (_COLUMNS[place], *_COLUMNS) if name not in given), None)

    def _header_if(self, said: bool | None) -> Callable[[list[str]], list[str] | None]:
        def header(cells: list[str]) -> list[str] | None:
            names = [without_quotes(cell) or str(number) for number, cell in enumerate(cells, 1)]
            folded = {name.casefold() for name in names}
            given = {name.casefold() for name in (self.gold, self.predicted) if name and not name.isdecimal()}
            is_header = folded & {*PREDICTIONS, PROBABILITIES} or len(folded & {*LABELS, *OUTPUTS}) > 1
            if not (said or given or is_header):
                return None
            try:
                self.names(dict.fromkeys(names))
            except RecordError as error:
                message = error.message.replace("the record has", "the first row has").replace("its fields", "it has")
                raise RunError(message, hint=error.hint) from None
            return names

        return header


def _missing(type: str, what: str, name: str | None, values: Iterable[str], hint: str) -> RecordError:
    called = f"called `{name}`" if name else "with one of the usual names"
    return RecordError(type, f"the record has no {what} {called}; its fields: {listed(values)}", hint=hint)


def _kind_of(line: str) -> str:
    """Return the format of an input by its first line."""
    return "tsv" if "\t" in line else "csv" if "," in line else "text"


def _first(names: Iterable[str], among: Iterable[str]) -> str | None:
    """Return the first of ``names`` as it is spelled ``among`` others; one in the same case goes before."""
    spelled = {name.casefold(): name for name in reversed(list(among))}
    return next((spelled[name.casefold()] for name in names if name.casefold() in spelled), None)


def _spelled(name: str, values: Mapping[str, Any]) -> str | None:
    if name in values:
        return name
    try:
        find(values, path_of(name))
    except KeyError:
        return _first([name], values)
    return name
