"""Options of the commands that train a model."""

from __future__ import annotations

import functools
from typing import Any

import click

from nlptool import plots
from nlptool.cli.help import shared_option
from nlptool.cli.options.types import Command, Decorator, FloatRange, IntRange, all_of, refuse


def share_or_file(_: click.Context, __: click.Parameter, value: str) -> str | float:
    """Parse ``--dev``: a share, or the name of a file."""
    return share_or_file_of(value)


def share_or_file_of(value: str) -> str | float:
    """Return what a value of ``--dev`` says: a share, or the name of a file.

    Raises:
        BadParameter: a number that is no share.
    """
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


def integer(  # noqa: PLR0917
    group: str, name: str, default: int | None, text: str, least: int, most: int | None = None, *, shown: str | bool = True
) -> Decorator:  # fmt: skip
    """Return an option whose value is an integer from ``least`` to ``most``."""
    return shared_option(group, name, default=default, show_default=shown, metavar="N",
                         type=IntRange(least, most), help=text)  # fmt: skip


def number(  # noqa: PLR0917
    group: str, name: str, default: float | None, metavar: str, text: str, most: float | None = 1, *, positive: bool = False,
    shown: str | bool = True,
) -> Decorator:  # fmt: skip
    """Return an option whose value is a number from 0 (``positive``: above 0) to ``most``."""
    return shared_option(group, name, default=default, show_default=shown, metavar=metavar,
                         type=FloatRange(0, most, min_open=positive), help=text)  # fmt: skip


hidden_size = integer("Model", "--hidden-size", 256, "Hidden size (embedding dimension).", 2, 8192)


def network(layers: int, intermediate_size: int | None = 1024) -> Decorator:
    """Add ``--layers``, ``--heads`` and ``--intermediate-size``; None: four times the hidden size, which the command sets."""
    shown = True if intermediate_size else "4 × hidden size"
    return all_of(
        integer("Model", "--layers", layers, "Layers of the network; of an encoder–decoder: of each of the two.", 1, 48),
        integer("Model", "--heads", 4, "Attention heads of a layer.", 1, 128),
        integer("Model", "--intermediate-size", intermediate_size, "Size of the feed-forward layers.", 1, 65_536, shown=shown),
    )  # fmt: skip


def limits(default_epochs: int) -> Decorator:
    """Add ``--max-steps``, ``--epochs`` and ``--max-minutes``. Without any of them ``epochs`` is the default."""
    shown = f"{default_epochs}, unless --max-steps or --max-minutes"
    minutes = "End after about M minutes; the number of steps is set when the speed has been measured."

    def decorate(callback: Command) -> Command:
        @functools.wraps(callback)
        def run(*arguments: Any, **values: Any) -> None:
            if not any(values[name] for name in ("max_steps", "epochs", "max_minutes")):
                values["epochs"] = default_epochs
            callback(*arguments, **values)

        return all_of(
            integer("Training", "--max-steps", None, "End after N steps.", 1),
            integer("Training", "--epochs", None, "End after N epochs.", 1, shown=shown),
            number("Training", "--max-minutes", None, "M", minutes, None, positive=True),
        )(run)

    return decorate


def learning_rate(
    default: float | None, name: str = "--learning-rate", text: str = "Peak learning rate; decays linearly to 0.",
    *, shown: str | bool = True,
) -> Decorator:  # fmt: skip
    return number("Training", name, default, "RATE", text, positive=True, shown=shown)


def optimizer(rate: float | None, warmup: float = 0.05) -> Decorator:
    """Add the options of a step, of the learning rate, and of the optimizer.

    Args:
        rate: the usual learning rate; None: it depends on the network.
        warmup: the usual share of the steps in which it rises.
    """
    accumulation = "Batches whose gradients are added up before a step."
    rising = "Share of the steps in which the learning rate rises."
    precision = "Numbers that the network computes with; auto: bfloat16 on a GPU. Weights are float32 in training."
    return all_of(
        shared_option("Training", "--optimizer", type=click.Choice(["adamw", "muon"]), default="adamw", show_default=True,
                      help="Optimizer; muon: for the matrices of the layers, with AdamW for the other weights."),
        shared_option("Training", "--precision", type=click.Choice(["auto", "float32", "bfloat16"]), default="auto",
                      show_default=True, help=precision),
        integer("Training", "--gradient-accumulation", 1, accumulation, 1, 10_000),
        learning_rate(rate, shown=True if rate else "by the size of the network"),
        number("Training", "--warmup-ratio", warmup, "SHARE", rising),
        number("Training", "--weight-decay", 0.01, "W", "Weight decay; biases and norms have none."),
        number("Training", "--max-grad-norm", 1.0, "NORM", "Gradients are clipped to this norm; 0: not.", None),
    )  # fmt: skip


def batch_size(default: int, text: str, least: int = 1) -> Decorator:
    return integer("Training", "--batch-size", default, text, least, 65_536)


def loop(epochs: int, batch: Decorator, *, rate: float | None, warmup: float = 0.05) -> Decorator:
    """Add the options of the training loop: where it ends, the size of a batch, and how a step is taken.

    Args:
        epochs: as of ``limits``.
        batch: adds the option of the size.
        rate, warmup: as of ``optimizer``.
    """
    return all_of(limits(epochs), batch, optimizer(rate, warmup))


def check_heads(size: int, heads: int, *, name: str = "--hidden-size") -> None:
    """Check that the heads of a layer can share its vectors.

    Raises:
        UsageError: they cannot.
    """
    if size % heads:
        raise click.UsageError(f"{name} {size} cannot be shared by --heads {heads}")


def evaluated(evaluations: int) -> Decorator:
    """Add the options of a training that is evaluated on dev: ``--patience``, ``--evaluations`` and ``--keep``.

    Args:
        evaluations: on dev, unless another number is given.
    """
    best = "The weights that are kept: those of the best evaluation on dev, or those of the end."

    def decorate(callback: Command) -> Command:
        @functools.wraps(callback)
        def run(*arguments: Any, **values: Any) -> None:
            if values["keep"] == "last" and values["patience"] is not None:
                raise click.UsageError("--patience needs a score: --keep best")
            callback(*arguments, **values)

        return all_of(
            integer("Options", "--patience", None, "End after N evaluations without a better score.", 1),
            integer("Options", "--evaluations", evaluations,
                    "Evaluations on dev, at most; one an epoch if --epochs ends the training.", 1, 10_000),
            click.option("--keep", type=click.Choice(["best", "last"]), default="best", show_default=True, help=best),
        )(run)  # fmt: skip

    return decorate


def refuse_of_dev(*names: str) -> None:
    """Refuse the options that a training has no use for which holds nothing out: those of ``evaluated``, and ``names``.

    Raises:
        UsageError: one of them was given.
    """
    refuse(("patience", "evaluations", "keep", *names), "--dev 0")


def dropout(default: float | None, shown: str | bool = True) -> Decorator:
    text = "Dropout probability; 0.1 suits a small corpus and many epochs."
    return number("Training", "--dropout", default, "P", text, 0.9, shown=shown)


def folder(text: str = "Where the model goes: a folder, replaced as a whole when done.") -> Decorator:
    return shared_option("Output", "-o", "--output", metavar="FOLDER", type=click.Path(readable=False), required=True,
                         help=text)  # fmt: skip


def save_dtype(*more: str) -> Decorator:
    return shared_option("Output", "--save-dtype", type=click.Choice(["float32", "float16", *more]), default="float32",
                         show_default=True, help="Data type of the weights in the folder.")  # fmt: skip


def output(checkpoints: str = "the plan of the training", *, picture: str = "") -> Decorator:
    """Add the options of what is written where; the callback gets them as ``output``, a ``ModelOutput``.

    Args:
        checkpoints: contents of the checkpoint folder beside the last checkpoint.
        picture: what ``--plot`` draws beside curves, for which the callback gets ``plot``, too; "": nothing.
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
            if picture:
                values["plot"] = plot
            callback(*arguments, **values)

        return all_of(
            folder(),
            save_dtype(),
            shared_option("Output", "--checkpoint-dir", metavar="FOLDER", type=click.Path(readable=False),
                          show_default="the output with .work, removed at the end",
                          help=f"Folder that keeps {checkpoints} and the last checkpoint."),
            shared_option("Output", "--resume", is_flag=True, help="Go on from the last checkpoint of an interrupted training."),
            shared_option("Output", "--plot", metavar="FILE", type=click.Path(readable=False),
                          help=f"Draw the curves{picture}: .png, .svg or .pdf."),
        )(run)  # fmt: skip

    return decorate
