"""Search a corpus for the items whose meaning is nearest to each record's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nlptool.errors import RecordError, RunError, WrongUsage
from nlptool.geometry.index import Index
from nlptool.geometry.index_folder import is_index
from nlptool.geometry.index_parts import IndexParts, open_index
from nlptool.geometry.measures import DIRECTIONS, prepare
from nlptool.geometry.similarity import Vectors, nearest
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.tasks import embedded_records
from nlptool.tasks.embedder import Embedder
from nlptool.tasks.indexed_items import embedder_of
from nlptool.tasks.model_names import same_model
from nlptool.tasks.similarity import neighbors_json
from nlptool.tasks.word_queries import query_result, take_query

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nlptool.specs import EncoderSpec
    from nlptool.tasks.embedded_records import EmbeddedRecords
    from nlptool.tasks.npy_rows import NpyRows


def search(
    lists: Iterator[list[Record]],
    corpus: EmbeddedRecords | NpyRows | Index | IndexParts,
    embedder: Embedder,
    *,
    k: int,
    memory: int,
    threshold: float | None = None,
) -> Iterator[list[Record]]:
    """Give each record the ``k`` items of the corpus whose vectors are most similar to its own, by the embedder's measure.

    Args:
        memory: bytes of scores that may be held.
        threshold: leave out items that are less similar.
    """
    measure = embedder.measure
    check = corpus.check_rows if isinstance(corpus, Index | IndexParts) else None
    items = Vectors(corpus.vectors, measure, ready=corpus.ready, check=check)
    for records in lists:
        for record in filter(lambda each: each.pending, records):
            try:
                take_query(record)
            except RecordError as error:
                record.fail(error)
        with_vector, vectors = embedder(records)
        for record in records:
            if record.pending:
                record.results = {**query_result(record, record.text), "neighbors": b"null"}
                entry = {"model": embedder.model or None, "measure": measure}
                record.entry = {**entry, **record.entry, "reason": "the query has no vector, or one of zeros"}
        prepared = prepare(vectors, measure)
        usable = np.flatnonzero(prepared.any(axis=1) if measure in DIRECTIONS else np.ones(len(prepared), bool))
        with_vector, queries = [with_vector[row] for row in usable], Vectors(prepared[usable], measure)
        for first, columns, scores in nearest(queries, items, min(k, len(corpus)), memory=memory, threshold=threshold):
            block = with_vector[first : first + len(columns)]
            for record, indices, similarities in zip(block, columns, scores, strict=True):
                record.results = {**record.results, "neighbors": neighbors_json(corpus, indices, similarities)}
                record.entry = {name: value for name, value in record.entry.items() if name != "reason"}
        yield records


def open_corpus(
    pipe: Pipe, paths: tuple[str, ...], spec: EncoderSpec, measure: str | None = None
) -> tuple[EmbeddedRecords | NpyRows | Index | IndexParts, Embedder]:
    """Open an index or read a corpus; return it and the embedder of the queries.

    Args:
        measure: of similarity; None: that of the index or of the model.

    Raises:
        WrongUsage: there is an index among several paths.
        RunError: the corpus has no vectors, or none that ``measure`` could compare.
    """
    pipe.id_is_optional = True  # queries may be text
    if any(is_index(Path(path)) for path in paths):
        if len(paths) > 1:
            raise WrongUsage("an index is searched alone, without other files beside it")
        index = open_index(Path(paths[0]), same_model)
        embedder = embedder_of(pipe, index, spec, measure, role="query")
        _check_not_empty(index, paths)
        return index, embedder
    documents = Embedder(pipe, spec, role="document", measure=measure)

    def ready(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        return prepare(vectors, documents.measure)  # which is known with the first vectors

    with pipe.beside(*paths) as beside:
        items = embedded_records.read(beside, documents, records=False, ready=ready)
    documents.say("corpus: ")
    spec = replace(spec, dim=documents.dim)
    embedder = Embedder(
        pipe, spec, role="query", model=documents.model, dimension=documents.dimension, beside=documents,
        measure=documents.measure,
    )  # fmt: skip
    _check_not_empty(items, paths)
    return items, embedder


def _check_not_empty(corpus: EmbeddedRecords | NpyRows | Index | IndexParts, paths: tuple[str, ...]) -> None:
    if not len(corpus):
        raise RunError(f"there is nothing to search in: no record of {', '.join(paths)} has a vector")
