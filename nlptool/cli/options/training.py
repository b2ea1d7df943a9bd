"""Options of the commands that train a model."""

from __future__ import annotations

import functools
from typing import Any

import click

from nlptool import plots
from nlptool.cli.help import shared_option
from nlptool.cli.options.types import Command, Decorator, FloatRange


def share_or_file(_: click.Context, __: click.Parameter, value: str) -> str | float:
    """Parse ``--dev``: a share, or the name of a file."""
    try:
        share = float(value)
    except ValueError:
        return value
    if not 0 <= share <= 0.9:
        raise click.BadParameter("a share is 0 to 0.9; the name of a file that looks like a number begins with ./")
    return share


def dev(default: str, text: str) -> Decorator:
    return click.option(
        "--dev", metavar="SHARE|FILE", default=default, show_default=True, callback=share_or_file, help=text
    )


dictionary = click.option(
    "--dictionary", metavar="NAME|FOLDER", show_default="unidic-lite",
    help="MeCab dictionary for Japanese words: unidic-lite, unidic, ipadic, or a folder; the model remembers it.",
)  # fmt: skip

lowercase = click.option("--lowercase", is_flag=True, help="Convert the text to lower case.")


def vocab_size(default: int, text: str, *, least: int) -> Decorator:
    return shared_option("Model", "--vocab-size", default=default, show_default=True, metavar="N",
                         type=click.IntRange(least, 1_000_000), help=text)  # fmt: skip


hidden_size = shared_option(
    "Model", "--hidden-size", default=256, show_default=True, metavar="N", type=click.IntRange(2, 8192),
    help="Hidden size (embedding dimension).",
)  # fmt: skip


def dimension(default: int, text: str, *, least: int) -> Decorator:
    return shared_option("Model", "--dimension", default=default, show_default=True, metavar="N",
                         type=click.IntRange(least, 10_000), help=text)  # fmt: skip


def network(layers: int, intermediate_size: int | None = 1024) -> Decorator:
    """Add ``--layers``, ``--heads`` and ``--intermediate-size``; None: four times the hidden size, which the command sets."""
    return _all(
        shared_option("Model", "--layers", default=layers, show_default=True, metavar="N", type=click.IntRange(1, 48),
                      help="Layers of the network; of an encoder–decoder: of each of the two."),
        shared_option("Model", "--heads", default=4, show_default=True, metavar="N", type=click.IntRange(1, 128),
                      help="Attention heads of a layer."),
        shared_option("Model", "--intermediate-size", default=intermediate_size, metavar="N", type=click.IntRange(1, 65_536),
                      show_default=True if intermediate_size else "4 × hidden size",
                      help="Size of the feed-forward layers."),
    )  # fmt: skip


def max_length(default: int, text: str, *, least: int = 8) -> Decorator:
    return shared_option("Model", "--max-length", default=default, show_default=True, metavar="N",
                         type=click.IntRange(least, 8192), help=text)  # fmt: skip


def epochs(default: int, name: str, text: str) -> Decorator:
    """Add a number of epochs that may be 0."""
    return shared_option("Training", name, default=default, show_default=True, metavar="N",
                         type=click.IntRange(0, 1000), help=text)  # fmt: skip


def limits(default_epochs: int) -> Decorator:
    """Add ``--max-steps``, ``--epochs`` and ``--max-minutes``. Without any of them ``epochs`` is the default."""

    def decorate(callback: Command) -> Command:
        @functools.wraps(callback)
        def run(*arguments: Any, **values: Any) -> None:
            if not any(values[name] for name in ("max_steps", "epochs", "max_minutes")):
                values["epochs"] = default_epochs
            callback(*arguments, **values)

        return _all(
            shared_option("Training", "--max-steps", metavar="N", type=click.IntRange(min=1), help="End after N steps."),
            shared_option("Training", "--epochs", metavar="N", type=click.IntRange(min=1),
                          show_default=f"{default_epochs}, unless --max-steps or --max-minutes", help="End after N epochs."),
            shared_option("Training", "--max-minutes", metavar="M", type=FloatRange(0, min_open=True),
                          help="End after about M minutes; the number of steps is set when the speed has been measured."),
        )(run)  # fmt: skip

    return decorate


def batch_size(default: int, text: str = "Sequences in a batch.", *, least: int = 1) -> Decorator:
    return shared_option("Training", "--batch-size", default=default, show_default=True, metavar="N",
                         type=click.IntRange(least, 65_536), help=text)  # fmt: skip


def learning_rate(
    default: float | None, name: str = "--learning-rate", text: str = "Peak learning rate; decays linearly to 0.",
    *, shown: str | bool = True,
) -> Decorator:  # fmt: skip
    return shared_option("Training", name, default=default, show_default=shown, metavar="RATE",
                         type=FloatRange(0, 1, min_open=True), help=text)  # fmt: skip


def optimizer(rate: float) -> Decorator:
    """Add the options of a step, of the learning rate, and of AdamW."""
    return _all(
        shared_option("Training", "--gradient-accumulation", default=1, show_default=True, metavar="N",
                      type=click.IntRange(1, 10_000), help="Batches whose gradients are added up before a step."),
        learning_rate(rate),
        shared_option("Training", "--warmup-ratio", default=0.05, show_default=True, metavar="SHARE", type=FloatRange(0, 1),
                      help="Share of the steps in which the learning rate rises."),
        shared_option("Training", "--weight-decay", default=0.01, show_default=True, metavar="W", type=FloatRange(0, 1),
                      help="Weight decay of AdamW; biases and norms have none."),
        shared_option("Training", "--max-grad-norm", default=1.0, show_default=True, metavar="NORM", type=FloatRange(min=0),
                      help="Gradients are clipped to this norm; 0: not."),
    )  # fmt: skip


def dropout(default: float) -> Decorator:
    return shared_option("Training", "--dropout", default=default, show_default=True, metavar="P", type=FloatRange(0, 0.9),
                         help="Dropout probability; 0.1 suits a small corpus and many epochs.")  # fmt: skip


def folder(text: str = "Where the model goes: a folder, replaced as a whole when done.") -> Decorator:
    return shared_option("Output", "-o", "--output", metavar="FOLDER", type=click.Path(readable=False), required=True,
                         help=text)  # fmt: skip


def save_dtype(*more: str) -> Decorator:
    return shared_option("Output", "--save-dtype", type=click.Choice(["float32", "float16", *more]), default="float32",
                         show_default=True, help="Data type of the weights in the folder.")  # fmt: skip


def output(checkpoints: str) -> Decorator:
    """Add the options of what is written where; the callback gets them as ``output``, a ``ModelOutput``.

    Args:
        checkpoints: contents of the checkpoint folder beside the last checkpoint.
    """

    def decorate(callback: Command) -> Command:
        @functools.wraps(callback)
        def run(*arguments: Any, plot: str | None, **values: Any) -> None:
            from nlptool.tasks.train.run import ModelOutput

            if plot:
                plots.check(plot)
            names = ("output", "save_dtype", "checkpoint_dir", "resume")
            draw = functools.partial(plots.curves, path=plot) if plot else None
            values["output"] = ModelOutput(**{name: values.pop(name) for name in names}, draw=draw)
            callback(*arguments, **values)

        return _all(
            folder(),
            save_dtype(),
            shared_option("Output", "--checkpoint-dir", metavar="FOLDER", type=click.Path(readable=False),
                          show_default="the output with .work, removed at the end",
                          help=f"Folder that keeps {checkpoints} and the last checkpoint."),
            shared_option("Output", "--resume", is_flag=True, help="Go on from the last checkpoint of an interrupted training."),
            shared_option("Output", "--plot", metavar="FILE", type=click.Path(readable=False),
                          help="Draw the curves: .png, .svg or .pdf."),
        )(run)  # fmt: skip

    return decorate


def _all(*options: Decorator) -> Decorator:
    """Return a decorator that adds several options, in this order."""

    def decorate(callback: Command) -> Command:
        for option in reversed(options):
            callback = option(callback)
        return callback

    return decorate
