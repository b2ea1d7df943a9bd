"""What was counted in groups of records and their parts, and the groups with their words, the most frequent first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.geometry import stored_columns
from nlptool.geometry.dispersion import Parts, cells, column_of
from nlptool.geometry.rounding import as_json
from nlptool.models.japanese.counts import Item
from nlptool.storage.column_file import ColumnFile, ColumnWriter
from nlptool.tasks.count_sums import about, item_of, total_of
from nlptool.tasks.sums import AddedRows, Mergeable, added_groups, added_up, added_words, store_rows, store_words
from nlptool.tasks.token_arrays import Names

_NONE = np.zeros(0, np.int64)


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


@dataclass(frozen=True, slots=True, eq=False)
class GroupedSums:
    """All counts of an input in groups and parts.

    Attributes:
        words: each an item of ``Counts`` as one text.
        groups: their names, in the order in which they came.
        runs: rows of a word and a part.
        parts: of the groups.
        part_names: (P,); []: each record is a part.
        n_unknown, n_control: as of ``Counts``.
    """

    words: Names
    groups: list[str]
    runs: Mergeable
    parts: Parts
    part_names: list[str]
    n_unknown: int
    n_control: int

    def ranked(self, min_count: int, n_fields: int) -> tuple[list[Group], int]:
        """Return the groups in the order in which they came, and the number of the words that are left out.

        Args:
            min_count: fewest occurrences of a word in its group.
            n_fields: of an item.
        """
        n_groups, n_rare = len(self.groups), 0
        groups = [_NONE]
        found: list[tuple[NDArray[Any], ...]] = [(_NONE,) * 5]  # ids of words, and what is counted of them
        for rows in self.runs.merged():
            block = cells(rows, self.parts, n_groups)
            values = (column_of(rows, block).astype(np.int64), block.counts, block.n_parts, block.dp, block.dp_norm)
            kept = block.counts >= min_count
            n_rare += int((~kept).sum())
            groups.append(block.corpora[kept])
            found.append(tuple(value[kept] for value in values))
        of_groups = np.concatenate(groups)
        items, counts, n_parts, dp, dp_norm = (np.concatenate(values) for values in zip(*found, strict=True))
        ids = items.astype(np.uint32)
        order = np.lexsort([self.words.ranks(ids), -counts, of_groups])
        bounds = np.searchsorted(of_groups[order], np.arange(n_groups + 1)).tolist()
        words = [item_of(word, n_fields) for word in self.words.names([ids[order]])]
        totals = self.parts.totals(n_groups).tolist()
        ranked = []
        for group, name in enumerate(self.groups):
            chosen = slice(bounds[group], bounds[group + 1])
            mine = order[chosen]
            spread = Spread(n_parts[mine], dp[mine], dp_norm[mine])
            ranked.append(Group(name, words[chosen], counts[mine], totals[group], spread))
        return ranked, n_rare

    def store(self, file: ColumnWriter) -> dict[str, Any]:
        """See ``Sums``."""
        store_words(file, self.words)
        store_rows(file, "rows", self.runs, self.words, n_tokens=1)
        stored_columns.write_words(file, "groups", self.groups)
        stored_columns.write_words(file, "parts", self.part_names)
        stored_columns.write_numbers(file, "groups_of_parts", self.parts.corpora)
        stored_columns.write_numbers(file, "sizes", self.parts.sizes)
        return about(self.n_unknown, self.n_control)

    @classmethod
    def added(cls, files: Sequence[ColumnFile], *, by_record: bool) -> GroupedSums:
        """Add up what was counted in several files.

        Args:
            by_record: each record is a part.
        """
        words, word_maps = added_words(files)
        groups, group_maps = added_groups(files, "groups")
        numbers: dict[tuple[int, str], int] = {}
        of_parts: list[NDArray[np.int64]] = [_NONE]
        sizes: list[NDArray[np.int64]] = []
        part_maps: list[NDArray[np.uint32]] = []
        n_parts = 0
        for file, group_map in zip(files, group_maps, strict=True):
            mine = group_map[stored_columns.numbers(file, "groups_of_parts")].astype(np.int64)
            if by_record:
                ids = np.arange(n_parts, n_parts + len(mine), dtype=np.uint32)
                of_parts.append(mine)
            else:
                ids, new = np.empty(len(mine), np.uint32), []
                for place, key in enumerate(zip(mine.tolist(), stored_columns.texts(file, "parts"), strict=True)):
                    if key not in numbers:
                        numbers[key] = len(numbers)
                        new.append(key[0])
                    ids[place] = numbers[key]
                of_parts.append(np.array(new, np.int64))
            n_parts += len(of_parts[-1])
            part_maps.append(ids)
            sizes.append(stored_columns.numbers(file, "sizes"))
        parts = Parts(np.concatenate(of_parts), added_up(sizes, part_maps, n_parts))
        runs = AddedRows(files, "rows", [word_maps, part_maps])
        n_unknown, n_control = (total_of(files, name) for name in ("n_unknown", "n_control"))
        return cls(words, groups, runs, parts, [name for _, name in numbers], n_unknown, n_control)
