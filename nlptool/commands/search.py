"""``nlptool search``: semantic search in a corpus."""

from __future__ import annotations

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.records.inputs import is_file
from nlptool.records.pipe import Pipe
from nlptool.specs import EncoderSpec


@click.command(cls=Command)
@options.records(
    "search",
    arguments=click.argument("words", nargs=-1, metavar="[QUERY]..."),
    instead=("query", "embedding", "tokens"),
)
@click.option(
    "--corpus", multiple=True, required=True, metavar="PATH",
    help="Corpus: a file of texts or of records with embeddings, an .npy, or a folder of `nlptool index`; repeatable, "
    "several files are one corpus.",
)  # fmt: skip
@options.top_k(10, largest=100_000, help="Number of answers.")
@options.threshold("Smallest similarity of an answer.")
@options.measure
@options.record_format(rows="an answer a row")
@options.memory
@options.encoder()
def command(  # noqa: PLR0917
    pipe: Pipe,
    words: tuple[str, ...],
    corpus: tuple[str, ...],
    top_k: int,
    threshold: float | None,
    measure: str | None,
    format: str,
    memory: int,
    spec: EncoderSpec,
) -> None:
    """Find the sentences of a corpus that are nearest in meaning to a query (semantic search).

    Each argument, or each line of the input, is a query. Each record gets `query` and `neighbors`, a list of {index, file,
    line, text, similarity}, the most similar first; `index` counts the records of the corpus from 0. The similarity is the
    cosine (-1 to 1), unless the model is made for another measure or --measure names one. Query and corpus may be in different
    languages if the model knows both. The search is exact: it compares with every vector of the corpus.

    \b
    nlptool search 雨の日の過ごし方 --corpus diary.txt
    nlptool search --corpus corpus.index -k 3 < questions.txt > answers.jsonl
    nlptool search "a boat in the harbour" --corpus captions.txt --threshold 0.5 -f table

    For a corpus that is searched more than once, make an index with `nlptool index build`: its texts are then embedded only
    once. A query uses the model of the index; another model is refused. A model with prompts gets its prompt for queries, and
    for the corpus its prompt for documents.
    """
    from nlptool.tasks import word_queries as queries
    from nlptool.tasks.search import open_corpus, search
    from nlptool.tasks.similarity import neighbors_layout

    for word in words:
        if is_file(word):
            pipe.note(f"{word} is a file, and its name was taken as a query; < {word} reads queries from it")
    if not words and "-" in corpus:
        raise click.UsageError("stdin cannot be the corpus and the queries at once: give the queries as arguments")
    from nlptool.geometry import similarity as similarities

    click.get_current_context().with_resource(similarities.blas_threads(spec.threads))
    items, embedder = open_corpus(pipe, corpus, spec, measure)
    lists = search(queries.read(pipe, words), items, embedder, k=top_k, memory=memory, threshold=threshold)
    queries.write(
        pipe,
        lists,
        format,
        title=lambda asked, entry: f"{asked[0]}   {entry['model'] or ''}",
        field="neighbors",
        layout=neighbors_layout({"query": str}),
    )
    embedder.say()
