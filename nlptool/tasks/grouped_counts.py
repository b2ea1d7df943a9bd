"""Counts of words or characters in groups of records, with their dispersion over parts: `tokenize --count --by-group --parts`."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence

import numpy as np

from nlptool.errors import RecordError
from nlptool.geometry.dispersion import Parts
from nlptool.geometry.ngram_counts import count
from nlptool.geometry.ngram_runs import Runs
from nlptool.models.japanese.counts import Counts
from nlptool.records.record import Record
from nlptool.records.windows import joined
from nlptool.records.workers import Workers, in_order
from nlptool.tasks.count_sums import spelled
from nlptool.tasks.grouped_sums import GroupedSums
from nlptool.tasks.groups import group_of
from nlptool.tasks.token_arrays import Words
from nlptool.text.word_ids import WordIds

RECORD = "record"
"""The value of ``--parts`` that makes each record a part."""

_WAITING = 1 << 20  # counts that are added to the others at once


class GroupedCounts:
    """Counts what is in each part of each group.

    Args:
        by: the field that groups records, or file; None: there is one group.
        parts: file | record | the field that says the part of a record; None: a group is one part.

    Attributes:
        n_unknown, n_control: as of ``Counts``.
    """

    def __init__(self, by: str | None, parts: str | None) -> None:
        self.n_unknown = self.n_control = 0
        self._by, self._parts = by, parts
        self._groups = WordIds()
        self._part_ids: dict[tuple[int, str], int] = {}
        self._group_of_part = array("q")
        self._sizes = array("q")  # of the parts
        self._items = WordIds()
        self._runs = Runs()
        self._columns = (array("I"), array("I"), array("q"))  # item, part, count

    def count(self, lists: Iterator[list[Record]], workers: Workers[Counts]) -> Iterator[list[Record]]:
        """Count what the workers find in each text of the records, which stay as they are."""
        for (records, parts), results in in_order(map(self._with_parts, joined(lists)), workers, _texts):
            for (_, part), counts in zip(parts, results, strict=True):
                self._add(counts, part)
            yield records

    def sums(self) -> GroupedSums:
        """Return what was counted."""
        self._flush()
        parts = Parts(np.array(self._group_of_part, np.int64), np.array(self._sizes, np.int64))
        names = [] if self._parts == RECORD else [name for _, name in self._part_ids]
        return GroupedSums(
            Words(ids=self._items), list(self._groups), self._runs, parts, names, self.n_unknown, self.n_control
        )

    def _with_parts(self, records: list[Record]) -> tuple[list[Record], list[tuple[Record, int]]]:
        """Return records, and those of them that did not fail with the numbers of their parts."""
        with_part = []
        for record in records:
            if record.pending:
                try:
                    with_part.append((record, self._part(record)))
                except RecordError as error:
                    record.fail(error)
        return records, with_part

    def _part(self, record: Record) -> int:
        """Return the number of the part that a record belongs to.

        Raises:
            RecordError: it lacks a field that says it.
        """
        group = self._groups[group_of(record, self._by, option="--by-group") if self._by is not None else ""]
        name = group_of(record, self._parts, option="--parts") if self._parts not in (None, RECORD) else ""
        part = None if self._parts == RECORD else self._part_ids.get((group, name))
        if part is None:
            part = self._part_ids[group, name] = len(self._sizes)
            self._group_of_part.append(group)
            self._sizes.append(0)
        return part

    def _add(self, counts: Counts, part: int) -> None:
        self.n_unknown += counts.n_unknown
        self.n_control += counts.n_control
        items, parts, numbers = self._columns
        known = self._items
        items.extend(known[spelled(item)] for item in counts.of)
        parts.extend([part] * len(counts.of))
        numbers.extend(counts.of.values())
        self._sizes[part] += counts.of.total()
        if len(items) > _WAITING:
            self._flush()

    def _flush(self) -> None:
        """Add the counts that wait to the others."""
        items, parts, numbers = self._columns
        if items:
            columns = [np.array(column, np.uint32) for column in (items, parts)]
            self._runs.add(count(columns, np.array(numbers, np.int64)))
            self._columns = (array("I"), array("I"), array("q"))


def _texts(item: tuple[list[Record], Sequence[tuple[Record, int]]]) -> list[str]:
    return [record.text for record, _ in item[1]]
