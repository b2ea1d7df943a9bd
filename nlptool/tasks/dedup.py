"""Leave out the records whose text is there already: the same, spelled nearly alike, or of nearly the same meaning.

Records are considered in an order of preference. One that is like a record that has been kept is a duplicate of the most similar
of those; all others are kept. An empty text is like nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import orjson

from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.records.render import render
from nlptool.records.windows import windows
from nlptool.tasks.dedup_settings import EXACT, Settings
from nlptool.tasks.kept_records import KeptRecords

if TYPE_CHECKING:
    from nlptool.tasks.embedder import Embedder

EMPTY, NO_VECTOR = "empty text", "no vector"  # reasons
_CHUNK = 4096  # records that are written together


class Dedup:
    """The records that stay.

    Args:
        embedder: for the method embedding.
        removed: receives the duplicates as lines of JSON.

    Attributes:
        n_duplicates: those that were found so far.
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
        self.n_duplicates = 0

    def records(self) -> Iterator[list[Record]]:
        """Read the input, and yield the records that stay; with ``groups`` all, each with the one that it is a duplicate of."""
        yield from self._stream() if self._settings.streams else self._chosen()

    def _stream(self) -> Iterator[list[Record]]:
        seen: dict[bytes, tuple[int, Mapping[str, Any]]] = {}
        for records in self._pipe.read():
            stay = []
            for record in records:
                if not record.pending:
                    stay.append(record)
                elif not record.text.strip():
                    stay.append(self._without(record, EMPTY))
                else:
                    digest = self._settings.digest(record.text)
                    number, named = seen.setdefault(digest, (record.number, record.named()))
                    of = None if number == record.number else {"index": number, **named}
                    stay += self._decided(record, number, of, 1.0)
            yield stay

    def _chosen(self) -> Iterator[list[Record]]:
        from nlptool.tasks.dedup_search import order, search

        kept = KeptRecords()
        failed: dict[int, Record] = {}
        searched = search(self._settings, self._pipe, self._embedder)
        for window in windows(self._pipe.read()):
            searched.read(window, len(kept))
            for record in window:
                if not record.pending:
                    failed[len(kept)] = record
                kept.keep(record)
            self._pipe.bar.records(self._pipe.tally.n_read)
            if not window:
                yield []
        kept.close()
        items = searched.items()
        found = searched.found(kept, order(self._settings, kept, items, self._pipe.note))
        row = 0  # of the next item
        for first in range(0, len(kept), _CHUNK):
            stay = []
            for index in range(first, min(first + _CHUNK, len(kept))):
                record = failed.get(index) or kept.record(index)
                record.number = index
                if row < len(items) and items[row] == index:
                    by = int(items[found.by[row]])
                    of = None if by == index else {"index": by, **kept.record(by).named()}
                    stay += self._decided(record, by, of, float(found.similarity[row]))
                    row += 1
                elif not record.pending:
                    stay.append(record)
                else:
                    stay.append(self._without(record, NO_VECTOR if record.text.strip() else EMPTY))
            yield stay

    def _without(self, record: Record, reason: str) -> Record:
        """Return a record that has nothing to compare, and stays."""
        record.entry = {**self._entry, **record.entry, "reason": reason}
        if self._settings.groups:
            record.results = {"group": b"null", "duplicate_of": b"null", "similarity": b"null"}
        return record

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
