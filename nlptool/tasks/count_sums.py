"""How often each word or character comes in all the input: `tokenize --count` without groups, and its shards.

A word that is told from others by several fields is one text in files: its fields with NUL, which none has, between them. The
order of these texts is that of the fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nlptool.geometry import stored_columns
from nlptool.models.japanese.counts import Item
from nlptool.storage.column_file import ColumnFile, ColumnWriter
from nlptool.tasks.sums import WORDS, merged_words

_MARK = "\0"
_COUNTS = "counts"


def spelled(item: Item) -> str:
    """Return an item as one text."""
    return item if isinstance(item, str) else _MARK.join(item)


def item_of(text: str, n_fields: int) -> Item:
    """Return the item that a text is."""
    return text if n_fields == 1 else tuple(text.split(_MARK))


@dataclass(frozen=True, slots=True, eq=False)
class CountSums:
    """All counts of an input.

    Attributes:
        items: each with its count, to be run through once.
        n_unknown, n_control: as of ``Counts``.
    """

    items: Iterable[tuple[Item, int]]
    n_unknown: int
    n_control: int

    def store(self, file: ColumnWriter) -> dict[str, Any]:
        """See ``Sums``."""
        counts = sorted((spelled(item), n) for item, n in self.items)
        stored_columns.write_words(file, WORDS, [word for word, _ in counts])
        stored_columns.write_numbers(file, _COUNTS, np.array([n for _, n in counts], np.int64))
        return about(self.n_unknown, self.n_control)

    @classmethod
    def added(cls, files: Sequence[ColumnFile], n_fields: int) -> CountSums:
        """Add up what was counted in several files.

        Args:
            n_fields: of an item.
        """
        return cls(_added(files, n_fields), total_of(files, "n_unknown"), total_of(files, "n_control"))


def _added(files: Sequence[ColumnFile], n_fields: int) -> Iterator[tuple[Item, int]]:
    start = 0
    for words, of_files in merged_words(files, _COUNTS):
        total = np.zeros(len(words), np.int64)
        for _, places, counts in of_files:
            total[places.astype(np.int64) - start] += counts
        start += len(words)
        for word, n in zip(words, total.tolist(), strict=True):
            yield item_of(word.decode("utf-8", "surrogatepass"), n_fields), n


def about(n_unknown: int, n_control: int) -> dict[str, Any]:
    """Return what files say of the words besides."""
    return {"n_unknown": n_unknown, "n_control": n_control}


def total_of(files: Sequence[ColumnFile], name: str) -> int:
    """Return the sum of a number that files say."""
    return sum(int(file.about[name]) for file in files)
