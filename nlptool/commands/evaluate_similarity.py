"""``nlptool evaluate similarity``: do the vectors of words agree with people?"""

from __future__ import annotations

import math

import click

from nlptool import gold, options, results
from nlptool.errors import RecordError, RunError
from nlptool.pipe import Pipe
from nlptool.records import Record


@click.command()
@options.records("evaluate", writes=False)
@gold.vocabulary
@click.option("--oov", type=click.Choice(["skip", "zero"]), default="skip", show_default=True,
              help="A pair with an unknown word: left out, or of similarity 0. It is counted as skipped either way.")  # fmt: skip
@options.table_choice()
def command(  # noqa: PLR0917
    pipe: Pipe, model: str, restrict: int, case: str, oov: str, format: str | None
) -> None:
    """Word similarities that people gave, against the cosines of the vectors: WordSim-353, SimLex-999 and the like.

    Two words a line and behind them a number, with tabs, commas or blanks between them; a first line without a number is a
    head, and `: name` begins a section. One record a section, and one for all: pairs, used, skipped, Spearman's ρ and
    Pearson's r of the pairs used, the vocabulary's size and the rules.

    \b
    nlptool evaluate similarity wordsim353.tsv
    nlptool evaluate similarity -m my.vec --case exact simlex.csv -f jsonl
    """
    import numpy as np

    from nlptool.models import correlations, word_evaluation

    vocabulary = gold.open_vocabulary(pipe, model, restrict, case)
    sections = gold.sections(pipe, _pair)
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
            "spearman": correlations.rounded(correlations.spearman(ours, theirs)),
            "pearson": correlations.rounded(correlations.pearson(ours, theirs)),
        }
        records.append({"section": name, **tally, **agreement, **rules})
    results.show(records, format)


def _pair(record: Record) -> tuple[str, str, float] | None:
    """Two words, and the first number behind them; None for a head."""
    line = record.text.strip()
    separator = next((mark for mark in "\t," if mark in line), None)  # the words may hold blanks then
    cells = [cell.strip() for cell in line.split(separator)]
    numbers = [number for cell in cells[2:] if (number := _number(cell)) is not None]
    if numbers and math.isfinite(numbers[0]):
        return cells[0], cells[1], numbers[0]
    if record.line == 1 and all(_number(cell) is None for cell in cells):
        return None
    raise RecordError("NotAPair", "a pair is two words and a number, with tabs, commas or blanks between them")


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None
