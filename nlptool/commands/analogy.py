"""``nlptool analogy``: A − B + C, answered by word vectors."""

from __future__ import annotations

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.records.pipe import Pipe


@click.command(cls=Command)
@options.records("analogy", arguments=options.words_argument("[A B C]"), instead=("query",))
@options.word_vectors
@click.option("--method", type=click.Choice(["3cosadd", "3cosmul"]), default="3cosadd", show_default=True,
              help="3cosadd: cosine with A - B + C; 3cosmul: a product of cosines, whose score is not one.")  # fmt: skip
@options.answers("Number of answers.")
@options.table_choice()
def command(  # noqa: PLR0917
    pipe: Pipe,
    words: tuple[str, ...],
    model: str | None,
    method: str,
    top_k: int,
    include_query: bool,
    restrict: int | None,
    format: str | None,
) -> None:
    """A is to B as the answer is to C: the words nearest to A - B + C.

    Each record gets `query` and `answers`, a list of {word, similarity}, the cosine with A - B + C, the largest first. The
    questions are the three arguments, or records: three words a line, or JSONL {"query": [A, B, C]}.

    \b
    nlptool analogy king man woman
    nlptool analogy 王 男 女 -k 3
    nlptool analogy --method 3cosmul < questions.txt > answers.jsonl
    nlptool analogy -m my.vec パリ フランス 日本

    A word that the vectors lack is looked for in small letters or as the model's tokenizer cuts it, and then by its parts
    or fastText's subwords; the record says so. A record with a word that stays unknown fails, and names similar ones.
    """
    from nlptool.tasks import word_queries as queries
    from nlptool.tasks.word_queries import analogy

    if words and len(words) != 3:
        raise click.UsageError(f"an analogy has three words, here are {len(words)}: A B C asks for A - B + C")
    models = queries.Models(model, pipe)
    lists = queries.read(pipe, [list(words)] if words else [])
    found = analogy(lists, models, method=method, k=top_k, include_query=include_query, restrict=restrict)
    queries.write(
        pipe, found, format, lambda asked, entry: f"{asked[0]} - {asked[1]} + {asked[2]}   {entry['model']}", "answers"
    )
