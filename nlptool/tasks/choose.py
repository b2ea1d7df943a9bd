"""The choice that goes best with the context of each record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from nlptool.errors import RecordError
from nlptool.records import choices
from nlptool.records.choices import Choices
from nlptool.records.formats.record_rows import Layout
from nlptool.records.json_bytes import field_value, fields, without
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
        self.n_right = self.n_labelled = self.n_other = 0

    def add(self, is_right: bool) -> None:
        self.n_right += is_right
        self.n_labelled += 1

    def said(self) -> Iterator[str]:
        """Yield what is said of it at the end; nothing if no record named a right choice."""
        if self.n_other:
            yield f"records whose label names none of their choices, and which were not judged: {self.n_other:,}"
        if self.n_labelled:
            yield (
                f"accuracy {self.n_right / self.n_labelled:.4f}: {self.n_right:,} of {self.n_labelled:,} records with a label"
            )


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
            if asked.label is not None:
                accuracy.add(asked.label == best)
            listed = b",".join(b'"%d":%b' % (place, as_json(chosen.probabilities[place])) for place in order)
            results = {
                **_gold(record, asked.label),
                _LABEL: b"%d" % best,
                "choice": orjson.dumps(asked.endings[best]),
                "probabilities": b"{%b}" % listed,
            }
            record.results = {**record.results, **results}
            record.entry = {**entry, **chosen.entry()}

    choose_each = EachRecord(work, _GOOD, model=chooser)
    for records in lists:
        choose_each(with_read(records, lambda record: _choices(record, accuracy)))
        yield records


def _gold(record: Record, label: int | None) -> dict[str, bytes]:
    """Keep the right choice of a record as ``GOLD``, for an evaluation; return what the results need for that.

    Args:
        label: its number, which replaces a name or a cell with the number in it; None: what the record has stays as it is.
    """
    keep_gold(record, _LABEL)
    if label is None or record.raw is None or field_value(record.raw, GOLD) == label:
        return {}
    record.raw, _ = without(record.raw, {GOLD})
    return {GOLD: b"%d" % label}


def _choices(record: Record, accuracy: Accuracy) -> Choices:
    """Return the choices of a record, with the right one if it names that.

    Args:
        accuracy: counts the labels that name no choice.

    Raises:
        RecordError: they are not there.
    """
    values = choices.fields_of(record)
    if GOLD in values:  # the label is what an earlier model chose
        values.pop(_LABEL, None)
    asked = choices.choices_of(values, labelled=False)
    for text in (asked.context, *asked.endings):
        if lone := LONE_SURROGATE.search(text):
            raise lone_surrogate(lone)
    try:
        return choices.choices_of(values)
    except RecordError as error:  # no label, or one that names none of these: it is not needed
        accuracy.n_other += error.type != choices.NO_LABEL
        return asked


class ChoiceRows:
    """The rows of a table: the choice, its probability, and the context."""

    def columns(self) -> Sequence[tuple[str, type]]:
        return [("choice", str), ("probability", float), ("context", str)]

    def cells(self, record: Record) -> Iterator[list[Any]]:
        found = {name: orjson.loads(value) for name, value in record.results.items()}
        asked = choices.choices_of(fields(record.raw), labelled=False)
        yield [found["choice"], found["probabilities"][str(found[_LABEL])], asked.context]
