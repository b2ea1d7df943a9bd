"""``nlptool analogy``: solve word analogies with word vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.records.pipe import Pipe

if TYPE_CHECKING:
    from nlptool.specs import WordVectorsSpec


@click.command(cls=Command)
@options.records("analogy", arguments=options.words_argument("[A B C]"), instead=("query",))
@options.word_vectors
@click.option("--method", type=click.Choice(["3cosadd", "3cosmul"]), default="3cosadd", show_default=True,
              help="Method; 3cosadd: cosine with A - B + C; 3cosmul: quotient of cosines (Levy and Goldberg 2014).")  # fmt: skip
@options.answers("Number of answers.")
@options.record_format(rows="an answer a row")
def command(  # noqa: PLR0917
    pipe: Pipe,
    words: tuple[str, ...],
    method: str,
    top_k: int,
    include_query: bool,
    restrict: int | None,
    format: str,
    spec: WordVectorsSpec,
) -> None:
    """Solve word analogies: find the words nearest to A - B + C.

    The query is three words: the arguments, or each line of the input, or JSONL {"query": [A, B, C]}. Each record gets `query`
    and `answers`, a list of {word, similarity}: the cosine with A - B + C (-1 to 1), the largest first. With --method 3cosmul
    the similarity is not a cosine.

    \b
    nlptool analogy king man woman
    nlptool analogy 王 男 女 -k 3
    nlptool analogy --method 3cosmul < questions.txt > answers.jsonl
    nlptool analogy -m my.vec パリ フランス 日本

    A word that has no vector is looked up in lower case, then as the model's tokenizer splits it, then by the vectors of its
    parts or of its fastText subwords; the record says so. A record with an unknown word fails, and its error names similar
    words.
    """
    from nlptool.tasks import word_queries as queries
    from nlptool.tasks.analogy import analogy

    if words and len(words) != 3:
        raise click.UsageError(f"an analogy has three words, here are {len(words)}: A B C asks for A - B + C")
    models = queries.WordModels(spec, pipe)
    lists = queries.read(pipe, [list(words)] if words else [])
    found = analogy(lists, models, method=method, k=top_k, include_query=include_query, restrict=restrict)
    layout = queries.answer_layout("answers", dict, "score" if method == "3cosmul" else "similarity")

    def title(asked: list[str], entry: dict[str, Any]) -> str:
        return f"{asked[0]} - {asked[1]} + {asked[2]}   {entry['model']}"

    queries.write(pipe, found, format, title=title, field="answers", layout=layout)
