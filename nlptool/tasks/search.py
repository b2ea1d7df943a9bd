"""Search a corpus for the items whose meaning is nearest to each record's."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nlptool.errors import RecordError, RunError, WrongUsage
from nlptool.geometry.index import Index
from nlptool.geometry.index_folder import is_index
from nlptool.geometry.measures import prepare
from nlptool.geometry.similarity import Vectors, nearest
from nlptool.records.json_bytes import field_value
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.tasks import embedded_records
from nlptool.tasks.embedder import Embedder
from nlptool.tasks.similarity import neighbors_json
from nlptool.tasks.word_queries import query_result

if TYPE_CHECKING:
    from nlptool.specs import EncoderSpec
    from nlptool.tasks.embedded_records import EmbeddedRecords
    from nlptool.tasks.npy_rows import NpyRows


def search(
    lists: Iterator[list[Record]],
    corpus: EmbeddedRecords | NpyRows | Index,
    embedder: Embedder,
    *,
    k: int,
    memory: int,
    threshold: float | None = None,
) -> Iterator[list[Record]]:
    """Give each record the ``k`` items of the corpus whose vectors have the largest cosine with its own.

    Args:
        memory: bytes of scores that may be held.
        threshold: leave out items with a smaller cosine.
    """
    check = corpus.check_rows if isinstance(corpus, Index) else None
    items = Vectors(corpus.vectors, "cosine", ready=corpus.ready, check=check)
    for records in lists:
        for record in records:
            query = field_value(record.raw, "query") if record.pending else None
            if isinstance(query, str):
                record.text = query
            elif query is not None:
                record.fail(RecordError("BadQuery", "`query` is not a string", hint="a record for each query"))
        with_vector, vectors = embedder(records)
        for record in records:
            if record.pending:
                record.results = {**query_result(record, record.text), "neighbors": b"null"}
                entry = {"model": embedder.model or None, "measure": "cosine"}
                record.entry = {**entry, **record.entry, "reason": "the query has no vector, or one of zeros"}
        prepared = prepare(vectors, "cosine")
        nonzero = np.flatnonzero(prepared.any(axis=1))
        with_vector, queries = [with_vector[row] for row in nonzero], Vectors(prepared[nonzero])
        for first, columns, scores in nearest(queries, items, min(k, len(corpus)), memory=memory, threshold=threshold):
            block = with_vector[first : first + len(columns)]
            for record, indices, similarities in zip(block, columns, scores, strict=True):
                record.results = {**record.results, "neighbors": neighbors_json(corpus, indices, similarities)}
                record.entry = {name: value for name, value in record.entry.items() if name != "reason"}
        yield records


def open_corpus(
    pipe: Pipe, paths: tuple[str, ...], spec: EncoderSpec
) -> tuple[EmbeddedRecords | NpyRows | Index, Embedder]:
    """Open an index or read a corpus; return it and the embedder of the queries.

    Raises:
        WrongUsage: there is an index among several paths.
        RunError: the corpus has no vectors.
    """
    pipe.id_is_optional = True  # queries may be text
    if any(is_index(Path(path)) for path in paths):
        if len(paths) > 1:
            raise WrongUsage("an index is searched alone, without other files beside it")
        index = Index(Path(paths[0]))
        spec = replace(spec, dim=spec.dim or index.about.get("dim"))
        identity = str(index.about.get("identity") or "")
        embedder = Embedder(
            pipe, spec, role="query", model=index.model, identity=identity, dimension=index.vectors.shape[1]
        )
        _check_not_empty(index, paths)
        return index, embedder
    documents = Embedder(pipe, spec, role="document")
    with pipe.beside(*paths) as beside:
        items = embedded_records.read(
            beside, documents, records=False, ready=functools.partial(prepare, measure="cosine")
        )
    documents.say()
    spec = replace(spec, dim=documents.dim)
    embedder = Embedder(
        pipe, spec, role="query", model=documents.model, dimension=documents.dimension, beside=documents
    )
    _check_not_empty(items, paths)
    return items, embedder


def _check_not_empty(corpus: EmbeddedRecords | NpyRows | Index, paths: tuple[str, ...]) -> None:
    if not len(corpus):
        raise RunError(f"there is nothing to search in: no record of {', '.join(paths)} has a vector")
