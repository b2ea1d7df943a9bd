"""``nlptool odd-one-out``: the word that does not belong with the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import click
import orjson

from nlptool import options, queries
from nlptool.errors import RecordError
from nlptool.pipe import Pipe
from nlptool.records import Record


def odd_one_out(lists: Iterable[list[Record]], models: queries.Models) -> Iterator[list[Record]]:
    """Give each record the word whose cosine with the mean of all (of their unit vectors) is the smallest."""
    import numpy as np

    from nlptool.models import lexicon as lexicons
    from nlptool.models.rows import normalized

    for records in lists:
        for lexicon, questions in queries.found(records, models, _several):
            for record, words, found in questions:
                vectors = np.stack([each.vector for each in found])
                similarities = vectors @ normalized(vectors.mean(axis=0))
                order = np.argsort(similarities, kind="stable")
                listed = [{"word": words[index], "similarity": similarities[index]} for index in order]
                record.results = {
                    **queries.query(record, words),
                    "odd": orjson.dumps(words[order[0]]),
                    "similarities": orjson.dumps(listed, option=orjson.OPT_SERIALIZE_NUMPY),
                }
                record.entry = {"model": lexicon.name, **lexicons.said(words, found)}
        yield records


def _several(record: Record) -> list[str]:
    words = queries.words_of(record)
    if len(words) < 3:
        raise RecordError("TooFewWords", f"three words or more have one that is odd, here are {len(words)}")
    return words


@click.command()
@options.records("odd-one-out", arguments=queries.words_argument("[WORD]..."), instead=("query",))
@options.word_vectors
@options.table_choice()
def command(pipe: Pipe, words: tuple[str, ...], model: str | None, format: str | None) -> None:
    """The word that does not belong with the others: the one least like the mean of all.

    Each record gets `query`, `odd`, and `similarities`, a list of {word, similarity}: the cosine of each word with the
    mean, the smallest first. The words are the arguments, or a line of input each time, or JSONL {"query": [...]}.

    \b
    nlptool odd-one-out breakfast cereal dinner lunch
    nlptool odd-one-out 犬 猫 馬 机
    """
    if words and len(words) < 3:
        raise click.UsageError(f"three words or more have one that is odd, here are {len(words)}")
    models = queries.Models(model, pipe)
    found = odd_one_out(queries.read(pipe, [list(words)] if words else []), models)
    queries.write(pipe, found, format, lambda asked, entry: f"{' '.join(asked)}   {entry['model']}", "similarities")
