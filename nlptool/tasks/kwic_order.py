"""Which hits are written, and in what order."""

from __future__ import annotations

import heapq
import itertools
import pickle
from collections.abc import Iterable, Iterator
from typing import IO

from nlptool.records.record import Record
from nlptool.records.reservoir import Reservoir
from nlptool.storage import temp_files
from nlptool.tasks.kwic import HitRecord

_CHUNK = 1000  # hits of a list
_MOST_IN_MEMORY = 200_000  # hits that are sorted at once; about 250 MB


def first(lists: Iterable[list[Record]], most: int) -> Iterator[list[Record]]:
    """Yield the first ``most`` hits; nothing is read behind them."""
    n_left = most
    for records in lists:
        for number, record in enumerate(records):
            n_left -= isinstance(record, HitRecord)
            if not n_left:
                yield records[: number + 1]
                return
        yield records


def sampled(lists: Iterable[list[Record]], size: int, *, seed: int) -> Iterator[list[Record]]:
    """Yield a random sample of the hits, in their order, at the end; records that failed before."""
    reservoir: Reservoir[HitRecord] = Reservoir(size, seed=seed)
    for records in lists:
        for record in records:
            if isinstance(record, HitRecord):
                reservoir.add(record)
        yield [record for record in records if not isinstance(record, HitRecord)]
    yield list(reservoir.items())


def by_key(lists: Iterable[list[Record]], *, most_in_memory: int = _MOST_IN_MEMORY) -> Iterator[list[Record]]:
    """Yield the hits sorted by their keys, those of equal ones in their order; records that failed before.

    Args:
        most_in_memory: hits; more are sorted in parts, which wait in temporary files.
    """
    parts: list[IO[bytes]] = []
    held: list[HitRecord] = []
    for records in lists:
        held += [record for record in records if isinstance(record, HitRecord)]
        if len(held) >= most_in_memory:
            parts.append(_written(sorted(held, key=_key)))
            held = []
        yield [record for record in records if not isinstance(record, HitRecord)]
    in_order = heapq.merge(*map(_read, parts), sorted(held, key=_key), key=_key)
    while chunk := list(itertools.islice(in_order, _CHUNK)):
        yield list(chunk)


def _key(record: HitRecord) -> str:
    return record.key


def _written(hits: list[HitRecord]) -> IO[bytes]:
    """Return a temporary file with the hits."""
    file = temp_files.temporary()
    with temp_files.disk_space():
        for start in range(0, len(hits), _CHUNK):
            pickle.dump(hits[start : start + _CHUNK], file)
        file.seek(0)
    return file


def _read(file: IO[bytes]) -> Iterator[HitRecord]:
    """Yield the hits of a temporary file, which this program has written itself."""
    with file:
        while True:
            try:
                hits: list[HitRecord] = pickle.load(file)
            except EOFError:
                return
            yield from hits
