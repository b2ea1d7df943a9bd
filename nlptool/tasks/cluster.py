"""Which records belong together: the cluster of each, and what the clusters are about."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from nlptool.geometry.clusters import NONE, Clusters, blocks
from nlptool.geometry.measures import prepare
from nlptool.geometry.row_file import RowFile
from nlptool.records.formats.record_rows import Layout
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.tasks import embedded_records
from nlptool.tasks.cluster_settings import Found, Settings, find
from nlptool.tasks.cluster_words import Weighted, label_words
from nlptool.tasks.embedded_records import EmbeddedRecords
from nlptool.tasks.embedder import Embedder
from nlptool.tasks.npy_rows import NpyRows

LAYOUT = Layout({"cluster": int, "distance": float})
SUMMARY = Layout({"cluster": int, "size": int, "label": str, "words": dict, "central": dict}, with_input=False)

# Reasons:
NO_VECTOR = "no text and no vector"
ZEROS = "a vector of zeros, which has no direction"
ALONE = "in no cluster"

_CHUNK = 4096  # records that are written together
_ROUNDING = 1e-6  # by which the square of a length may miss 1
_IN_LABEL = 4  # words


class Cluster:
    """The clusters of the records of an input, known when the first record has come.

    Args:
        workers: processes that split texts into words; None: as many as there are processors.

    Attributes:
        items: the records that have a vector.
        vectors: of these, of unit length or zeros, (N, D).
        clusters: of these.
    """

    items: EmbeddedRecords | NpyRows
    vectors: NDArray[np.float32]
    clusters: Clusters

    def __init__(self, settings: Settings, pipe: Pipe, embedder: Embedder, *, workers: int | None = 1) -> None:
        self._settings = settings
        self._pipe = pipe
        self._embedder = embedder
        self._workers = workers
        self._entry: dict[str, Any] = {}
        self._words: list[list[Weighted]] | None = None

    def records(self) -> Iterator[list[Record]]:
        """Read the input, and yield its records with the results ``cluster`` and ``distance``, all in their places."""
        self._find()
        for _, record in self.items.without:
            if record.pending:
                self._answer(record, NONE, np.nan, NO_VECTOR)
        yield from embedded_records.in_order(self.items, 0, self._answered)

    def summary(self, n_words: int, n_central: int) -> Iterator[list[Record]]:
        """Read the input, and yield the records that failed, and then a record for each cluster.

        Args:
            n_words: of each cluster.
            n_central: records of each that are named.
        """
        self._find()
        yield [record for _, record in self.items.without if not record.pending]
        words = self.words(n_words)
        central = self.clusters.most_central(n_central)
        records = []
        for cluster, size in enumerate(self.clusters.sizes.tolist()):
            record = Record(self.items.text(central[cluster][0]) if n_central else "", "", 0, b"{}")
            named = [
                {**self.items.shown(item), "distance": _rounded(self.clusters.distances[item])}
                for item in central[cluster]
            ]
            record.results = {
                "cluster": b"%d" % cluster,
                "size": b"%d" % size,
                "label": orjson.dumps(self.label(cluster)),
                "words": orjson.dumps([{"word": word, "weight": weight} for word, weight in words[cluster]]),
                "central": orjson.dumps(named),
            }
            record.entry = self._entry
            records.append(record)
        yield records

    def words(self, n_words: int) -> list[list[Weighted]]:
        """Return the words that say what each cluster is about, with their weights, the highest first."""
        if self._words is None:
            n = max(n_words, _IN_LABEL)
            self._words = label_words(self.items, self.clusters, n, self._pipe, workers=self._workers)
        return [words[:n_words] for words in self._words]

    def label(self, cluster: int) -> str:
        """Return the first words of a cluster."""
        return ", ".join(word for word, _ in self.words(_IN_LABEL)[cluster])

    def _find(self) -> None:
        self.items = embedded_records.read(
            self._pipe, self._embedder, empty=True, ready=lambda vectors: prepare(vectors, "cosine")
        )
        self.vectors = self.items.vectors if self.items.ready else _unit(self.items.vectors)
        rows = np.flatnonzero(self.vectors.any(axis=1)) if self.items.n_zero else None
        found = find(self.vectors if rows is None else self.vectors[rows], self._settings, report=self._report)
        self.clusters = found.clusters if rows is None else _spread(found.clusters, rows, len(self.items))
        self._entry = {
            "model": self._embedder.model or None,
            "method": self._settings.method,
            "k": len(self.clusters.centres),
            **found.entry,
        }
        self._say(found)

    def _report(self, n_done: int) -> None:
        self._pipe.bar.work("compare", n_done, len(self.items), "records")

    def _say(self, found: Found) -> None:
        note, n_clusters = self._pipe.note, len(self.clusters.centres)
        if found.scores:
            listed = ", ".join(f"{k}: {score:.3f}" for k, score in found.scores.items())
            note(f"-k {n_clusters}, with the highest silhouette ({listed})")
        if self._settings.k is not None and n_clusters < self._settings.k and len(self.items):
            note(f"clusters: {n_clusters:,}, since no more vectors differ")
        if not len(self.items):
            note("no record has a vector: there is nothing to cluster")
        elif n_alone := int(np.count_nonzero(self.clusters.numbers == NONE)) - self.items.n_zero:
            note(f"records in no cluster: {n_alone:,} of {len(self.items):,}")
        if self.items.n_zero:
            note(f"vectors of zeros, which are in no cluster: {self.items.n_zero:,}")

    def _answered(self, start: int) -> Iterator[list[Record]]:
        numbers, distances = self.clusters.numbers.tolist(), self.clusters.distances
        for first in range(start, len(self.items), _CHUNK):
            records = []
            for index in range(first, min(first + _CHUNK, len(self.items))):
                record = self.items.record(index)
                reason = "" if numbers[index] != NONE else ALONE if self.vectors[index].any() else ZEROS
                self._answer(record, numbers[index], distances[index], reason)
                records.append(record)
            yield records

    def _answer(self, record: Record, cluster: int, distance: float, reason: str) -> None:
        if reason:
            record.results = {"cluster": b"null", "distance": b"null"}
            record.entry = {**self._entry, "reason": reason, **record.entry}
        else:
            record.results = {"cluster": b"%d" % cluster, "distance": b"%.6g" % distance}
            record.entry = {**self._entry, **record.entry}


def _rounded(value: np.float32) -> float:
    return float(f"{value:.6g}")


def _unit(rows: NDArray[Any]) -> NDArray[np.float32]:
    """Return the rows of an ``.npy`` as unit vectors or zeros: as they are, or in a temporary file that is mapped into memory."""
    if rows.dtype == np.float32:
        lengths = np.concatenate([np.zeros(0), *(np.einsum("ij,ij->i", block, block) for _, block in blocks(rows))])
        if np.all((lengths == 0) | (np.abs(lengths - 1) < _ROUNDING)):
            return rows
    made = RowFile(np.float32)
    for first in range(0, len(rows), _CHUNK):
        made.add(prepare(np.asarray(rows[first : first + _CHUNK]), "cosine"))
    return made.matrix()


def _spread(clusters: Clusters, rows: NDArray[np.int64], n_items: int) -> Clusters:
    """Return the clusters of some rows as those of all items, of which the others are in none."""
    numbers, distances = np.full(n_items, NONE, np.int64), np.full(n_items, np.nan, np.float32)
    numbers[rows], distances[rows] = clusters.numbers, clusters.distances
    return Clusters(numbers, distances, clusters.centres)
