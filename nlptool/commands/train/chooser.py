"""``nlptool train chooser``: which of several choices goes with a text, learned from examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.cli.options import training
from nlptool.cli.options.finetuning import base, finetuning
from nlptool.records.pipe import Pipe
from nlptool.specs import BaseSpec

if TYPE_CHECKING:
    from nlptool.tasks.train.run import ModelOutput

_MAX_LENGTH = training.integer(
    "Model", "--max-length", None, "Tokens of a text with a choice; longer ones are truncated.", 8, 8192, shown="128"
)
_BATCH_SIZE = training.batch_size(16, "Examples in a batch, each with all of its choices.")
_OF_RECORDS = ("unit", "field", "null")


@click.command(cls=Command)
@options.records("train", writes=False)
@base
@training.dev("0.1", "Examples to hold out: a share, the same ones for all --seed, or a file.")
@finetuning(evaluations=10, max_length=_MAX_LENGTH, epochs=4, batch_size=_BATCH_SIZE)
def command(pipe: Pipe, *, output: ModelOutput, spec: BaseSpec, dev: str | float, **settings: Any) -> None:
    """A chooser of your own, from texts with choices of which one is right, for `nlptool choose`.

    An example has a context or a question, choices (a list `choices`, `endings` or `options`, or a field for each: choice0,
    choice1 ...), and a `label`, the number of the right one from 0, or its name. The columns of SWAG, JCommonsenseQA, COPA, ARC
    and PIQA are known. All have the same number of choices: those with another number are left out, and counted.

    \b
    nlptool train chooser -o chooser train.jsonl
    nlptool train chooser --base multilingual-e5-small --dev dev.jsonl -o chooser train.jsonl
    nlptool choose -m ./chooser questions.jsonl

    The network reads the context with each choice by itself, and a head gives it a number; the right one is to have the highest
    (AdamW, warm-up, then linear decay). The folder is what transformers' AutoModelForMultipleChoice loads.

    The best weights are those with the best accuracy on dev. The folder's chooser.json holds every option, the counts, the
    scores on dev and the versions, its curves.jsonl the losses and scores during the training.

    Ctrl-C leaves a checkpoint, from which --resume goes on. The same seed and number of threads give the same model on the
    same machine; with --max-minutes the speed has a part in it.
    """
    from nlptool.tasks.train.chooser import train_chooser

    options.refuse(_OF_RECORDS, "train chooser reads texts with choices, and")
    if dev == 0:
        training.refuse_of_dev()
    train_chooser(pipe, output, spec, dev=dev, **settings)
