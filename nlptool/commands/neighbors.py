"""``nlptool neighbors``: find the nearest neighbors of words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.records.pipe import Pipe

if TYPE_CHECKING:
    from nlptool.specs import WordVectorsSpec


@click.command(cls=Command)
@options.records("neighbors", arguments=options.words_argument("[WORD]..."), instead=("query",))
@options.word_vectors
@click.option("--plus", multiple=True, metavar="WORD", help="Word whose vector is added to the query; repeatable.")
@click.option(
    "--minus", multiple=True, metavar="WORD", help="Word whose vector is subtracted from the query; repeatable."
)
@options.answers("Number of neighbors.")
@options.record_format(rows="a neighbor a row")
def command(  # noqa: PLR0917
    pipe: Pipe,
    words: tuple[str, ...],
    plus: tuple[str, ...],
    minus: tuple[str, ...],
    top_k: int,
    include_query: bool,
    restrict: int | None,
    format: str,
    spec: WordVectorsSpec,
) -> None:
    """Find the words whose vectors are nearest to that of a word.

    Each argument, or each line of the input, is a query. Each record gets `query` and `neighbors`, a list of {word,
    similarity}: cosines (-1 to 1), the largest first. --plus and --minus add to and subtract from every query, as unit
    vectors.

    \b
    nlptool neighbors 猫 犬
    nlptool neighbors 言語 --plus 思考
    nlptool neighbors Paris --minus France --plus Japan
    cut -f 1 words.tsv | nlptool neighbors -m my.vec -k 3 > neighbors.jsonl

    A word that has no vector is looked up in lower case, then as the model's tokenizer splits it, then by the vectors of its
    parts or of its fastText subwords; the record says so. A record with an unknown word fails, and its error names similar
    words.
    """
    from nlptool.tasks import word_queries as queries
    from nlptool.tasks.neighbors import neighbors

    models = queries.WordModels(spec, pipe)
    lists = queries.read(pipe, words)
    found = neighbors(lists, models, plus=plus, minus=minus, k=top_k, include_query=include_query, restrict=restrict)
    added = "".join(f" + {word}" for word in plus) + "".join(f" - {word}" for word in minus)
    queries.write(
        pipe,
        found,
        format,
        title=lambda asked, entry: f"{asked[0]}{added}   {entry['model']}",
        field="neighbors",
        layout=queries.answer_layout("neighbors", str),
    )
