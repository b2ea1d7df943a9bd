"""Counts of words or characters in groups of records, with their dispersion over parts: `tokenize --count --by-group --parts`."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import RecordError
from nlptool.geometry.dispersion import Parts, cells, column_of
from nlptool.geometry.ngram_counts import count
from nlptool.geometry.ngram_runs import Runs
from nlptool.geometry.rounding import as_json
from nlptool.models.japanese.counts import Counts, Item
from nlptool.records.record import Record
from nlptool.records.windows import joined
from nlptool.records.workers import Workers, in_order
from nlptool.tasks.groups import group_of
from nlptool.text.word_ids import WordIds

RECORD = "record"
"""The value of ``--parts`` that makes each record a part."""

_WAITING = 1 << 20  # counts that are added to the others at once


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """How words are spread over the parts of a group, (K,) each."""

    n_parts: NDArray[np.int64]  # those that have the word
    dp: NDArray[np.float64]  # deviation of proportions
    dp_norm: NDArray[np.float64]  # NaN of a group of one part

    def columns(self, chosen: slice) -> dict[str, list[Any]]:
        """Return what is written of some words."""
        return {
            "parts": self.n_parts[chosen].tolist(),
            "dp": as_json(self.dp[chosen]),
            "dispersion": as_json(self.dp_norm[chosen]),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """The words of a group, the most frequent first.

    Attributes:
        total: of all counts.
    """

    name: str
    items: list[Item]
    counts: NDArray[np.int64]
    total: int
    spread: Spread


class GroupedCounts:
    """Counts what is in each part of each group.

    Args:
        by: the field that groups records, or file; None: there is one group.
        parts: file | record | the field that says the part of a record; None: a group is one part.

    Attributes:
        n_unknown, n_control: as of ``Counts``.
        n_rare: words that ``groups`` left out.
    """

    def __init__(self, by: str | None, parts: str | None) -> None:
        self.n_unknown = self.n_control = self.n_rare = 0
        self._by, self._parts = by, parts
        self._groups = WordIds()
        self._part_ids: dict[tuple[int, str], int] = {}
        self._group_of_part = array("q")
        self._sizes = array("q")  # of the parts
        self._items: dict[Item, int] = {}
        self._runs = Runs()
        self._columns = (array("I"), array("I"), array("q"))  # item, part, count

    def count(self, lists: Iterator[list[Record]], workers: Workers[Counts]) -> Iterator[list[Record]]:
        """Count what the workers find in each text of the records, which stay as they are."""
        for (records, parts), results in in_order(map(self._with_parts, joined(lists)), workers, _texts):
            for (_, part), counts in zip(parts, results, strict=True):
                self._add(counts, part)
            yield records

    def groups(self, min_count: int) -> Iterator[Group]:
        """Yield the groups in the order in which they came.

        Args:
            min_count: fewest occurrences of a word in its group.
        """
        self._flush()
        n_groups = len(self._groups)
        parts = Parts(np.array(self._group_of_part, np.int64), np.array(self._sizes, np.int64))
        groups = [_NONE]
        found: list[tuple[NDArray[Any], ...]] = [(_NONE,) * 5]  # ids of words, and what is counted of them
        for rows in self._runs.merged():
            block = cells(rows, parts, n_groups)
            values = (column_of(rows, block).astype(np.int64), block.counts, block.n_parts, block.dp, block.dp_norm)
            kept = block.counts >= min_count
            self.n_rare += int((~kept).sum())
            groups.append(block.corpora[kept])
            found.append(tuple(value[kept] for value in values))
        names = list(self._items)
        ranks = np.empty(len(names), np.int64)
        ranks[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
        of_groups = np.concatenate(groups)
        items, counts, n_parts, dp, dp_norm = (np.concatenate(values) for values in zip(*found, strict=True))
        order = np.lexsort([ranks[items], -counts, of_groups])
        bounds = np.searchsorted(of_groups[order], np.arange(n_groups + 1)).tolist()
        totals = parts.totals(n_groups).tolist()
        for group, name in enumerate(self._groups):
            mine = order[bounds[group] : bounds[group + 1]]
            words = [names[item] for item in items[mine].tolist()]
            yield Group(name, words, counts[mine], totals[group], Spread(n_parts[mine], dp[mine], dp_norm[mine]))

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
        items.extend(known.setdefault(item, len(known)) for item in counts.of)
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


_NONE = np.zeros(0, np.int64)


def _texts(item: tuple[list[Record], Sequence[tuple[Record, int]]]) -> list[str]:
    return [record.text for record, _ in item[1]]
