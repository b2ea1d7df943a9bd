"""``nlptool neighbors``: the words whose vectors are nearest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import click

from nlptool import options, queries
from nlptool.errors import RecordError
from nlptool.json_objects import field_value
from nlptool.pipe import Pipe
from nlptool.records import Record


def neighbors(
    lists: Iterable[list[Record]],
    models: queries.Models,
    *,
    plus: tuple[str, ...] = (),
    minus: tuple[str, ...] = (),
    k: int,
    include_query: bool = False,
    restrict: int | None = None,
) -> Iterator[list[Record]]:
    """Give each record the words nearest to its own, or to the sum of its unit vector with those of ``plus`` less those of
    ``minus``."""
    import numpy as np

    from nlptool.models import lexicon as lexicons
    from nlptool.models.rows import normalized

    signs = np.asarray([1.0] * (1 + len(plus)) + [-1.0] * len(minus), np.float32)
    settings: dict[str, Any] = {}
    settings |= {"plus": plus} if plus else {}
    settings |= {"minus": minus} if minus else {}
    settings |= {"restrict": restrict} if restrict else {}
    settings |= {"include_query": True} if include_query else {}

    def words_of(record: Record) -> list[str]:
        return [_word(record), *plus, *minus]

    for records in lists:
        for lexicon, questions in queries.found(records, models, words_of):
            vectors = np.stack([signs @ np.stack([found.vector for found in each]) for _, _, each in questions])
            exclude = (
                [] if include_query else [[i for found in each for i in found.indices] for _, _, each in questions]
            )
            best = lexicon.vectors.nearest(normalized(vectors), k, exclude=exclude, restrict=restrict)
            for (record, words, each), vector, indices, scores in zip(questions, vectors, *best, strict=True):
                if not vector.any():
                    record.fail(queries.nothing())
                    continue
                record.results = {
                    **queries.query(record, words[0]),
                    "neighbors": queries.answers(lexicon, indices, scores),
                }
                record.entry = {"model": lexicon.name, **settings, **lexicons.said(words, each)}
        yield records


def _word(record: Record) -> str:
    given = field_value(record.raw, "query")
    word = record.text.strip() if given is None else given
    if not isinstance(word, str):
        raise RecordError("BadQuery", "`query` is not a string")
    if not word:
        raise RecordError("BadQuery", "there is no word")
    return word


@click.command()
@options.records("neighbors", arguments=queries.words_argument("[WORD]..."), instead=("query",))
@options.word_vectors
@click.option("--plus", multiple=True, metavar="WORD", help="Add the vector of WORD; can be given several times.")
@click.option(
    "--minus", multiple=True, metavar="WORD", help="Take the vector of WORD away; can be given several times."
)
@options.answers("Neighbors.")
@options.table_choice()
def command(  # noqa: PLR0917
    pipe: Pipe,
    words: tuple[str, ...],
    model: str | None,
    plus: tuple[str, ...],
    minus: tuple[str, ...],
    k: int,
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
    models = queries.Models(model, pipe)
    lists = queries.read(pipe, words)
    found = neighbors(lists, models, plus=plus, minus=minus, k=k, include_query=include_query, restrict=restrict)
    added = "".join(f" + {word}" for word in plus) + "".join(f" - {word}" for word in minus)
    queries.write(pipe, found, format, lambda asked, entry: f"{asked[0]}{added}   {entry['model']}", "neighbors")
