"""``nlptool train probe``: a structural probe, learned from a treebank."""

from __future__ import annotations

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.cli.options import training
from nlptool.records.pipe import Pipe
from nlptool.specs import ContextualSpec

_OF_RECORDS = ("unit", "field", "id_field", "header", "null")


@click.command(cls=Command)
@options.records("train", writes=False)
@training.dev("0.1", "Sentences to hold out: a share, the same ones for all --seed, or a file.")
@click.option("--layer", metavar="N|all", default="all", show_default=True,
              help="Layer whose vectors are read, from 0, the embeddings; all: each, of which the best is kept.")  # fmt: skip
@training.integer(
    "Options", "--rank", 64, "Dimensions of the spaces in which distances and depths are measured.", 1, 4096
)
@click.option("--baselines/--no-baselines", default=True, show_default=True,
              help="Train the same probe on a network with random weights, to compare.")  # fmt: skip
@training.integer("Options", "--bootstrap", 1000, "Resamples for the 95 % intervals; 0: none.", 0, 100_000)
@training.integer("Training", "--epochs", 20, "Epochs, at most.", 1, 10_000)
@training.integer("Training", "--patience", 4, "End after N epochs without a smaller loss on dev.", 1)
@training.batch_size(20, "Sentences in a batch.")
@training.learning_rate(0.001, text="Learning rate of Adam; halved after an epoch without a smaller loss on dev.")
@training.folder("Where the probe goes: a folder, replaced as a whole when done.")
@options.bert_model
@options.max_length("the model's own")
@options.engine
@options.device
@options.batch_tokens(None)
@options.offline
@options.allow_pickle
@options.seed
@options.threads_alone
@options.spec("ContextualSpec")
def command(  # noqa: PLR0917
    pipe: Pipe,
    dev: str | float,
    layer: str,
    rank: int,
    baselines: bool,
    bootstrap: int,
    epochs: int,
    patience: int,
    batch_size: int,
    learning_rate: float,
    output: str,
    seed: int,
    spec: ContextualSpec,
) -> None:
    """A structural probe of a BERT, from a treebank, for `nlptool probe` (Hewitt and Manning 2019).

    A probe asks whether the vectors of words in context hold the tree of their sentence: it learns a linear map after which the
    squared distance of two words is the number of edges between them, and another after which the squared length of a vector is
    the depth of its word. The network itself is not trained.

    \b
    nlptool train probe -o ja-probe train.conllu --dev dev.conllu
    nlptool train probe -m bert-mini-en --layer 3 -o en-probe en.conllu
    nlptool probe -m ./ja-probe texts.txt

    FILE is a treebank in CoNLL-U. Empty nodes are left out; sentences without a tree (no heads, two roots, a cycle) are counted
    and left out. The vector of a word is the mean of those of its pieces.

    The card and probe.json tell, for each layer, the network with random weights, and a chain in which each word hangs at its
    neighbour: UUAS, the share of edges that are found, without punctuation; the root accuracy; Spearman's rho of distances
    and of depths, averaged over lengths of 5 to 50 words; and by how much the layer that is kept is above the baselines, all with
    95 % bootstrap intervals over the sentences of dev.

    The same seed and number of threads give the same probe on the same machine.
    """
    from nlptool.tasks.train.probe import ProbePlan, train_probe
    from nlptool.tasks.train.run import ModelOutput
    from nlptool.training.probe.fit import FitSettings

    options.refuse(_OF_RECORDS, "train probe reads trees, and")
    if layer != "all" and not layer.isdecimal():
        raise click.UsageError(f"--layer {layer!r} is neither the number of a layer nor all")
    settings = FitSettings(
        rank=rank, batch_size=batch_size, learning_rate=learning_rate, epochs=epochs, patience=patience, seed=seed
    )
    plan = ProbePlan(
        layer=None if layer == "all" else int(layer[:9]), fit=settings, baselines=baselines, resamples=bootstrap
    )
    target = ModelOutput(output, save_dtype="float16", checkpoint_dir=None, resume=False, draw=None)
    train_probe(pipe, target, spec, dev, plan)
