"""``nlptool evaluate similarity``: correlation of word vectors with human ratings."""

from __future__ import annotations

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.errors import RunError
from nlptool.records.formats import results
from nlptool.records.pipe import Pipe


@click.command(cls=Command)
@options.records("evaluate", writes=False)
@options.vocabulary
@click.option("--oov", type=click.Choice(["skip", "zero"]), default="skip", show_default=True,
              help="Pair with an unknown word: left out, or of similarity 0; `skipped` counts it either way.")  # fmt: skip
@options.table_choice()
def command(  # noqa: PLR0917
    pipe: Pipe, model: str, restrict: int, case: str, oov: str, format: str | None
) -> None:
    """Evaluate word vectors on human word similarity ratings such as WordSim-353 and SimLex-999.

    The input holds two words and a number a line, separated by tabs, commas or spaces; a first line without a number is a
    header, and a line `: name` begins a section. The output is one record a section and one for all: pairs, used, skipped,
    Spearman's ρ and Pearson's r (-1 to 1) of cosines and ratings, the size of the vocabulary and the rules.

    \b
    nlptool evaluate similarity wordsim353.tsv
    nlptool evaluate similarity -m my.vec --case exact simlex.csv -f jsonl
    """
    from nlptool.tasks.evaluate import word_gold
    from nlptool.tasks.evaluate.word_similarity import parse_pair, word_similarity

    vocabulary = word_gold.open_vocabulary(pipe, model, restrict, case)
    sections = word_gold.sections(pipe, parse_pair)
    if not sections:
        raise RunError("there are no pairs", hint="two words and a number a line: tiger cat 7.35")
    results.show(word_similarity(sections, vocabulary, case=case, oov=oov), format)
