"""How often pairs of words come, and each of their words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.geometry import ngram_counts, stored_columns
from nlptool.geometry.ngram_runs import Runs
from nlptool.storage.column_file import ColumnFile, ColumnWriter
from nlptool.tasks.sums import AddedRows, Mergeable, added_up, added_words, store_rows, store_words
from nlptool.tasks.token_arrays import Names, Portion


class PairCounter:
    """Counts the pairs of portions.

    Args:
        window: distances that are counted, from 1 on.
        nodes: ids of words; pairs without one of them are not counted.

    Attributes:
        runs: rows of the ids of pairs; with nodes, of a node, a word, and the side of the word: 0 is left, 1 right.
        words: occurrences of each word, (V,).
    """

    def __init__(self, names: Names, window: int, nodes: Sequence[str] = ()) -> None:
        self.runs = Runs()
        self.words = np.zeros(0, np.int64)
        self._names = names
        self._window = window
        self._nodes = nodes

    def __call__(self, portion: Portion) -> None:
        """Count the pairs of a portion."""
        ids = portion.ids
        counts = np.bincount(ids[portion.is_counted], minlength=len(self.words))
        counts[: len(self.words)] += self.words
        self.words = counts
        nodes = [id for node in self._nodes if (id := self._names.find(node)) is not None]
        is_node = np.isin(ids, np.array(nodes, np.uint32)) if self._nodes else None
        index = np.arange(len(ids))
        for distance in range(1, min(self._window, len(ids) - 1) + 1):
            is_pair = portion.is_counted[:-distance] & portion.is_counted[distance:]
            is_pair &= portion.begins[distance:] <= index[:-distance]
            first, second = ids[:-distance], ids[distance:]
            if is_node is None:
                self.runs.add(ngram_counts.count([first[is_pair], second[is_pair]]))
                continue
            for side, is_side in ((0, is_pair & is_node[distance:]), (1, is_pair & is_node[:-distance])):
                node, word = (first, second) if side else (second, first)
                sides = np.full(int(np.count_nonzero(is_side)), side, np.uint32)
                self.runs.add(ngram_counts.count([node[is_side], word[is_side], sides]))


@dataclass(frozen=True, slots=True, eq=False)
class PairSums:
    """All pairs of an input.

    Attributes:
        runs, words: as of ``PairCounter``.
        nodes: those that occur, in the order in which they came.
    """

    names: Names
    runs: Mergeable
    words: NDArray[np.int64]
    nodes: tuple[str, ...] = ()

    @classmethod
    def of_counter(cls, names: Names, count: PairCounter, nodes: Sequence[str] = ()) -> PairSums:
        """Return what was counted."""
        ids = {id: node for node in nodes if (id := names.find(node)) is not None}
        return cls(names, count.runs, count.words, tuple(ids[id] for id in sorted(ids)))

    def n_of(self, word: str) -> int:
        """Return how often a word occurs."""
        id = self.names.find(word)
        return int(self.words[id]) if id is not None and id < len(self.words) else 0

    def store(self, file: ColumnWriter) -> dict[str, Any]:
        """See ``Sums``."""
        store_words(file, self.names)
        ids = np.arange(len(self.words), dtype=np.uint32)
        ranks = self.names.ranks(ids)
        of_words = np.zeros(int(ranks.max(initial=-1)) + 1, np.int64)
        of_words[ranks] = self.words
        stored_columns.write_numbers(file, "of_words", of_words)
        store_rows(file, "pairs", self.runs, self.names, n_tokens=2)
        return {"nodes": self.nodes}

    @classmethod
    def added(cls, files: Sequence[ColumnFile], *, with_nodes: bool) -> PairSums:
        """Add up what was counted in several files.

        Args:
            with_nodes: pairs are those of a node and a word, with the side of the word.
        """
        names, maps = added_words(files)
        of_words = added_up([stored_columns.numbers(file, "of_words") for file in files], maps, len(names))
        sides = [[None] * len(files)] if with_nodes else []
        nodes = tuple(dict.fromkeys(node for file in files for node in file.about["nodes"]))
        return cls(names, AddedRows(files, "pairs", [maps, maps, *sides]), of_words, nodes)
