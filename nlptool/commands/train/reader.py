"""``nlptool train reader``: the answer to a question in a text, learned from questions with answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.cli.options import training
from nlptool.records.pipe import Pipe

if TYPE_CHECKING:
    from nlptool.tasks.train.run import ModelOutput

_OF_RECORDS = ("unit", "field", "null")


@click.command(cls=Command)
@options.records("train", writes=False)
@training.base
@click.option("--dev", metavar="SHARE|FILE", default="0.1", show_default=True,
              help="Questions to hold out: a share, whole articles, the same ones for all --seed; or a file.")  # fmt: skip
@click.option("--metric", type=click.Choice(["squad", "squad2", "jsquad"]), show_default="as the data and their script say",
              help="The official script by whose rules dev is judged.")  # fmt: skip
@training.finetuning(evaluations=5)
@training.integer("Model", "--max-length", None, "Tokens of a question with a part of its context.", 32, 8192,
                  shown="384")  # fmt: skip
@training.limits(default_epochs=2)
@training.integer("Training", "--batch-size", 16, "Sequences in a batch.", 1, 65_536)
@training.optimizer(rate=None, warmup=0.1)
@training.dropout(None, "the base model's")
@training.output("the plan of the training")
@options.device
@options.offline
@options.allow_pickle
@options.seed
@options.threads_alone
def command(pipe: Pipe, *, output: ModelOutput, dev: str, **settings: Any) -> None:
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
    held_out = training.share_or_file_of(dev)
    if held_out == 0:
        options.refuse(("patience", "evaluations", "keep", "metric"), "--dev 0")
    train_reader(pipe, output, dev=held_out, **settings)
