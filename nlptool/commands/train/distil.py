"""``nlptool train distil``: a small sentence encoder that has learned from a large one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from nlptool.cli import options
from nlptool.cli.help import Command, shared_option
from nlptool.cli.options import training
from nlptool.records.pipe import Pipe
from nlptool.specs import EncoderSpec

if TYPE_CHECKING:
    from nlptool.tasks.train.run import ModelOutput

_OF_BERT = ("layers", "heads", "intermediate_size", "pooling", "max_length", "init", "epochs", "learning_rate")
_OF_PAIRS = ("dev", "space_epochs", "scored_epochs", "scored_learning_rate", "scored_weight", "loss")


@click.command(cls=Command)
@options.records("train", writes=False)
@click.option("--teacher", metavar="MODEL", required=True,
              help="The encoder that is learned from: a name, a folder, or org/name of the hub.")  # fmt: skip
@click.option("--corpus", metavar="FILE", multiple=True, type=click.Path(readable=False),
              help="Text, a sentence a line; the same as FILE.")  # fmt: skip
@click.option("--translations", metavar="FILE", multiple=True, type=click.Path(readable=False),
              help="Pairs that mean the same, `first<TAB>second`; both learn the mean of their vectors.")  # fmt: skip
@click.option("--scored", metavar="FILE", multiple=True, type=click.Path(readable=False),
              help="Pairs with a similarity score; their order is learned at the end.")  # fmt: skip
@training.dev("0.2", "Scored pairs to hold out: a share of them, or a file.")
@click.option("--student", type=click.Choice(["bert", "static"]), default="bert", show_default=True,
              help="A small BERT, or a table of token vectors, which is many times faster.")  # fmt: skip
@click.option("--init", default="static", show_default=True, metavar="static|random|FOLDER",
              help="Initialization of a BERT: from a table that is trained first, random, or a BERT that exists.")  # fmt: skip
@click.option("--loss", type=click.Choice(["cosent", "cosine"]), default="cosent", show_default=True,
              help="Loss of scored pairs: their order, or the squared error of the cosine.")  # fmt: skip
@training.number("Options", "--scored-weight", 0.01, "W", "Weight of that loss beside the teacher's.", None)
@training.number("Options", "--similarity", 20.0, "W",
                 "Weight of the cosines between the texts of a batch beside the vectors themselves.", None)  # fmt: skip
@training.integer("Model", "--dimension", 256, "Dimensions of the vectors; of a BERT also its hidden size.", 2, 10_000)
@training.integer("Model", "--vocab-size", 14_336, "Subwords, 256 bytes among them.", 512, 1_000_000)
@training.network(layers=4)
@shared_option("Model", "--pooling", type=click.Choice(["mean", "cls", "max"]), default="mean", show_default=True,
               help="How a text's vector is computed from those of its tokens.")  # fmt: skip
@training.integer("Model", "--max-length", 256, "Tokens that a BERT takes.", 8, 8192)
@training.integer("Training", "--table-epochs", 4, "Epochs of the table.", 0, 1000)
@training.integer("Training", "--epochs", 4, "Epochs of the BERT.", 0, 1000)
@training.integer("Training", "--space-epochs", 25,
                  "Epochs over the scored pairs in which the teacher's space is rotated.", 0, 1000)  # fmt: skip
@training.integer("Training", "--scored-epochs", 3, "Epochs over the scored pairs at the end.", 0, 1000)
@training.learning_rate(2e-3, "--table-learning-rate", "Peak learning rate of the table.")
@training.learning_rate(5e-4, text="Peak learning rate of the BERT; decays linearly to 0.")
@training.learning_rate(None, "--scored-learning-rate", "Peak learning rate on scored pairs.",
                        shown="0.0002; static: 0.0005")  # fmt: skip
@training.batch_size(256, "Texts in a batch.", least=4)
@training.integer("Training", "--longest", 64, "Tokens to which texts are truncated in training.", 2, 8192)
@training.output("the teacher's vectors and the finished stages, for other trainings on the same text,")
@options.device
@options.unicode_errors
@options.seed
@options.threads
@options.offline
@options.allow_pickle
def command(
    pipe: Pipe,
    *,
    output: ModelOutput,
    teacher: str,
    corpus: tuple[str, ...],
    translations: tuple[str, ...],
    scored: tuple[str, ...],
    dev: str | float,
    device: str,
    unicode_errors: str,
    threads: int | None,
    offline: bool,
    allow_pickle: bool,
    **settings: Any,
) -> None:
    """A small sentence encoder that learns the vectors of a large one: any language that the teacher knows.

    The text is a sentence a line. First a vocabulary is learned and the teacher embeds it; then a table of token vectors is
    learned, and a BERT that is initialized from that table; pairs with scores, if there are any, come last. The folder is a
    model of sentence-transformers, which -m takes in `embed`; its distil.json holds every option, the counts and the
    versions, its curves.jsonl the losses and scores during the training.

    \b
    nlptool train distil --teacher multilingual-e5-small --corpus sentences.txt -o mini
    nlptool train distil --teacher multilingual-e5-small --student static sentences.txt -o table
    nlptool train distil --teacher ./e5 --scored sts.jsonl --layers 3 --plot curves.png sentences.txt -o mini
    nlptool embed -m ./mini sentences.txt

    Pairs are lines with tabs between their columns, or JSONL with sentence1 and sentence2 (or first and second) and, where
    there is one, score or label. Of the scored ones those that are held out by --dev share no text with the others, and
    their texts are taken out of the corpus.

    Ctrl-C leaves a checkpoint, from which --resume goes on; one is written every two minutes, too. With --checkpoint-dir
    the teacher's vectors, the vocabulary and the finished stages stay there: another student on the same text takes them as
    they are. The same seed and number of threads give the same model on the same machine.
    """
    from nlptool.tasks.train.distil import CorpusFiles, train_distil

    pipe.files += corpus
    _check(settings, scored)
    settings["scored_learning_rate"] = settings["scored_learning_rate"] or (
        5e-4 if settings["student"] == "static" else 2e-4
    )
    spec = EncoderSpec(
        teacher,
        device=device,
        threads=threads,
        unicode_errors=unicode_errors,
        offline=offline,
        allow_pickle=allow_pickle,
    )
    train_distil(pipe, output, CorpusFiles(translations, scored, dev), spec, **settings)


def _check(settings: dict[str, Any], scored: tuple[str, ...]) -> None:
    """Refuse options that would have no effect, or contradict each other."""
    is_bert, init = settings["student"] == "bert", settings["init"]
    useless = {} if is_bert else dict.fromkeys(_OF_BERT, "--student static")
    useless |= {} if scored else dict.fromkeys(_OF_PAIRS, "a training without --scored")
    if is_bert and init != "static":
        useless |= dict.fromkeys(("table_epochs", "table_learning_rate"), f"--init {init}")
        if init != "random":
            useless |= dict.fromkeys(("layers", "heads", "intermediate_size", "vocab_size"), f"--init {init}")
    for name in sorted(options.typed((*settings, "dev")) & useless.keys()):
        raise click.UsageError(f"{useless[name]} makes no use of --{name.replace('_', '-')}")
    if is_bert and init in ("static", "random"):
        training.check_heads(settings["dimension"], settings["heads"], name="--dimension")
    if is_bert and settings["longest"] > settings["max_length"]:
        raise click.UsageError(
            f"--longest {settings['longest']} is more than --max-length {settings['max_length']} takes: make it smaller too"
        )
