"""The choice that goes best with the context of each record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from nlptool.errors import RecordError
from nlptool.records import choices
from nlptool.records.cells import columns
from nlptool.records.choices import Choices
from nlptool.records.formats.record_rows import Layout
from nlptool.records.json_bytes import field_value, fields
from nlptool.records.notes import notes
from nlptool.records.record import Record, lone_surrogate
from nlptool.tasks.classify import GOLD, as_json, keep_gold
from nlptool.tasks.each_record import EachRecord, with_read
from nlptool.tasks.entries import model_entry
from nlptool.text.scripts import LONE_SURROGATE

if TYPE_CHECKING:
    from nlptool.models.choosers.chooser import Chooser

NOTES = notes("truncated", "n_unknown of a classifier")

LAYOUT = Layout({"label": int, "choice": str, "probabilities": dict})

_LABEL = "label"
_GOOD = Choices("", "It rained.", ("So we stayed.", "So we went."))


class Accuracy:
    """How often the right choice was taken, of records that name one."""

    def __init__(self) -> None:
        self.n_right = self.n_labelled = 0

    def add(self, is_right: bool) -> None:
        self.n_right += is_right
        self.n_labelled += 1

    def said(self) -> str:
        """Return it as a note, "" if no record named a right choice."""
        if not self.n_labelled:
            return ""
        return f"accuracy {self.n_right / self.n_labelled:.4f}: {self.n_right:,} of {self.n_labelled:,} records with a label"


def choose(lists: Iterable[list[Record]], chooser: Chooser, accuracy: Accuracy) -> Iterator[list[Record]]:
    """Give each record its most probable choice.

    Args:
        lists: windows of records.
        accuracy: counts the right ones.
    """
    entry = model_entry(chooser)

    def work(items: Sequence[tuple[Record, Choices]]) -> None:
        found = chooser.choose([asked.pairs for _, asked in items])
        for (record, asked), chosen in zip(items, found, strict=True):
            if not np.isfinite(chosen.probabilities).all():
                record.fail(RecordError("NotFinite", "the outputs of the model hold NaN or infinity"))
                continue
            order = np.argsort(-chosen.probabilities, kind="stable")
            best = int(order[0])
            results = {}
            if asked.label is not None:
                accuracy.add(asked.label == best)
                if field_value(record.raw, _LABEL) != asked.label:  # an answerKey, or the name of a choice
                    results[GOLD] = b"%d" % asked.label
            keep_gold(record, _LABEL)
            listed = b",".join(b'"%d":%b' % (place, as_json(chosen.probabilities[place])) for place in order)
            results |= {
                _LABEL: b"%d" % best,
                "choice": orjson.dumps(asked.endings[best]),
                "probabilities": b"{%b}" % listed,
            }
            record.results = {**record.results, **results}
            record.entry = {**entry, **chosen.entry()}

    choose_each = EachRecord(work, _GOOD, model=chooser)
    for records in lists:
        choose_each(with_read(records, _choices))
        yield records


def _choices(record: Record) -> Choices:
    """Return the choices of a record, with the right one if it names that.

    Raises:
        RecordError: they are not there.
    """
    values = columns(record)
    asked = choices.choices_of(values, labelled=False)
    for text in (asked.context, *asked.endings):
        if lone := LONE_SURROGATE.search(text):
            raise lone_surrogate(lone)
    try:
        return choices.choices_of(values)
    except RecordError:  # no label, or one that names none of these: it is not needed
        return asked


class ChoiceRows:
    """The rows of a table: the choice, its probability, and the context."""

    def columns(self) -> Sequence[tuple[str, type]]:
        return [("choice", str), ("probability", float), ("context", str)]

    def cells(self, record: Record) -> Iterator[list[Any]]:
        found = {name: orjson.loads(value) for name, value in record.results.items()}
        asked = choices.choices_of(fields(record.raw), labelled=False)
        yield [found["choice"], found["probabilities"][str(found[_LABEL])], asked.context]
