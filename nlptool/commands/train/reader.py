"""``nlptool train reader``: the answer to a question in a text, learned from questions with answers."""

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
    "Model", "--max-length", None, "Tokens of a question with a part of its context.", 32, 8192, shown="384"
)
_OF_RECORDS = ("unit", "field", "null")


@click.command(cls=Command)
@options.records("train", writes=False)
@base
@training.dev("0.1", "Questions to hold out: a share, whole articles, the same ones for all --seed; or a file.")
@click.option("--metric", type=click.Choice(["squad", "squad2", "jsquad"]), show_default="as the data and their script say",
              help="The official script by whose rules dev is judged.")  # fmt: skip
@finetuning(
    evaluations=5, max_length=_MAX_LENGTH, epochs=2, batch_size=training.batch_size(16, "Sequences in a batch.")
)
def command(pipe: Pipe, *, output: ModelOutput, spec: BaseSpec, dev: str | float, **settings: Any) -> None:
    """A reader of your own, from questions whose answers stand in a text, for `nlptool answer`.

    The questions are SQuAD's JSON as it is distributed (1.1, 2.0, JSQuAD), or a question a record with `question`, `context` and
    `answers` ({"text": [...], "answer_start": [...]}, or a list of {"text", "answer_start"}). An answer that is not at its offset
    is looked for near it, and counted. A question that is impossible, as SQuAD 2.0 has them, teaches the reader to say so.

    \b
    nlptool train reader -o reader train-v2.0.json
    nlptool train reader --base multilingual-e5-small --dev dev.jsonl -o reader train.jsonl
    nlptool answer -m ./reader --question '首都はどこ？' texts.txt

    The network reads a question with its context, and a head says for each token how well an answer begins and ends there; where
    there is none, it is to name the first token (AdamW, warm-up, then linear decay). A context that is too long is read in
    windows, which overlap; of those that miss the answer a third is learned from. Answers begin and end with words: MeCab's in
    Japanese. The folder is what transformers' AutoModelForQuestionAnswering loads.

    The best weights are those with the best F1 on dev. If questions of dev have no answer, the probability above which none is
    given is the one with which F1 is best; `threshold` in reader.json. That file holds every option, the counts, the scores on
    dev and the versions, curves.jsonl the losses and scores during the training.

    Ctrl-C leaves a checkpoint, from which --resume goes on. The same seed and number of threads give the same model on the
    same machine; with --max-minutes the speed has a part in it.
    """
    from nlptool.tasks.train.reader import train_reader

    options.refuse(_OF_RECORDS, "train reader reads questions with answers, and")
    if dev == 0:
        training.refuse_of_dev("metric")
    train_reader(pipe, output, spec, dev=dev, **settings)
