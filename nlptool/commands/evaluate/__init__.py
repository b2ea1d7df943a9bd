"""``nlptool evaluate``: scores on gold data."""

from __future__ import annotations

import click

from nlptool.cli.groups import LazyGroup

KINDS = {
    "analogies": "Word vectors: analogies, the kind of questions-words.txt.",
    "generation": "Generated text against references: exact match, BLEU, chrF.",
    "mlm": "Masked language models: hidden words of a text, guessed.",
    "nsp": "BERT: which of two texts follows, and which comes from elsewhere.",
    "similarity": "Word vectors: similarities of words that people gave.",
    "sts": "Sentence encoders: similarities of sentences that people gave.",
}


@click.group(cls=LazyGroup, table=KINDS, module="nlptool.commands.evaluate.{}")
def command() -> None:
    """Scores on gold data. Each says what was left out, and by which rules.

    \b
    nlptool evaluate analogies questions-words.txt
    nlptool evaluate similarity -m my.vec wordsim353.tsv
    nlptool evaluate sts -m static-ja-en stsb.csv
    nlptool evaluate mlm -m my-bert held_out.txt
    nlptool evaluate generation -m my-model dev.tsv
    """
