"""``nlptool search``: semantic search in a corpus."""

from __future__ import annotations

from dataclasses import dataclass, replace

import click

from nlptool.catalog import DEFAULT_BERT, ENGLISH_ENCODER
from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.records.inputs import is_file
from nlptool.records.pipe import Pipe
from nlptool.specs import EncoderSpec


@click.command(cls=Command)
@options.records(
    "search",
    arguments=click.argument("words", nargs=-1, metavar="[QUERY]..."),
    instead=("query", "code", "embedding", "tokens"),
)
@click.option(
    "--corpus", multiple=True, required=True, metavar="PATH",
    help="Corpus: a file of texts or of records with embeddings, an .npy, or an index, in parts or not; repeatable, several "
    "files are one corpus.",
)  # fmt: skip
@options.top_k(10, largest=100_000, help="Number of answers.")
@options.threshold("Smallest similarity of an answer.")
@options.measure
@click.option("--hamming", metavar="R", type=options.IntRange(0, 4096),
              help="Compare the codes of `nlptool hash`: find the records within R bits of the query.")  # fmt: skip
@click.option("--tokens", is_flag=True, help="Search for a word as it is meant in the query, by vectors in context.")
@click.option("--word", metavar="W", help="With --tokens: the word of the query, if none is marked: [[bank]].")
@click.option("--any", "any_word", envvar="NLPTOOL_SEARCH_ANY", is_flag=True,
              help="With --tokens: compare with all words of the corpus, not only those spelled the same.")  # fmt: skip
@options.layer
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
    hamming: int | None,
    format: str,
    memory: int,
    tokens: bool,
    word: str | None,
    any_word: bool,
    layer: str | int | None,
    spec: EncoderSpec,
) -> None:
    """Find the sentences of a corpus that are nearest in meaning to a query (semantic search), or the places where a word is
    meant as in the query.

    Each argument, or each line of the input, is a query. Each record gets `query` and `neighbors`, a list of {index, file,
    line, text, similarity}, the most similar first; `index` counts the records of the corpus from 0. The similarity is the
    cosine (-1 to 1), unless the model is made for another measure or --measure names one. Query and corpus may be in different
    languages if the model knows both. The search is exact: it compares with every vector of the corpus.

    \b
    nlptool search 雨の日の過ごし方 --corpus diary.txt
    nlptool search --corpus corpus.index -k 3 < questions.txt > answers.jsonl
    nlptool search "a boat in the harbour" --corpus captions.txt --threshold 0.5 -f table
    nlptool search 港の船 --hamming 40 --corpus codes.jsonl
    nlptool search --tokens "on the [[bank]] of the river" --corpus corpus.txt -f table

    For a corpus that is searched more than once, make an index with `nlptool index build`: its texts are then embedded only
    once. A query uses the model of the index; another model is refused. A model with prompts gets its prompt for queries, and
    for the corpus its prompt for documents.

    With --hamming the corpus is records with a `code` (from `nlptool hash`). The query is hashed in the same way, by the model
    that the records name; a record with a `code` of its own is not hashed again. The answers differ from the query in at most R
    bits: {index, file, line, text, distance}, the nearest first, or, where the query and all records of the corpus have an
    `embedding` too, with `similarity`, the cosine, the most similar first. `n_within` under `nlptool.search` is how many records
    are within R bits. All codes are compared; memory holds 8 bytes for every 64 bits of each, all else is in temporary files.

    With --tokens the query is a text with a marked word, [[bank]], or --word names one, and the answers are the occurrences of
    that word in the corpus, those first that are meant the same way: {index, file, line, text, start, end, word, similarity}.
    Case does not matter. Records may give `start` and `end` of the word in `text`. With --any all words of the corpus are
    compared. The vectors are those of `nlptool embed --tokens --pool-words mean`, and the corpus may be an .npz that it wrote,
    with the same -m and --layer. The default model is all-MiniLM-L6-v2 for Latin letters, else bert-mini-ja.
    """
    for text in words:
        if is_file(text):
            pipe.note(f"{text} is a file, and its name was taken as a query; < {text} reads queries from it")
    if not words and "-" in corpus:
        raise click.UsageError("stdin cannot be the corpus and the queries at once: give the queries as arguments")
    from nlptool.geometry import similarity as similarities

    click.get_current_context().with_resource(similarities.blas_threads(spec.threads))
    if tokens:
        options.refuse((*_OF_TEXTS, "hamming"), "--tokens")
        _tokens(pipe, words, corpus, spec, _Chosen(format, top_k, threshold, memory, word, layer, any_word))
        return
    options.refuse_without(("word", "any_word", "layer"), "--tokens")
    if hamming is not None:
        options.refuse(("threshold", "measure", "memory"), "--hamming")
        _codes(pipe, words, corpus, spec, format, radius=hamming, top_k=top_k)
        return
    from nlptool.tasks import word_queries as queries
    from nlptool.tasks.search import open_corpus, search
    from nlptool.tasks.similarity import neighbors_layout

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


_OF_TEXTS = ("measure", "prompt", "prompt_name", "dim", "unicode_errors")
"""Options that --tokens makes no use of."""


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What was chosen of a search with --tokens."""

    format: str
    top_k: int
    threshold: float | None
    memory: int
    word: str | None
    layer: str | int | None
    any_word: bool


def _codes(
    pipe: Pipe, words: tuple[str, ...], corpus: tuple[str, ...], spec: EncoderSpec, format: str, *, radius: int, top_k: int
) -> None:  # fmt: skip
    """Search among binary codes."""
    from nlptool.tasks import word_queries as queries
    from nlptool.tasks.hash import NOTES
    from nlptool.tasks.search_codes import LAYOUT, CodeSearch, open_corpus

    search = CodeSearch(pipe, open_corpus(pipe, corpus, radius, spec), spec, radius)
    queries.write(
        pipe, search.search(queries.read(pipe, words), top_k), format, field="neighbors", layout=LAYOUT, notes=NOTES,
        title=lambda asked, entry: f"{asked[0]}   {entry['model'] or ''}, {entry.get('n_within', 0):,} within {radius} bits",
    )  # fmt: skip
    search.say()


def _tokens(pipe: Pipe, words: tuple[str, ...], corpus: tuple[str, ...], spec: EncoderSpec, chosen: _Chosen) -> None:
    """Search for a word as it is meant in the query."""
    from nlptool.specs import ContextualSpec, as_kind
    from nlptool.tasks import word_queries as queries
    from nlptool.tasks.embed_tokens import Layers
    from nlptool.tasks.open_model import open_model
    from nlptool.tasks.search_tokens import LAYOUT, open_corpus, search_tokens
    from nlptool.text.scripts import main_script

    if chosen.layer == "all":
        raise click.UsageError("--layer all gives several vectors for a word: choose one layer, or last4")
    pipe.form = replace(pipe.form, instead=("query",))
    if not spec.model:
        first = words[:1] or [record.text for record in pipe.peek() if record.pending]
        script = next(filter(None, map(main_script, first)), "")
        spec = replace(spec, model=ENGLISH_ENCODER if script == "Latin" else DEFAULT_BERT)
    model = open_model(as_kind(spec, ContextualSpec), pipe)
    layers = Layers.of(model, chosen.layer)
    items = open_corpus(pipe, corpus, model, layers)
    lists = search_tokens(
        queries.read(pipe, words), items, model, layers,
        k=chosen.top_k, memory=chosen.memory, word=chosen.word, any_word=chosen.any_word, threshold=chosen.threshold,
    )  # fmt: skip
    queries.write(
        pipe, lists, chosen.format, title=lambda asked, entry: f"{asked[0]}   {entry['model']}", field="neighbors",
        layout=LAYOUT,
    )  # fmt: skip
