"""``nlptool analogy``: A − B + C, answered by word vectors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import click

from nlptool import options, queries
from nlptool.errors import RecordError
from nlptool.pipe import Pipe
from nlptool.records import Record


def analogy(
    lists: Iterable[list[Record]],
    models: queries.Models,
    *,
    method: str,
    k: int,
    include_query: bool,
    restrict: int | None,
) -> Iterator[list[Record]]:
    """Give each record its answers: the words x with the largest cos(x, a − b + c), or by 3CosMul."""
    import numpy as np

    from nlptool.models import lexicon as lexicons
    from nlptool.models.rows import normalized

    settings: dict[str, Any] = {"method": method}
    settings |= {"restrict": restrict} if restrict else {}
    settings |= {"include_query": True} if include_query else {}
    for records in lists:
        for lexicon, questions in queries.found(records, models, _three):
            vectors = np.stack([[found.vector for found in each] for _, _, each in questions])  # (Q, 3, D)
            exclude = (
                [] if include_query else [[i for found in each for i in found.indices] for _, _, each in questions]
            )
            rules: dict[str, Any] = {"exclude": exclude, "restrict": restrict}
            sums = vectors[:, 0] - vectors[:, 1] + vectors[:, 2]
            if method == "3cosmul":
                best = lexicon.vectors.nearest_by_product(vectors[:, [0, 2]], vectors[:, [1]], k, **rules)
            else:
                best = lexicon.vectors.nearest(normalized(sums), k, **rules)
            score = "score" if method == "3cosmul" else "similarity"
            for (record, words, each), total, indices, scores in zip(questions, sums, *best, strict=True):
                if not total.any():
                    record.fail(queries.nothing())
                    continue
                record.results = {
                    **queries.query(record, words),
                    "answers": queries.answers(lexicon, indices, scores, score),
                }
                record.entry = {"model": lexicon.name, **settings, **lexicons.said(words, each)}
        yield records


def _three(record: Record) -> list[str]:
    words = queries.words_of(record)
    if len(words) != 3:
        raise RecordError(
            "NotThreeWords",
            f"an analogy has three words, this has {len(words)}: A B C asks for A - B + C",
            hint="a word with a blank in it: separate the three with tabs",
        )
    return words


@click.command()
@options.records("analogy", arguments=queries.words_argument("[A B C]"), instead=("query",))
@options.word_vectors
@click.option("--method", type=click.Choice(["3cosadd", "3cosmul"]), default="3cosadd", show_default=True,
              help="3cosadd: cosine with A - B + C; 3cosmul: a product of cosines, whose score is not one.")  # fmt: skip
@options.answers("Answers.")
@options.table_choice()
def command(  # noqa: PLR0917
    pipe: Pipe,
    words: tuple[str, ...],
    model: str | None,
    method: str,
    k: int,
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
    if words and len(words) != 3:
        raise click.UsageError(f"an analogy has three words, here are {len(words)}: A B C asks for A - B + C")
    models = queries.Models(model, pipe)
    lists = queries.read(pipe, [list(words)] if words else [])
    found = analogy(lists, models, method=method, k=k, include_query=include_query, restrict=restrict)
    queries.write(
        pipe, found, format, lambda asked, entry: f"{asked[0]} - {asked[1]} + {asked[2]}   {entry['model']}", "answers"
    )
