"""Search an index, and build one."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nlptool.errors import RecordError, RunError, WrongUsage
from nlptool.records.json_bytes import field_text, field_value
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.tasks import similarity
from nlptool.tasks import word_queries as queries

if TYPE_CHECKING:
    from nlptool.geometry.index import Index
    from nlptool.geometry.index_builder import Builder
    from nlptool.specs import EncoderSpec
    from nlptool.tasks.embedded_records import EmbeddedRecords, NpyRows
    from nlptool.tasks.embedder import Embedder

_ROWS = 8192  # of an .npy that are taken at once


def build_index(
    lists: Iterator[list[Record]], embedder: Embedder, builder: Builder, *, id_field: str | None
) -> Iterator[list[Record]]:
    """Put the records that have a vector into the index, but for those that it has already; yield the others.

    Raises:
        RunError: it has more of them than there are.
    """
    from nlptool.geometry.measures import prepare

    before, n_read = builder.n_read, 0
    for records in lists:
        skipped = min(len(records), max(0, before - n_read))
        n_read += len(records)
        kept, vectors = embedder(records[skipped:])
        shown = []
        for record in kept:
            name = field_text(record.raw, id_field)
            shown.append({**({"id": name} if name else {}), "text": record.text})
        if n_read > before:
            said = {"model": embedder.model, "identity": embedder.identity(), "prompt": embedder.prompt}
            builder.about |= {name: value for name, value in {**said, "dim": embedder.dim}.items() if value}
            builder.add(prepare(vectors, "cosine"), shown, n_read=n_read)
        taken = set(map(id, kept))
        yield [record for record in records[skipped:] if id(record) not in taken and not record.pending]
    _check_same(builder, n_read)


def add_records(path: str, builder: Builder) -> None:
    """The rows of an ``.npy``."""
    from nlptool.geometry.measures import prepare
    from nlptool.tasks.embedded_records import NpyRows

    rows = NpyRows(path).vectors
    _check_same(builder, len(rows))
    for first in range(builder.n_read, len(rows), _ROWS):
        block = prepare(rows[first : first + _ROWS], "cosine")
        builder.add(block, [{}] * len(block), n_read=first + len(block))


def _check_same(builder: Builder, n_read: int) -> None:
    """
    Raises:
        RunError: the unfinished build had read more.
    """
    if builder.n_read > n_read:
        raise RunError(
            f"{builder.part} has {builder.n_read - n_read:,} records more than the input: it comes from another one",
            hint="without --resume it is built anew",
        )


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
        threshold: leave out what is less alike.
    """
    import numpy as np

    from nlptool.geometry.measures import prepare
    from nlptool.geometry.similarity import Vectors, nearest

    others = Vectors(corpus.vectors, "cosine", ready=corpus.ready)
    for records in lists:
        for record in records:
            given = field_value(record.raw, "query") if record.pending else None
            if isinstance(given, str):
                record.text = given
            elif given is not None:
                record.fail(RecordError("BadQuery", "`query` is not a string", hint="a record for each query"))
        kept, vectors = embedder(records)
        for record in records:
            if record.pending:
                record.results = {**queries.query_result(record, record.text), "neighbors": b"null"}
                said = {"model": embedder.model or None, "measure": "cosine"}
                record.entry = {**said, **record.entry, "reason": "the query has no vector, or one of zeros"}
        ready = prepare(vectors, "cosine")
        there = np.flatnonzero(ready.any(axis=1))
        kept, asked = [kept[row] for row in there], Vectors(ready[there])
        for first, columns, scores in nearest(asked, others, min(k, len(corpus)), memory=memory, threshold=threshold):
            for record, places, values in zip(kept[first : first + len(columns)], columns, scores, strict=True):
                record.results = {**record.results, "neighbors": similarity.as_neighbors(corpus, places, values)}
                record.entry = {name: value for name, value in record.entry.items() if name != "reason"}
        yield records


def open_corpus(
    pipe: Pipe, corpus: tuple[str, ...], choice: EncoderSpec
) -> tuple[EmbeddedRecords | NpyRows | Index, Embedder]:
    """What is searched, and what embeds the queries."""
    from nlptool.geometry.measures import prepare
    from nlptool.tasks import embedded_records
    from nlptool.tasks.embedder import Embedder

    if any(Path(path).is_dir() for path in corpus):
        if len(corpus) > 1:
            raise WrongUsage("an index is searched alone, without other files beside it")
        from nlptool.geometry.index import Index

        index = Index(Path(corpus[0]))
        choice = replace(choice, dim=choice.dim or index.about.get("dim"))
        identity = str(index.about.get("identity") or "")
        made = {"model": index.model, "identity": identity, "dimension": index.vectors.shape[1]}
        return index, Embedder(pipe, choice, role="query", **made)
    documents = Embedder(pipe, choice, role="document")
    with pipe.beside(*corpus) as own:
        found = embedded_records.read(own, documents, records=False, ready=functools.partial(prepare, measure="cosine"))
    documents.say()
    choice = replace(choice, dim=documents.dim)
    made = {"model": documents.model, "dimension": documents.dimension, "beside": documents}
    return found, Embedder(pipe, choice, role="query", **made)
