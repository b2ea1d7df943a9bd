"""``nlptool train autoencoder``: a deep autoencoder whose code is that of a text."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from nlptool.cli import options
from nlptool.cli.help import Command, shared_option
from nlptool.cli.options import training
from nlptool.records.pipe import Pipe
from nlptool.specs import EncoderSpec

if TYPE_CHECKING:
    from nlptool.tasks.train.run import ModelOutput

_MOST_LAYERS = 20
_WIDEST = 65_536
_OF_ENCODERS = ("model", "prompt", "prompt_name", "dim", "batch_tokens", "unicode_errors", "allow_pickle")


def _parse_layers(_: click.Context, __: click.Parameter, value: str) -> tuple[int, ...]:
    """Return the widths that N,N,... means; none of "".

    Raises:
        BadParameter: it means none.
    """
    parts = [part.strip() for part in value.split(",")] if value.strip() else []
    if not all(part.isdecimal() and part.isascii() and len(part) <= 6 and 1 <= int(part) <= _WIDEST for part in parts):
        raise click.BadParameter(f"{value!r} is no list of widths, 1 to {_WIDEST:,} each: 500,250")
    if len(parts) > _MOST_LAYERS:
        raise click.BadParameter(f"more than {_MOST_LAYERS} layers")
    return tuple(map(int, parts))


@click.command(cls=Command)
@options.records("train", writes=False, instead=("embedding", "tokens"))
@training.dev("0.1", "Texts to hold out: a share, the same ones for all --seed, or a file.")
@click.option("--on", "reads", envvar="NLPTOOL_TRAIN_AUTOENCODER_ON", type=click.Choice(["words", "embeddings"]), default="words",
              show_default=True, help="What is read of a text: how often each word comes, or its embedding.")  # fmt: skip
@training.dictionary
@training.evaluated(evaluations=10)
@click.option("--group", metavar="FIELD", help="Field with the class of a text, for the picture of a code of 2.")
@training.integer(
    "Model", "--vocab-size", 2000, "Words of content that are counted, the most frequent ones.", 2, _WIDEST
)
@shared_option("Model", "--layers", default="500,250", show_default=True, metavar="N,N...", callback=_parse_layers,
               help="Widths of the layers between the input and the code.")  # fmt: skip
@training.integer("Model", "--code", 128, "Units of the code.", 1, 4096)
@shared_option("Model", "--units", type=click.Choice(["binary", "linear"]), show_default="binary; linear for --code 2",
               help="What the units of the code are: bits, or real numbers.")  # fmt: skip
@training.number("Training", "--noise", 4.0, "S",
                 "Standard deviation of the noise at the inputs of binary units, which makes them decide; 0: none.",
                 100)  # fmt: skip
@training.integer("Training", "--pretraining-epochs", 5,
                  "Epochs of each layer by itself; 0: begin with random weights.", 0, 10_000)  # fmt: skip
@training.learning_rate(1e-3, "--pretraining-rate", "Peak learning rate of the layers by themselves.")
@training.loop(epochs=30, batch=training.batch_size(128, "Texts in a batch."), rate=1e-3)
@training.output("the plans of the training", picture="; of a linear code of 2 the texts, beside LSA")
@options.seed
@options.encoder()
def command(
    pipe: Pipe,
    *,
    output: ModelOutput,
    plot: str | None,
    dev: str | float,
    reads: str,
    dictionary: str | None,
    group: str | None,
    vocab_size: int,
    code: int,
    units: str | None,
    spec: EncoderSpec,
    **settings: Any,
) -> None:
    """A deep autoencoder: it learns to reconstruct texts from short codes, for `nlptool hash`.

    It reads how often each word of a vocabulary comes in a text (bag of words; --on words), or the embedding of a text. Each
    layer is first trained by itself, as a restricted Boltzmann machine, then all of them together to reconstruct the input
    (Hinton and Salakhutdinov 2006). Noise at the inputs of the code's units makes these decide between 0 and 1, so that a code is
    binary (Semantic Hashing, Salakhutdinov and Hinton 2009).

    \b
    nlptool train autoencoder -o hasher articles.jsonl
    nlptool hash -m ./hasher articles.jsonl > codes.jsonl
    nlptool train autoencoder --layers 1000,500 --code 64 --max-minutes 30 -o codes64 --unit document texts/
    nlptool train autoencoder --on embeddings --layers 256 -o on-embeddings corpus.txt
    nlptool train autoencoder --code 2 --group class --plot plane.png -o plane articles.jsonl

    Words are nouns, verbs and adjectives, as those of `nlptool keywords`: by MeCab, or the `tokens` of a record; in other
    languages all but English words of grammar. Records with an `embedding` (from `nlptool embed`) are not embedded again.

    The loss on dev is, of words, the cross-entropy in nats of a word of a text, given its code; of embeddings the mean squared
    error of a component, in units of the variance. Lower is better; `loss_without_code` is that of the mean text. The folder's
    autoencoder.json holds it for each layer before all are trained together, curves.jsonl at each evaluation.

    With --code 2 and linear units the picture shows the texts that are held out in the plane of the code, and beside it in that
    of latent semantic analysis (of embeddings: of principal components), in the colours of --group.

    Ctrl-C leaves a checkpoint, from which --resume goes on; one is written every two minutes, too. The same seed and number
    of threads give the same model on the same machine; with --max-minutes the speed has a part in it.
    """
    if reads == "words":
        options.refuse(_OF_ENCODERS, "--on words")
    else:
        options.refuse(("dictionary", "vocab_size"), "--on embeddings")
    units = units or ("linear" if code == 2 else "binary")
    if units == "linear":
        options.refuse(("noise",), "a linear code")
    plane = plot is not None and units == "linear" and code == 2
    if not plane:
        options.refuse(("group",), "a picture of the curves" if plot is not None else "a training without --plot")
    if dev == 0:
        training.refuse_of_dev()
    from nlptool.geometry import similarity as similarities
    from nlptool.tasks.train.autoencoder import train_autoencoder
    from nlptool.tasks.train.autoencoder_corpus import CorpusOptions
    from nlptool.training.autoencoder.settings import AutoencoderSettings

    click.get_current_context().with_resource(similarities.blas_threads(spec.threads))
    chosen = AutoencoderSettings(code=code, units=units, **settings)
    corpus = CorpusOptions(reads, vocab_size, dictionary, dev, group)
    found = train_autoencoder(pipe, replace(output, draw=None) if plane else output, corpus, spec, chosen, plane=plane)
    if found is not None and plot is not None:
        from nlptool import plots

        plots.planes({"autoencoder": found.points, found.linear_name: found.linear}, found.groups, plot, note=pipe.note)
