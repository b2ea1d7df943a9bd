"""``nlptool evaluate similarity``: correlation of word vectors with human ratings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.errors import RunError
from nlptool.records.formats import results
from nlptool.records.pipe import Pipe

if TYPE_CHECKING:
    from nlptool.specs import WordVectorsSpec


@click.command(cls=Command)
@options.records("evaluate", writes=False)
@options.pair_fields
@options.pair_score
@options.vocabulary
@click.option("--oov", type=click.Choice(["skip", "zero"]), default="skip", show_default=True,
              help="Pair with an unknown word: left out, or of similarity 0; `skipped` counts it either way.")  # fmt: skip
@options.table_choice()
def command(  # noqa: PLR0917
    pipe: Pipe,
    first: str | None,
    second: str | None,
    score: str | None,
    restrict: int,
    case: str,
    oov: str,
    format: str | None,
    spec: WordVectorsSpec,
) -> None:
    """Evaluate word vectors on human word similarity ratings such as WordSim-353 and SimLex-999.

    The input holds two words and a number a line, separated by tabs, commas (a cell may be quoted) or spaces, or it is JSON; a
    first line without a number is a header, and a line `: name` begins a section. The words are the columns word1 and word2,
    or the first two; the score is the column score, or the first number behind the words; --first, --second and --score name
    others. The output is one record a section and one for all: pairs, used, skipped,
    Spearman's ρ and Pearson's r (-1 to 1) of cosines and ratings, the size of the vocabulary and the rules.

    \b
    nlptool evaluate similarity wordsim353.tsv
    nlptool evaluate similarity -m my.vec --case exact simlex.csv -f jsonl
    """
    from nlptool.records.gold import Layout
    from nlptool.tasks.evaluate import word_gold
    from nlptool.tasks.evaluate.word_similarity import word_similarity

    vocabulary = word_gold.open_vocabulary(pipe, spec, restrict, case) if spec.model else None
    layout = Layout(options.pair_names(first, second), score, words=True)
    sections = word_gold.sections(pipe, layout.form(pipe.form), layout.pair)
    if not sections:
        raise RunError("there are no pairs", hint="two words and a number a line: tiger cat 7.35")
    pairs = [(pair.first, pair.second) for section in sections.values() for pair in section]
    if vocabulary is None:
        vocabulary = word_gold.open_vocabulary(pipe, word_gold.with_default(spec, pairs[0]), restrict, case)
    records = word_similarity(sections, vocabulary, case=case, oov=oov)
    results.show(records, format)
    word_gold.say_skipped(pipe, vocabulary, pairs, records[-1]["skipped"], "pairs")
