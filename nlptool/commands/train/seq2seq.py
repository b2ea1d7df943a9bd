"""``nlptool train seq2seq``: an encoder–decoder of one's own, from pairs of texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from nlptool.cli import options
from nlptool.cli.help import Command, shared_option
from nlptool.cli.options import training
from nlptool.records.pipe import Pipe

if TYPE_CHECKING:
    from nlptool.tasks.train.run import ModelOutput

_OF_TRANSFORMER = ("heads", "intermediate_size")
_UNITS = ("auto", "characters", "words", "subwords")
_BATCH_TOKENS = training.integer(
    "Training", "--batch-tokens", 4096, "Tokens in a batch, both sides and padding.", 4, 10_000_000,
    shown="4096; with few pairs a tenth of all",
)  # fmt: skip


@click.command(cls=Command)
@options.records("train", writes=False)
@options.pair_fields
@training.dev("0.02", "Pairs to hold out: a share of the sources, the same ones for all --seed, or a file.")
@click.option("--token-unit", type=click.Choice(_UNITS), default="auto", show_default=True,
              help="Unit of the tokens; auto: subwords where words are separated by spaces, else characters.")  # fmt: skip
@click.option("--source-unit", type=click.Choice(_UNITS), show_default="as --token-unit",
              help="Unit of the source tokens.")  # fmt: skip
@click.option("--target-unit", type=click.Choice(_UNITS), show_default="as --token-unit",
              help="Unit of the target tokens.")  # fmt: skip
@training.dictionary
@click.option("--lowercase", type=click.Choice(["none", "source", "target", "both"]), default="none", show_default=True,
              help="The side that is converted to lower case.")  # fmt: skip
@training.integer("Options", "--patience", None, "End after N evaluations without a better score (--keep).", 1)
@training.integer("Options", "--evaluations", 20,
                  "Evaluations on the held-out pairs; one an epoch at most if --epochs ends the training.",
                  1, 10_000)  # fmt: skip
@click.option("--keep", type=click.Choice(["loss", "exact-match", "bleu", "chrf", "last"]), default="loss",
              show_default=True, help="The dev score by which the best weights are chosen; last: those of the end.")  # fmt: skip
@shared_option("Model", "--architecture", type=click.Choice(["lstm", "lstm-attention", "transformer"]),
               default="transformer", show_default=True, help="Architecture of the network.")  # fmt: skip
@training.integer("Model", "--vocab-size", 8000, "Different tokens of a side, the most frequent ones.", 8, 1_000_000)
@training.integer("Model", "--target-vocab-size", None, "Different tokens of the targets.", 8, 1_000_000,
                  shown="as --vocab-size")  # fmt: skip
@training.hidden_size
@training.network(layers=2, intermediate_size=None)
@training.integer("Model", "--max-length", 128, "Tokens of a side, end included; longer pairs are left out.", 2, 8192)
@training.loop(epochs=20, batch=_BATCH_TOKENS, rate=1e-3)
@training.dropout(0.1)
@training.number("Training", "--label-smoothing", 0.1, "P", "Label smoothing of the cross-entropy.", 0.9)
@training.output()
@options.device
@options.seed
@options.threads_alone
def command(
    pipe: Pipe,
    *,
    output: ModelOutput,
    first: str | None,
    second: str | None,
    dev: str | float,
    token_unit: str,
    source_unit: str | None,
    target_unit: str | None,
    dictionary: str | None,
    lowercase: str,
    vocab_size: int,
    target_vocab_size: int | None,
    device: str,
    threads: int | None,
    **settings: Any,
) -> None:
    """Text to text: an encoder–decoder that learns from pairs, for `nlptool generate`.

    A line is `source<TAB>target`, or a JSON object with source and target, or first and second, or the fields that
    --first and --second name. The folder's seq2seq.json holds every option, the counts, the scores on dev
    and the versions, its curves.jsonl the losses and scores during the training.

    \b
    nlptool train seq2seq --max-minutes 20 -o en-ja pairs.tsv
    nlptool train seq2seq --architecture lstm-attention --plot curves.png -o en-ja-lstm pairs.tsv
    nlptool train seq2seq --dev dev.tsv --patience 3 --epochs 100 -o en-ja pairs.jsonl.gz
    echo 'good morning' | nlptool generate -m ./en-ja -f text

    Architectures: lstm encodes the source in one vector (Sutskever et al. 2014), lstm-attention attends to all of it at every
    token (Bahdanau et al. 2015, Luong et al. 2015), transformer is attention alone (Vaswani et al. 2017).

    Scores on dev: loss and perplexity without label smoothing, and the share of tokens that are right with teacher forcing,
    when the decoder is given the right ones before (teacher_forced_token_accuracy); then, of free-running greedy generation
    from 500 pairs at most, exact match, BLEU and chrF (sacrebleu; Japanese by characters). Only the latter say how it
    generates.

    Ctrl-C leaves a checkpoint, from which --resume goes on; one is written every two minutes, too. The same seed and number
    of threads give the same model on the same machine; with --max-minutes the speed has a part in it.
    """
    from nlptool.tasks.train.seq2seq import train_seq2seq
    from nlptool.tasks.train.seq2seq_corpus import Side

    if pipe.form.field is not None:
        raise click.UsageError("a pair has two texts: --first NAME and --second NAME")
    units = source_unit or token_unit, target_unit or token_unit
    if dictionary is not None and "words" not in units:
        raise click.UsageError("--dictionary is of --token-unit words")
    _check(settings, dev)
    settings["intermediate_size"] = settings["intermediate_size"] or 4 * settings["hidden_size"]
    settings["keep"] = settings["keep"].replace("-", "_")
    sides = (
        Side(units[0], vocab_size, lowercase in ("source", "both"), dictionary),
        Side(units[1], target_vocab_size or vocab_size, lowercase in ("target", "both"), dictionary),
    )
    fields = options.pair_names(first, second)
    train_seq2seq(pipe, output, sides, fields=fields, dev=dev, device=device, threads=threads, **settings)


def _check(settings: dict[str, Any], dev: str | float) -> None:
    """Refuse options that would have no effect, or contradict each other."""
    if settings["architecture"] != "transformer":
        options.refuse(_OF_TRANSFORMER, f"--architecture {settings['architecture']}")
        settings["heads"] = 1
    hidden_size, heads = settings["hidden_size"], settings["heads"]
    if hidden_size % 2 or hidden_size % heads:
        raise click.UsageError(f"--hidden-size {hidden_size} cannot be shared by --heads {heads}, or is odd")
    if dev == 0:
        training.refuse_of_dev()
    if settings["keep"] == "last" and settings["patience"] is not None:
        raise click.UsageError("--patience needs a score: another --keep than last")
