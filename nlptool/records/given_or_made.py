"""What records bring along, else what is made of their texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from nlptool.errors import RecordError
from nlptool.records.record import Record
from nlptool.records.workers import Workers, in_order

T = TypeVar("T")


def given_or_made(
    lists: Iterator[list[Record]],
    given: Callable[[Record], T | None],
    workers: Workers[T],
    *,
    only: Callable[[Record], bool] | None = None,
) -> Iterator[tuple[list[Record], list[tuple[Record, T]]]]:
    """Yield each list of records, and with those of them that did not fail what they bring along, or the workers make of their
    texts.

    Args:
        given: returns what a record brings along, None if that is nothing. If it raises RecordError, the record fails.
        only: says of a record whether it is looked at; None: all are.
    """

    def with_given(records: list[Record]) -> tuple[list[Record], list[tuple[Record, T | None]]]:
        found = []
        for record in records:
            if record.pending and (only is None or only(record)):
                try:
                    found.append((record, given(record)))
                except RecordError as error:
                    record.fail(error)
        return records, found

    def texts(item: tuple[list[Record], list[tuple[Record, T | None]]]) -> list[str]:
        return [record.text for record, brought in item[1] if brought is None]

    for (records, found), results in in_order(map(with_given, lists), workers, texts):
        made = iter(results)
        yield records, [(record, next(made) if brought is None else brought) for record, brought in found]
