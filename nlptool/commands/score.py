"""``nlptool score``: how natural a text is, as a masked language model sees it."""

from __future__ import annotations

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.records import formats
from nlptool.records.formats import cells, results
from nlptool.records.pipe import Pipe
from nlptool.records.windows import windows
from nlptool.specs import MaskedModelSpec


@click.command(cls=Command)
@options.records("score")
@click.option("--within-word", is_flag=True,
              help="Mask the pieces to the right in the same word too, so that long words do not look likely.")  # fmt: skip
@click.option("--pieces/--no-pieces", default=True, show_default=True, help="The log-probability of each piece.")
@options.bert
@options.table_choice()
def command(pipe: Pipe, within_word: bool, pieces: bool, format: str | None, spec: MaskedModelSpec) -> None:
    """How natural a text is: the pseudo-log-likelihood of a line, by a BERT or its kin.

    Each piece of the text is masked in turn, and the model says how probable what stood there is (Salazar et al. 2020). Each
    record gets `pseudo_log_likelihood`, the sum of the natural logarithms, at most 0: higher is more natural;
    `pseudo_perplexity`, exp(-sum / pieces), at least 1: lower is more natural; and `pieces`, a list of {piece,
    log_probability}. Of two sentences that say the same, the more acceptable one (as in CoLA) should have the higher sum; where
    they differ in length, compare perplexities. Perplexities of models that cut a text in other pieces do not compare, sums do.

    \b
    printf '猫が魚を食べる。\\n猫を魚が食べるた。\\n' | nlptool score --no-pieces
    nlptool score --within-word corpus.txt > scored.jsonl
    echo The store sells milk. | nlptool score -m google-bert/bert-base-uncased

    --within-word masks the pieces to the right in the same word as well (PLL-word-l2r, Kauf and Ivanova 2023): otherwise the
    pieces of a rare long word give each other away, and it looks too likely.

    An unknown piece is scored as [UNK], and counted in the entry; special tokens written in the text, such as [MASK], are read
    and not scored: their log-probability is null. An empty line gets null and the reason. A text longer than the model takes is
    not cut: each piece is scored in the window around it. A text of n pieces costs n rows of the network: --max-length makes
    long texts faster.

    With another batch composition a log-probability may move by less than 1e-5; --deterministic makes all output byte-identical.
    """
    from nlptool.tasks.open_model import open_model
    from nlptool.tasks.score import NOTES, WINDOW, score

    model = open_model(spec, pipe)
    lists = windows(pipe.read(), largest=WINDOW)
    scored = score(lists, model, within_word=within_word, pieces=pieces)
    columns = cells.Columns({"pseudo_log_likelihood": float, "pseudo_perplexity": float, "text": str})
    format = results.format_or_default(format, pipe.output)
    pipe.write_rows(scored, formats.row_writer(format, "cells", columns), notes=NOTES)
