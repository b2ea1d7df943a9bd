"""``nlptool search``: the sentences that are nearest in meaning."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nlptool import comparisons, options, queries
from nlptool.errors import RecordError, RunError
from nlptool.json_objects import field_value
from nlptool.pipe import Pipe
from nlptool.records import Record

if TYPE_CHECKING:
    from nlptool.embedder import Choice, Embedder
    from nlptool.items import Items, Matrix
    from nlptool.models.indexes import Index


def search(
    lists: Iterator[list[Record]],
    corpus: Items | Matrix | Index,
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

    from nlptool.models.similarities import Vectors, nearest, prepared

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
                record.results = {**queries.query(record, record.text), "neighbors": b"null"}
                said = {"model": embedder.model or None, "measure": "cosine"}
                record.entry = {**said, **record.entry, "reason": "the query has no vector, or one of zeros"}
        ready = prepared(vectors, "cosine")
        there = np.flatnonzero(ready.any(axis=1))
        kept, asked = [kept[row] for row in there], Vectors(ready[there])
        for first, columns, scores in nearest(asked, others, min(k, len(corpus)), memory=memory, threshold=threshold):
            for record, places, values in zip(kept[first : first + len(columns)], columns, scores, strict=True):
                record.results = {**record.results, "neighbors": comparisons.as_neighbors(corpus, places, values)}
                record.entry = {name: value for name, value in record.entry.items() if name != "reason"}
        yield records


@click.command()
@options.records(
    "search",
    arguments=click.argument("words", nargs=-1, metavar="[QUERY]..."),
    instead=("query", "embedding", "tokens"),
)
@click.option(
    "--corpus", multiple=True, required=True, metavar="PATH",
    help="What is searched: a file of texts or of records with embeddings, an .npy, or a folder of `nlptool index`; "
    "several files are one corpus.",
)  # fmt: skip
@click.option(
    "-k", "--top-k", default=10, show_default=True, metavar="K", type=click.IntRange(1, 100_000), help="Answers."
)
@options.threshold("Only what has a cosine of T at least.")
@options.table_choice()
@options.memory
@options.encoder()
def command(  # noqa: PLR0917
    pipe: Pipe,
    words: tuple[str, ...],
    corpus: tuple[str, ...],
    top_k: int,
    threshold: float | None,
    format: str | None,
    memory: int,
    **choice: Any,
) -> None:
    """The sentences of a corpus that are nearest in meaning to a query. Each argument, or each line, is a query of its own.

    Each record gets `query` and `neighbors`, a list of {index, text, similarity}: cosines, the largest first. `index` counts
    the items of the corpus from 0. Queries may be in another language than the corpus, if the model knows both. The search is
    exact: every vector of the corpus is looked at.

    \b
    nlptool search 雨の日の過ごし方 --corpus diary.txt
    nlptool search --corpus corpus.index -k 3 < questions.txt > answers.jsonl
    nlptool search "a boat in the harbour" --corpus captions.txt --threshold 0.5 -f table

    A corpus that is searched more than once is best kept with `nlptool index build`: its texts are then embedded only once,
    and a query uses the model that made the index; another one is refused. Models with prompts get that of a query, and
    those of the corpus that of a document.
    """
    if not words and "-" in corpus:
        raise click.UsageError("stdin cannot be the corpus and the queries at once: give the queries as arguments")
    from nlptool.embedder import Choice
    from nlptool.models import similarities

    similarities.use_threads(choice["threads"])
    found, embedder = _open(pipe, corpus, Choice(**choice))
    if not len(found):
        raise RunError(f"there is nothing to search in: no record of {', '.join(corpus)} has a vector")
    lists = search(queries.read(pipe, words), found, embedder, k=top_k, memory=memory, threshold=threshold)
    queries.write(pipe, lists, format, lambda asked, entry: f"{asked[0]}   {entry['model'] or ''}", "neighbors")
    embedder.say()


def _open(pipe: Pipe, corpus: tuple[str, ...], choice: Choice) -> tuple[Items | Matrix | Index, Embedder]:
    """What is searched, and what embeds the queries."""
    from nlptool import items
    from nlptool.embedder import Embedder
    from nlptool.models.similarities import prepared

    if any(Path(path).is_dir() for path in corpus):
        if len(corpus) > 1:
            raise click.UsageError("an index is searched alone, without other files beside it")
        from nlptool.models.indexes import Index

        index = Index(Path(corpus[0]))
        choice = replace(choice, dim=choice.dim or index.about.get("dim"))
        identity = str(index.about.get("identity") or "")
        made = {"model": index.model, "identity": identity, "dimension": index.vectors.shape[1]}
        return index, Embedder(pipe, choice, role="query", **made)
    documents = Embedder(pipe, choice, role="document")
    with pipe.beside(*corpus) as own:
        found = items.read(own, documents, records=False, ready=functools.partial(prepared, measure="cosine"))
    documents.say()
    choice = replace(choice, dim=documents.dim)
    made = {"model": documents.model, "dimension": documents.dimension, "beside": documents}
    return found, Embedder(pipe, choice, role="query", **made)
