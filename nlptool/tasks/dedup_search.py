"""How `dedup` finds duplicates when all records have been read: by hashes, by MinHash signatures, or by vectors."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nlptool.geometry.row_file import RowFile
from nlptool.records.json_bytes import fields, find_first
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.tasks.dedup_settings import DIGEST, EXACT, LAST, LONGEST, Settings
from nlptool.tasks.kept_records import KeptRecords

if TYPE_CHECKING:
    from nlptool.geometry.near_duplicates import Kept
    from nlptool.tasks.embedder import Embedder

_CACHED = 65_536  # texts whose n-grams are kept at hand


def search(settings: Settings, pipe: Pipe, embedder: Embedder | None) -> Search:
    """Return the search of a method.

    Args:
        embedder: for the method embedding.
    """
    if embedder is not None:
        return _ByVectors(settings, pipe, embedder)
    return (_ByDigests if settings.method == EXACT else _BySignatures)(settings, pipe)


def order(
    settings: Settings, kept: KeptRecords, items: NDArray[np.int64], note: Callable[[str], None]
) -> NDArray[np.int64]:
    """Return the rows of ``items`` in the order in which they are considered."""
    if settings.highest:
        numbers = np.array([_number(kept.record(item), settings.highest) for item in items.tolist()])
        if len(numbers) and np.isneginf(numbers).all():
            note(f"no record has a number in the field `{settings.highest}`: the first ones are kept")
        return np.argsort(-numbers, kind="stable")
    if settings.keep == LONGEST:
        return np.argsort([-len(kept.text(item)) for item in items.tolist()], kind="stable")
    rows = np.arange(len(items))
    return rows[::-1].copy() if settings.keep == LAST else rows


class Search:
    """Reads windows of records, and finds the duplicates among those that can be compared: the items."""

    def __init__(self, settings: Settings, pipe: Pipe) -> None:
        self._settings = settings
        self._pipe = pipe
        self._items = array("q")

    def read(self, window: list[Record], first: int) -> None:
        """Take what is compared of the records of a window, the first of which has the number ``first``."""
        with_text = [record.pending and bool(record.text.strip()) for record in window]
        self._items.extend(number for number, has_text in enumerate(with_text, first) if has_text)
        self._take([record.text for record, has_text in zip(window, with_text, strict=True) if has_text])

    def items(self) -> NDArray[np.int64]:
        """Return the numbers of the items, (N,)."""
        return np.array(self._items, np.int64)

    def _take(self, texts: list[str]) -> None:
        raise NotImplementedError

    def found(self, kept: KeptRecords, order: NDArray[np.int64]) -> Kept:
        """Return what is kept of the items, which are considered in this order."""
        raise NotImplementedError

    def _report(self, n_done: int) -> None:
        self._pipe.bar.work("compare", n_done, len(self._items), "records")


class _ByDigests(Search):
    def __init__(self, settings: Settings, pipe: Pipe) -> None:
        super().__init__(settings, pipe)
        self._digests = bytearray()

    def _take(self, texts: list[str]) -> None:
        self._digests += b"".join(map(self._settings.digest, texts))

    def found(self, kept: KeptRecords, order: NDArray[np.int64]) -> Kept:
        from nlptool.geometry.near_duplicates import Kept

        found, seen = Kept.all(len(order)), dict[bytes, int]()
        for item in order.tolist():
            first = seen.setdefault(bytes(self._digests[DIGEST * item : DIGEST * (item + 1)]), item)
            if first != item:
                found.drop(item, first, 1.0)
        return found


class _BySignatures(Search):
    def __init__(self, settings: Settings, pipe: Pipe) -> None:
        super().__init__(settings, pipe)
        self._rows = RowFile(np.uint32)

    def _take(self, texts: list[str]) -> None:
        from nlptool.geometry import minhash

        self._rows.add(minhash.signatures(list(map(self._settings.text, texts)), self._settings.n))

    def found(self, kept: KeptRecords, order: NDArray[np.int64]) -> Kept:
        from nlptool.geometry import minhash, near_duplicates

        @lru_cache(_CACHED)
        def ngrams(item: int) -> NDArray[np.uint64]:
            return minhash.ngrams(self._settings.text(kept.text(self._items[item])), self._settings.n)

        def similarities(item: int, others: list[int]) -> NDArray[np.float64]:
            return minhash.jaccard(ngrams(item), list(map(ngrams, others)))

        return near_duplicates.by_signatures(
            self._rows.matrix(), order, self._settings.threshold, similarities, report=self._report
        )


class _ByVectors(Search):
    def __init__(self, settings: Settings, pipe: Pipe, embedder: Embedder) -> None:
        super().__init__(settings, pipe)
        self._embedder = embedder
        self._rows = RowFile(np.float32)

    def read(self, window: list[Record], first: int) -> None:
        from nlptool.geometry.measures import prepare

        with_vector, vectors = self._embedder(window)
        numbers = {id(record): number for number, record in enumerate(window, first)}
        self._items.extend(numbers[id(record)] for record in with_vector)
        self._rows.add(prepare(vectors, "cosine"))

    def found(self, kept: KeptRecords, order: NDArray[np.int64]) -> Kept:
        from nlptool.geometry import near_duplicates

        return near_duplicates.by_vectors(self._rows.matrix(), order, self._settings.threshold, report=self._report)


def _number(record: Record, field: str) -> float:
    """Return the number in a field of a record; minus infinity where there is none."""
    value = find_first(fields(record.raw), [field])
    try:
        number = float(value) if isinstance(value, int | float | str) else math.nan
    except (ValueError, OverflowError):
        return -math.inf
    return -math.inf if math.isnan(number) else number
