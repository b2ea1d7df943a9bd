"""Options of the trainings of an encoder with new heads."""

from __future__ import annotations

import click

from nlptool.catalog import DEFAULT_BERT
from nlptool.cli.options import computation, models, training
from nlptool.cli.options.types import Decorator, all_of

base = click.option(
    "--base", metavar="MODEL", default=DEFAULT_BERT, show_default=True,
    help="The model to begin with: BERT or its kin: a name, a folder, or org/name of the hub.",
)  # fmt: skip


def finetuning(*, evaluations: int, max_length: Decorator, epochs: int, batch_size: Decorator) -> Decorator:
    """Add the options of such a training but for ``--base`` and those of its examples: what is trained how much, what is kept,
    and what is written where. The callback gets a ``BaseSpec`` and a ``ModelOutput``.

    Args:
        evaluations: on dev, unless another number is given.
        max_length: adds ``--max-length``.
        epochs: unless the end of the training is given.
        batch_size: adds ``--batch-size``.
    """
    freeze = "Keep the embeddings and the first N layers as they are; 0: train all."
    decay = "Learning rate of a layer relative to the one above it."
    return all_of(
        training.integer("Options", "--freeze", 0, freeze, 0, 100, shown=False),
        training.number("Options", "--layer-decay", 1.0, "FACTOR", decay, positive=True),
        training.evaluated(evaluations),
        max_length,
        training.loop(epochs, batch_size, rate=None, warmup=0.1),
        training.dropout(None, "the base model's"),
        training.output(),
        computation.device,
        computation.offline,
        computation.allow_pickle,
        computation.seed,
        computation.threads_alone,
        models.spec("BaseSpec"),
    )
