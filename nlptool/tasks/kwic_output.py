"""Which hits are written, in what order, and how."""

from __future__ import annotations

import heapq
import itertools
import pickle
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO

from nlptool.records import formats
from nlptool.records.formats.concordance import ConcordanceLines
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.records.reservoir import Reservoir
from nlptool.records.writing import row_options
from nlptool.storage import temp_files
from nlptool.tasks.kwic import LAYOUT, HitRecord, Kwic

_CHUNK = 1000  # hits of a list
_MOST_IN_MEMORY = 200_000  # hits that are sorted at once; about 200 MB


@dataclass(frozen=True, slots=True)
class Choice:
    """Which hits are written, and in what order.

    Attributes:
        sort: left | right | file.
        most: the first ones alone; None: all.
        sample: so many, drawn at random; None: all.
    """

    sort: str = "file"
    most: int | None = None
    sample: int | None = None
    seed: int = 1

    def __call__(self, lists: Iterable[list[Record]]) -> Iterable[list[Record]]:
        """Return the hits that are written."""
        if self.sample is not None:
            lists = sampled(lists, self.sample, seed=self.seed)
        if self.sort != "file":
            lists = by_key(lists)
        return lists if self.most is None else first(lists, self.most)

    @property
    def reads_all(self) -> bool:
        """Whether all of the input is read."""
        return self.most is None or self.sort != "file"


def write(pipe: Pipe, kwic: Kwic, choice: Choice, format: str) -> None:
    """Write the hits in the input, and say at the end what was found.

    Args:
        format: a name of ``formats.FORMATS`` that holds records.
    """

    def hits() -> Iterator[list[Record]]:
        for records in pipe.work_done.rest(choice(kwic(pipe.read()))):
            for record in records:
                if isinstance(record, HitRecord):
                    record.set_results(named=format == "jsonl")
            yield records
        for message in kwic.messages():
            pipe.note(message)
        if kwic.n_hits and choice.reads_all and (format == "table" or choice.sample is not None):
            pipe.note(kwic.summary(sample=choice.sample))

    if format == "table":
        pipe.write_rows(hits(), ConcordanceLines())
    else:
        writer = formats.row_writer(format, "records", LAYOUT, **(row_options(pipe) | {"with_place": True}))
        pipe.write_rows(hits(), writer)


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
    kept = reservoir.items()
    del reservoir
    yield from _in_lists(_given_up(kept))


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
            held.sort(key=_key)
            parts.append(_written(held))
            held = []
        yield [record for record in records if not isinstance(record, HitRecord)]
    held.sort(key=_key)
    yield from _in_lists(heapq.merge(*map(_read, parts), _given_up(held), key=_key))


def _given_up(hits: list[HitRecord]) -> Iterator[HitRecord]:
    """Yield hits, and keep none that was: what is written of one is larger than what is known of it."""
    hits.reverse()
    while hits:
        yield hits.pop()


def _in_lists(hits: Iterator[HitRecord]) -> Iterator[list[Record]]:
    while chunk := list(itertools.islice(hits, _CHUNK)):
        yield list(chunk)


def _key(record: HitRecord) -> str:
    return record.hit.key


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
