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
    import numpy as np

    from nlptool.geometry import correlation
    from nlptool.models.words import evaluation as word_evaluation
    from nlptool.tasks.evaluate import word_gold
    from nlptool.tasks.evaluate.word_similarity import parse_pair

    vocabulary = word_gold.open_vocabulary(pipe, model, restrict, case)
    sections = word_gold.sections(pipe, parse_pair)
    if not sections:
        raise RunError("there are no pairs", hint="two words and a number a line: tiger cat 7.35")
    rules = {"model": vocabulary.vectors.name, "vocabulary": vocabulary.size, "case": case, "oov": oov}
    everything = [pair for pairs in sections.values() for pair in pairs]
    records = []
    for name, pairs in [*(sections.items() if len(sections) > 1 else ()), ("total", everything)]:
        cosines = list(word_evaluation.similarities(vocabulary, [(first, second) for first, second, _ in pairs]))
        skipped = cosines.count(None)
        used = [
            (cosine or 0.0, score)
            for cosine, (_, _, score) in zip(cosines, pairs, strict=True)
            if cosine is not None or oov == "zero"
        ]
        tally = {"pairs": len(pairs), "used": len(used), "skipped": skipped}
        ours, theirs = np.asarray(used, np.float64).reshape(-1, 2).T
        agreement = {
            "spearman": correlation.rounded(correlation.spearman(ours, theirs)),
            "pearson": correlation.rounded(correlation.pearson(ours, theirs)),
        }
        records.append({"section": name, **tally, **agreement, **rules})
    results.show(records, format)
