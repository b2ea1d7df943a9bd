"""Project the embeddings of records onto a plane."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import orjson

from nlptool.geometry import projection
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.tasks import embedded_records

if TYPE_CHECKING:
    from nlptool.geometry.projection import Projection
    from nlptool.tasks.embedded_records import EmbeddedRecords
    from nlptool.tasks.embedder import Embedder
    from nlptool.tasks.npy_rows import NpyRows

_CHUNK = 4096  # records that are written together
_MANY = 20_000  # items, from which on t-SNE takes minutes


class Map:
    """The records of the input and their points, known when the first record of ``records`` has come.

    Args:
        method: pca | tsne.
        perplexity: of t-SNE; None: 30, or a third of the items.

    Attributes:
        items: the records that have a vector.
        projection: their points, and the names of the axes.
    """

    items: EmbeddedRecords | NpyRows
    projection: Projection

    def __init__(self, method: str, *, perplexity: float | None, seed: int, threads: int) -> None:
        self._method = method
        self._perplexity = perplexity
        self._seed = seed
        self._threads = threads

    def records(self, pipe: Pipe, embedder: Embedder) -> Iterator[list[Record]]:
        """Read the input, and yield its records with the results ``x`` and ``y``, the failed ones in their places."""
        n_done = pipe.work_done.before()
        self.items = embedded_records.read(pipe, embedder)
        if self._method == "tsne" and len(self.items) > _MANY:
            pipe.note(f"t-SNE of {len(self.items):,} records takes minutes; --method pca is done at once")
        self.projection = projection.project(
            self.items.vectors, self._method, perplexity=self._perplexity, seed=self._seed, threads=self._threads
        )
        entry = {"model": embedder.model or None, "method": self._method, **self.projection.info}
        yield from embedded_records.in_order(self.items, n_done, lambda start: self._placed(entry, start))

    def _placed(self, entry: dict[str, Any], start: int) -> Iterator[list[Record]]:
        for first in range(start, len(self.items), _CHUNK):
            records = []
            for index in range(first, min(first + _CHUNK, len(self.items))):
                record = self.items.record(index)
                x, y = self.projection.points[index]
                record.results = {
                    "x": orjson.dumps(x, option=orjson.OPT_SERIALIZE_NUMPY),
                    "y": orjson.dumps(y, option=orjson.OPT_SERIALIZE_NUMPY),
                }
                record.entry = {**entry, **record.entry}
                records.append(record)
            yield records
