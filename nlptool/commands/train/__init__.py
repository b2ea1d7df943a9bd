"""``nlptool train``: models of one's own, from one's own text."""

from __future__ import annotations

import difflib
from pathlib import Path

import click

from nlptool.cli.lazy_group import LazyGroup

KINDS = {
    "word2vec": "Word vectors: word2vec, fastText, and models of counts.",
    "bert": "A BERT, pre-trained from scratch: masked words and next sentences.",
    "distil": "A small sentence encoder that learns from a large one.",
    "seq2seq": "Text to text from pairs: LSTM, LSTM with attention, Transformer.",
}


class _Kinds(LazyGroup):
    """Without a subcommand it is word2vec."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        first = next(iter(args), "")
        meant = first in self.table or first in ctx.help_option_names
        misspelled = difflib.get_close_matches(first, self.table, cutoff=0.8) and not Path(first).exists()
        if not (meant or misspelled):
            args = ["word2vec", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Kinds, table=KINDS, module="nlptool.commands.train.{}")
def command() -> None:
    """Train a model on text of your own. Without a subcommand: word2vec.

    \b
    cat corpus.txt | nlptool train -o my.vec                  word vectors
    nlptool train distil --teacher MODEL -o mini corpus.txt   a small sentence encoder
    nlptool train bert --minutes 60 -o my-bert novels.txt     a BERT from scratch
    nlptool train seq2seq -o en-ja pairs.tsv                  text to text: a Transformer, or an LSTM
    nlptool train distil --help                               its options
    """
