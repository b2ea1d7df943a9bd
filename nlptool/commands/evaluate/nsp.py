"""``nlptool evaluate nsp``: does a BERT tell the text that follows from text of elsewhere?"""

from __future__ import annotations

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.records.formats import results
from nlptool.records.pipe import Pipe
from nlptool.specs import MaskedModelSpec


@click.command(cls=Command)
@options.records("evaluate", writes=False)
@click.option("--pairs", default=2000, show_default=True, metavar="N", type=click.IntRange(min=2),
              help="Pairs of each question, at most; half of them follow.")  # fmt: skip
@options.bert
@options.seed
@options.table_choice()
def command(pipe: Pipe, pairs: int, seed: int, format: str | None, spec: MaskedModelSpec) -> None:
    """Next-sentence prediction: whether a BERT tells the text that follows from text of another work, and of the same one.

    A file is a sentence or a paragraph a line, with an empty line between documents; it should be text that the model was not
    trained on. As in its training, runs of lines that fill --max-length tokens are divided in two. Half of the pairs are such;
    in the others the second text is one of as many tokens from elsewhere: from another document, or, a question of its own and a
    harder one, from the same document, three runs away or more.

    One record a file: documents, skipped (documents of a single piece), runs, and for another_document and same_document each
    pairs, accuracy with its 95 % interval (Wilson), auc (the probability that a pair that follows has a larger logit margin
    than one that does not; both are 0.5 by chance and better higher), and of the pairs that follow (next) and the others
    (not_next) the accuracy and the mean margin.
    null stands where a file has no such text.

    \b
    nlptool evaluate nsp held_out.txt
    nlptool evaluate nsp --pairs 10000 --max-length 64 -m my-bert held_out.txt -f jsonl
    """
    from nlptool.tasks.evaluate.nsp import nsp, table_rows
    from nlptool.tasks.open_model import open_model

    model = open_model(spec, pipe, head="nsp")
    records = nsp(pipe, model, n_pairs=pairs, seed=seed)
    results.show(list(table_rows(records)) if results.wants_table(format) else records, format)
