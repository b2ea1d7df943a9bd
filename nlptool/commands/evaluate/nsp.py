"""``nlptool evaluate nsp``: accuracy of next-sentence prediction."""

from __future__ import annotations

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.records.formats import results
from nlptool.records.pipe import Pipe
from nlptool.specs import MaskedModelSpec


@click.command(cls=Command)
@options.records("evaluate", writes=False)
@click.option("--pairs", default=2000, show_default=True, metavar="N", type=options.IntRange(min=2),
              help="Largest number of pairs of each question; half of them are consecutive.")  # fmt: skip
@options.bert
@options.seed
@options.table_choice()
def command(pipe: Pipe, pairs: int, seed: int, format: str | None, spec: MaskedModelSpec) -> None:
    """Evaluate next-sentence prediction of a BERT.

    The input holds a sentence or a paragraph a line, with an empty line between documents, and should not be part of the
    model's training data. As in the training, segments that fill --max-length tokens are divided in two: these are the
    consecutive pairs. In the other half of the pairs the second text has the same number of tokens and comes from another
    document, or, as a second and harder question, from the same document at a distance of three segments or more.

    The output is one record a file: documents, skipped (documents of a single segment), runs (segments), and for
    another_document and same_document: pairs, accuracy with its 95 % confidence interval (Wilson), auc (the probability that a
    consecutive pair has a larger logit margin than another pair; accuracy and auc are 0.5 by chance, higher is better), and
    for consecutive pairs (next) and the others (not_next) the accuracy and the mean margin. null: the file has no such pairs.

    \b
    nlptool evaluate nsp held_out.txt
    nlptool evaluate nsp --pairs 10000 --max-length 64 -m my-bert held_out.txt -f jsonl
    """
    from nlptool.tasks.evaluate.nsp import nsp, table_rows
    from nlptool.tasks.languages import ModelOfInput

    records = nsp(pipe, ModelOfInput(spec, pipe, head="nsp"), n_pairs=pairs, seed=seed)
    results.show(list(table_rows(records)) if results.wants_table(format) else records, format)
