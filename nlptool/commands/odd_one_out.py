"""``nlptool odd-one-out``: find the word that does not fit with the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.records.formats.record_rows import Layout
from nlptool.records.pipe import Pipe

if TYPE_CHECKING:
    from nlptool.specs import WordVectorsSpec


@click.command(cls=Command)
@options.records("odd-one-out", arguments=options.words_argument("[WORD]..."), instead=("query",))
@options.word_vectors
@options.record_format()
def command(pipe: Pipe, words: tuple[str, ...], format: str, spec: WordVectorsSpec) -> None:
    """Find the word that does not fit with the others: the one least similar to the mean of all.

    The words are the arguments, or those of each line of the input, or JSONL {"query": [...]}. Each record gets `query`,
    `odd`, and `similarities`, a list of {word, similarity}: the cosine of each word with the mean of their vectors, the
    smallest first.

    \b
    nlptool odd-one-out breakfast cereal dinner lunch
    nlptool odd-one-out 犬 猫 馬 机
    """
    from nlptool.tasks import word_queries as queries
    from nlptool.tasks.odd_one_out import odd_one_out

    if words and len(words) < 3:
        raise click.UsageError(f"three words or more have one that is odd, here are {len(words)}")
    models = queries.WordModels(spec, pipe)
    found = odd_one_out(queries.read(pipe, [list(words)] if words else []), models)
    layout = Layout({"query": dict, "odd": str, "similarities": dict})
    queries.write(
        pipe,
        found,
        format,
        title=lambda asked, entry: f"{' '.join(asked)}   {entry['model']}",
        field="similarities",
        layout=layout,
    )
