"""A model at work on records: one at which it fails fails alone, and the others keep their results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, Protocol, TypeVar

from nlptool.errors import RecordError
from nlptool.models.runtime.one_by_one import OneByOne
from nlptool.records.record import ARGUMENTS, Record

Read = TypeVar("Read")

_NO_LINE = 0


class OpenModel(Protocol):
    """A model that can be asked for its name and for what runs it: onnx, ct2, torch."""

    @property
    def name(self) -> str: ...

    @property
    def engine(self) -> str: ...


class EachRecord(Generic[Read]):
    """Gives records their results.

    Args:
        work: sets the results of records, each of which comes with what the model reads of it. It is called again with a part of
            them where the model fails, and with a record that is none of the input (``is_probe``).
        good: what every whole model can read.
    """

    def __init__(self, work: Callable[[Sequence[tuple[Record, Read]]], None], good: Read, *, model: OpenModel) -> None:
        probe = Record("", ARGUMENTS, _NO_LINE)
        self._runner = OneByOne(work, (probe, good), name=model.name, engine=model.engine)

    def __call__(self, items: Sequence[tuple[Record, Read]]) -> None:
        """Work on records.

        Raises:
            ModelError: the model fails at every text.
        """
        for start, outcome in self._runner.parts(items):
            if isinstance(outcome, RecordError):
                items[start][0].fail(outcome)


def with_read(records: Iterable[Record], read: Callable[[Record], Read]) -> list[tuple[Record, Read]]:
    """Return the records that are to be worked on, each with what the model reads of it.

    Args:
        read: returns that of a record, or raises a RecordError, with which the record fails.
    """
    found: list[tuple[Record, Read]] = []
    for record in records:
        if record.pending:
            try:
                found.append((record, read(record)))
            except RecordError as error:
                record.fail(error)
    return found


def is_probe(record: Record) -> bool:
    """Return whether a record only shows that the model is whole: nothing of it is written."""
    return record.line == _NO_LINE
