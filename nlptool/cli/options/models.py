"""Every shared option, spelled once, with its help.

``records`` gives a command FILE arguments and all the options of reading and writing, and hands it a ``Pipe``. Options
that only some commands share are decorators of their own.
"""

from __future__ import annotations

from collections.abc import Callable

import click

from nlptool.catalog import DEFAULT_BERT, DEFAULT_ENCODER
from nlptool.cli.options.types import Command, Decorator


def workers(callback: Command) -> Command:
    return click.option(
        "-j", "--workers", default=1, show_default=True, metavar="N", type=click.IntRange(min=1),
        help="Processes that share the work; the output stays in order.",
    )(callback)  # fmt: skip


def threads(callback: Command) -> Command:
    return click.option(
        "--threads", show_default="all processors, shared by -j", metavar="N", type=click.IntRange(min=1),
        help="Threads that compute, in each process.",
    )(callback)  # fmt: skip


def threads_alone(callback: Command) -> Command:
    """``--threads`` of a command that works in one process."""
    return click.option(
        "--threads",
        show_default="all processors",
        metavar="N",
        type=click.IntRange(min=1),
        help="Threads that compute.",
    )(callback)


def batch_tokens(default: int | None) -> Callable[[Command], Command]:
    return click.option(
        "--batch-tokens", default=default, show_default=True if default else "as the device likes it", metavar="N",
        type=click.IntRange(min=1), help="Tokens computed together, padding included.",
    )  # fmt: skip


def deterministic(text: str = "Byte-identical results however the input is batched; slower.") -> Decorator:
    return click.option("--deterministic", is_flag=True, help=text)


def seed(callback: Command) -> Command:
    return click.option(
        "--seed", default=1, show_default=True, metavar="N", type=click.IntRange(0, 2**32 - 1),
        help="Of the random numbers.",
    )(callback)  # fmt: skip


def model(default: str) -> Callable[[Command], Command]:
    return click.option(
        "-m", "--model", default=default, show_default=True, metavar="MODEL",
        help="A name of `nlptool models list`, a folder, or org/name[@revision] of the hub.",
    )  # fmt: skip


def offline(callback: Command) -> Command:
    return click.option("--offline", is_flag=True, help="Open no socket.")(callback)


def allow_pickle(callback: Command) -> Command:
    return click.option(
        "--allow-pickle", is_flag=True,
        help="Open weights that are a pickle, if a model has no others; a pickle can hold harmful code.",
    )(callback)  # fmt: skip


engine = click.option(
    "--engine", type=click.Choice(["auto", "onnx", "torch"]), default="auto", show_default=True,
    help="auto: onnxruntime, or torch for GPUs and models that need it.",
)  # fmt: skip

prompt = click.option("--prompt", metavar="TEXT", help="Put TEXT before every text ('' for nothing).")

dim = click.option("--dim", metavar="N", type=click.IntRange(min=1), help="The first N components alone, renormalised.")


def encoder(*, embeddings: bool = True) -> Decorator:
    """``-m`` and what else can be chosen of the encoder.

    Args:
        embeddings: records may hold vectors, and the texts of the others take the same model.
    """
    what, default = "Encoder", DEFAULT_ENCODER
    if embeddings:
        what, default = "Encoder of texts that have no embedding", f"that of the records' embeddings, else {default}"

    def decorate(callback: Command) -> Command:
        for option in (
            allow_pickle,
            offline,
            threads_alone,
            batch_tokens(None),
            device,
            dim,
            prompt,
            click.option(
                "-m", "--model", metavar="MODEL", show_default=default,
                help=f"{what}: a name of `nlptool models list`, a folder, org/name[@revision] of the hub, or word vectors.",
            ),
        ):  # fmt: skip
            callback = option(callback)
        return callback

    return decorate


def max_length(default: str) -> Decorator:
    return click.option(
        "--max-length", metavar="N", type=click.IntRange(min=8), show_default=default,
        help="Tokens that the network gets at once, at most.",
    )  # fmt: skip


def bert(callback: Command) -> Command:
    """``-m`` and what else can be chosen of a masked language model: the fields of ``bert.Choice``."""
    for option in (
        allow_pickle,
        offline,
        deterministic(),
        threads_alone,
        batch_tokens(None),
        device,
        engine,
        max_length("as the model says"),
        model(DEFAULT_BERT),
    ):  # fmt: skip
        callback = option(callback)
    return callback


def generator(*, required: bool = True) -> Decorator:
    """``-m`` and what else can be chosen of a model that generates: the fields of ``generating.Choice``.

    Args:
        required: without ``-m`` the command says which models there are.
    """

    def decorate(callback: Command) -> Command:
        for option in (
            allow_pickle,
            offline,
            deterministic(),
            threads_alone,
            batch_tokens(None),
            device,
            click.option("--engine", type=click.Choice(["auto", "ct2", "torch"]), default="auto", show_default=True,
                         help="auto: CTranslate2, or torch for sampling, attention and models that need it."),
            click.option("--target-lang", metavar="CODE", help="Language of the output, as the model calls it: eng_Latn, en."),
            click.option("--source-lang", metavar="CODE", help="Language of the input, of models that take many."),
            click.option("--prefix", default="", metavar="TEXT", help="Put TEXT before every text, such as T5's task."),
            click.option("--max-length", metavar="N", type=click.IntRange(min=2), show_default="as the model says",
                         help="Tokens of the input, at most."),
            click.option("-m", "--model", metavar="MODEL", required=False,
                         help="A folder of `nlptool train seq2seq`, a name of `nlptool models list --task generate`, or an "
                         "encoder–decoder or GPT: a folder or org/name[@revision] of the hub."
                         + (" There is no default." if required else "")),
        ):  # fmt: skip
            callback = option(callback)
        return callback

    return decorate


def device(callback: Command) -> Command:
    return click.option(
        "--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto", show_default=True,
        help="Where the network runs; auto: a CUDA GPU if there is one. cpu starts fastest.",
    )(callback)  # fmt: skip


precision = click.option(
    "--precision", type=click.Choice(["float32", "float16", "int8"]), default="float32", show_default=True,
    help="Of the vectors in nlptool's folder.",
)  # fmt: skip
