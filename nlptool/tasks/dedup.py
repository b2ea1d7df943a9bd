"""Leave out the records whose text is there already: the same, spelled nearly alike, or of nearly the same meaning.

Records are considered in an order of preference. One that is like a record that has been kept is a duplicate of the most similar
of those; all others are kept. An empty text is like nothing.
"""

from __future__ import annotations

import hashlib
import math
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
from numpy.typing import NDArray

from nlptool.geometry.row_file import RowFile
from nlptool.records.json_bytes import fields, find, path_of
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.records.render import render
from nlptool.records.windows import windows
from nlptool.tasks.kept_records import KeptRecords
from nlptool.text.folding import folded

if TYPE_CHECKING:
    from nlptool.geometry.near_duplicates import Kept
    from nlptool.tasks.embedder import Embedder

EXACT, MINHASH, EMBEDDING = METHODS = ("exact", "minhash", "embedding")
FIRST, LAST, LONGEST = ("first", "last", "longest")

_CHUNK = 4096  # records that are written together
_CACHED = 8192  # texts whose n-grams are kept at hand
_DIGEST = 16  # bytes


@dataclass(frozen=True, slots=True)
class Settings:
    """What counts as a duplicate, and which record of several is kept.

    Attributes:
        method: exact | minhash | embedding.
        threshold: the least similarity: Jaccard's of n-grams, or the cosine of vectors.
        keep: first | last | longest.
        highest: the record with the highest number in this field is kept; "": ``keep`` decides.
        folds: texts are compared as ``folding.folded`` returns them.
        n: characters of an n-gram.
        groups: duplicates are not left out but named.
    """

    method: str = EXACT
    threshold: float = 1.0
    keep: str = FIRST
    highest: str = ""
    folds: bool = True
    n: int = 5
    groups: bool = False

    @property
    def streams(self) -> bool:
        """Whether each record can be decided when it comes."""
        return self.method == EXACT and self.keep == FIRST and not self.highest

    def text(self, text: str) -> str:
        """Return a text as it is compared."""
        return folded(text) if self.folds else text

    def digest(self, text: str) -> bytes:
        """Return a hash of a text as it is compared, of 16 bytes."""
        return hashlib.blake2b(self.text(text).encode(errors="surrogatepass"), digest_size=_DIGEST).digest()


class Dedup:
    """The records that stay.

    Args:
        embedder: for the method embedding.
        removed: receives the duplicates as lines of JSON.

    Attributes:
        n_duplicates: those that were found so far.
        n_without: records that could not be compared, since they have no text, or no vector.
    """

    def __init__(
        self, settings: Settings, pipe: Pipe, embedder: Embedder | None, removed: Callable[[bytes], object] | None
    ) -> None:
        self._settings = settings
        self._pipe = pipe
        self._embedder = embedder
        self._removed = removed
        self._entry: dict[str, Any] = {"method": settings.method}
        if settings.method != EXACT:
            self._entry["threshold"] = settings.threshold
        self.n_duplicates = self.n_without = 0

    def records(self) -> Iterator[list[Record]]:
        """Read the input, and yield the records that stay; with ``groups`` all, each with the one that it is a duplicate of."""
        yield from self._stream() if self._settings.streams else self._chosen()

    def _stream(self) -> Iterator[list[Record]]:
        seen: dict[bytes, tuple[int, Mapping[str, Any]]] = {}
        for records in self._pipe.read():
            stay = []
            for record in records:
                if not record.pending or self._is_empty(record):
                    stay.append(record)
                    continue
                digest = self._settings.digest(record.text)
                number, named = seen.setdefault(digest, (record.number, record.named()))
                of = None if number == record.number else {"index": number, **named}
                stay += self._decided(record, number, of, 1.0)
            yield stay

    def _chosen(self) -> Iterator[list[Record]]:
        kept = KeptRecords()
        failed: dict[int, Record] = {}
        search = self._search()
        for window in windows(self._pipe.read()):
            search.read(window, len(kept))
            for record in window:
                if not record.pending:
                    failed[len(kept)] = record
                kept.keep(record)
            self._pipe.bar.records(self._pipe.tally.n_read)
            if not window:
                yield []
        kept.close()
        items = search.items()
        found = search.found(kept, self._order(kept, items))
        row_of = {item: row for row, item in enumerate(items.tolist())}
        for first in range(0, len(kept), _CHUNK):
            stay = []
            for index in range(first, min(first + _CHUNK, len(kept))):
                record = failed.get(index) or kept.record(index)
                record.number = index
                row = row_of.get(index)
                if not record.pending or row is None:
                    stay += [record] if not record.pending or self._is_empty(record, known=True) else []
                    continue
                by = int(items[found.by[row]])
                of = None if by == index else {"index": by, **kept.record(by).named()}
                stay += self._decided(record, by, of, float(found.similarity[row]))
            yield stay

    def _is_empty(self, record: Record, *, known: bool = False) -> bool:
        """Return whether a record has nothing to compare; its entry then says so.

        Args:
            known: that it has not.
        """
        if not known and record.text.strip():
            return False
        self.n_without += 1
        reason = "no vector" if record.text.strip() else "empty text"
        record.entry = {**self._entry, **record.entry, "reason": reason}
        if self._settings.groups:
            record.results = {"group": b"null", "duplicate_of": b"null", "similarity": b"null"}
        return True

    def _decided(self, record: Record, group: int, of: Mapping[str, Any] | None, similarity: float) -> list[Record]:
        """Return the record with what is said of it if it stays; else write it among those that are removed."""
        record.entry = {**self._entry, **record.entry}
        self.n_duplicates += of is not None
        said = {} if of is None else {"duplicate_of": orjson.dumps(of), "similarity": b"%.6g" % similarity}
        if of is not None and self._removed is not None:
            record.results = said
            self._removed(render(record, "dedup", with_source=self._pipe.with_place))
        if self._settings.groups:
            record.results = {"group": b"%d" % group, "duplicate_of": b"null", "similarity": b"null"} | said
            return [record]
        return [record] if of is None else []

    def _order(self, kept: KeptRecords, items: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows of ``items`` in the order in which they are considered."""
        settings = self._settings
        if settings.highest:
            path = path_of(settings.highest)
            numbers = np.array([_number(kept.record(item), path) for item in items.tolist()])
            if len(numbers) and np.isneginf(numbers).all():
                self._pipe.note(f"no record has a number in the field `{settings.highest}`: the first ones are kept")
            return np.argsort(-numbers, kind="stable")
        if settings.keep == LONGEST:
            return np.argsort([-len(kept.text(item)) for item in items.tolist()], kind="stable")
        rows = np.arange(len(items))
        return rows[::-1].copy() if settings.keep == LAST else rows

    def _search(self) -> _Search:
        if self._embedder is not None:
            return _ByVectors(self._settings, self._pipe, self._embedder)
        return (_ByDigests if self._settings.method == EXACT else _BySignatures)(self._settings, self._pipe)


class _Search:
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


class _ByDigests(_Search):
    def __init__(self, settings: Settings, pipe: Pipe) -> None:
        super().__init__(settings, pipe)
        self._digests = bytearray()

    def _take(self, texts: list[str]) -> None:
        self._digests += b"".join(map(self._settings.digest, texts))

    def found(self, kept: KeptRecords, order: NDArray[np.int64]) -> Kept:
        from nlptool.geometry.near_duplicates import Kept

        found, seen = Kept.all(len(order)), dict[bytes, int]()
        for item in order.tolist():
            first = seen.setdefault(bytes(self._digests[_DIGEST * item : _DIGEST * (item + 1)]), item)
            if first != item:
                found.drop(item, first, 1.0)
        return found


class _BySignatures(_Search):
    def __init__(self, settings: Settings, pipe: Pipe) -> None:
        super().__init__(settings, pipe)
        self._rows = RowFile(np.uint32)

    def _take(self, texts: list[str]) -> None:
        from nlptool.geometry import minhash

        self._rows.add(minhash.signatures(list(map(self._settings.text, texts)), self._settings.n))

    def found(self, kept: KeptRecords, order: NDArray[np.int64]) -> Kept:
        from nlptool.geometry import minhash, near_duplicates

        @lru_cache(_CACHED)
        def ngrams(item: int) -> set[str]:
            return minhash.ngrams(self._settings.text(kept.text(self._items[item])), self._settings.n)

        def similarity(item: int, other: int) -> float:
            return minhash.jaccard(ngrams(item), ngrams(other))

        return near_duplicates.by_signatures(
            self._rows.matrix(), order, self._settings.threshold, similarity, report=self._report
        )


class _ByVectors(_Search):
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


def _number(record: Record, path: list[str]) -> float:
    """Return the number at a path in a record; minus infinity where there is none."""
    try:
        value = find(fields(record.raw), path)
    except KeyError:
        return -math.inf
    try:
        number = float(value) if isinstance(value, int | float | str) else math.nan
    except (ValueError, OverflowError):
        return -math.inf
    return -math.inf if math.isnan(number) else number
