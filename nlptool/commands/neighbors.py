"""``nlptool neighbors``: the words whose vectors are nearest."""

from __future__ import annotations

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.records.pipe import Pipe


@click.command(cls=Command)
@options.records("neighbors", arguments=options.words_argument("[WORD]..."), instead=("query",))
@options.word_vectors
@click.option("--plus", multiple=True, metavar="WORD", help="Add the vector of WORD; can be given several times.")
@click.option(
    "--minus", multiple=True, metavar="WORD", help="Take the vector of WORD away; can be given several times."
)
@options.answers("Number of neighbors.")
@options.table_choice()
def command(  # noqa: PLR0917
    pipe: Pipe,
    words: tuple[str, ...],
    model: str | None,
    plus: tuple[str, ...],
    minus: tuple[str, ...],
    top_k: int,
    include_query: bool,
    restrict: int | None,
    format: str | None,
) -> None:
    """The words whose vectors are nearest to a word's. Each argument, or each line, is a query of its own.

    Each record gets `query` and `neighbors`, a list of {word, similarity}: cosines, the largest first. --plus and --minus
    are added to every query, as unit vectors.

    \b
    nlptool neighbors 猫 犬
    nlptool neighbors 言語 --plus 思考
    nlptool neighbors Paris --minus France --plus Japan
    cut -f 1 words.tsv | nlptool neighbors -m my.vec -k 3 > neighbors.jsonl

    A word that the vectors lack is looked for in small letters or as the model's tokenizer cuts it, and then by its parts
    or fastText's subwords; the record says so. A record with a word that stays unknown fails, and names similar ones.
    """
    from nlptool.tasks import word_queries as queries
    from nlptool.tasks.word_queries import neighbors

    models = queries.Models(model, pipe)
    lists = queries.read(pipe, words)
    found = neighbors(lists, models, plus=plus, minus=minus, k=top_k, include_query=include_query, restrict=restrict)
    added = "".join(f" + {word}" for word in plus) + "".join(f" - {word}" for word in minus)
    queries.write(pipe, found, format, lambda asked, entry: f"{asked[0]}{added}   {entry['model']}", "neighbors")
