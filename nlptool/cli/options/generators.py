"""``-m`` of models that generate, and of those that score texts, with what else can be chosen of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nlptool.cli.help import shared_option
from nlptool.cli.options.computation import of_network
from nlptool.cli.options.models import max_length, spec, usual_models
from nlptool.cli.options.types import Decorator, IntRange, Text, all_of

if TYPE_CHECKING:
    from nlptool.models.generation.generator import Generator

_in_int8 = shared_option(
    "Model", "--quantize", type=click.Choice(["int8"]),
    help="Run the network in 8-bit integers, in CTranslate2: several times as fast, less exact.",
)  # fmt: skip
_languages = (
    shared_option("Model", "--source-lang", metavar="CODE",
                  help="Source language by the model's code, for multilingual models."),
    shared_option("Model", "--target-lang", metavar="CODE", help="Target language by the model's code: eng_Latn, en."),
)  # fmt: skip


def _prefix(name: str) -> Decorator:
    return shared_option("Model", "--prefix", default="", metavar="TEXT", type=Text(),
                         help=f"Prefix that is put before every {name}, such as T5's task.")  # fmt: skip


def scoring(*, targets: bool = True, default: str | None = usual_models("fill-mask")) -> Decorator:
    """Add ``-m`` and what else can be chosen of a model that scores texts; the callback gets a ``ScoringSpec``.

    Args:
        targets: an encoder–decoder may score targets after their sources.
        default: the model that is taken if none is named; None: there is none, and masked models are not for the command.
    """
    kinds = ["a GPT", *(["an encoder–decoder"] if targets else []), *(["a masked model"] if default else [])]
    engines = ["auto", *(["onnx"] if default else []), "ct2", "numpy", "torch"]
    fastest = (
        "onnxruntime for a masked model, " if default else ""
    ) + "numpy for a small GPT-2, CTranslate2 for others"
    return all_of(
        shared_option("Model", "-m", "--model", metavar="MODEL", show_default=default or False,
                      help="Folder of `nlptool train lm`, a name of `nlptool models list`, or of the hub (org/name[@revision]) "
                      + " or ".join(kinds) + "."),
        max_length("the model's own"),
        *((_prefix("source"), *_languages) if targets else ()),
        shared_option("Model", "--engine", type=click.Choice(engines), default="auto", show_default=True,
                      help=f"Inference engine; auto: {fastest}, or torch for GPUs and models that need it."),
        _in_int8,
        of_network,
        spec("ScoringSpec"),
    )  # fmt: skip


def check_stride(model: Generator, stride: int | None, room: int | None) -> None:
    """Check ``--stride`` against the windows that a model reads a long text in.

    Args:
        room: ``--max-length``.

    Raises:
        UsageError: with this stride some tokens would be in no window.
    """
    from nlptool.models.generation.likelihood import window_of

    window = window_of(model, room)
    if stride is not None and window is not None and stride > window:
        raise click.UsageError(
            f"--stride {stride} is longer than a window, which holds {window} tokens: --stride {max(1, window // 2)}"
        )


def generator(*, required: bool = True) -> Decorator:
    """Add ``-m`` and what else can be chosen of a model that generates; the callback gets a ``GeneratorSpec``.

    Args:
        required: without ``-m`` the command says which models there are.
    """
    return all_of(
        shared_option("Model", "-m", "--model", metavar="MODEL", required=False,
                      help="Folder of `nlptool train seq2seq`, a name of `nlptool models list --task generate`, or an "
                      "encoder–decoder or GPT: a folder or org/name[@revision] of the hub."
                      + (" Default for a Japanese text: aozora-gpt." if required else "")),
        shared_option("Model", "--max-length", metavar="N", type=IntRange(min=2), show_default="the model's own",
                      help="Longest input in tokens."),
        _prefix("text"),
        *_languages,
        shared_option("Model", "--engine", type=click.Choice(["auto", "ct2", "numpy", "torch"]), default="auto",
                      show_default=True,
                      help="Inference engine; auto: CTranslate2, numpy for small GPT-2s without beams, or torch for sampling, "
                      "attention, penalties with beams, and models that need it."),
        _in_int8,
        of_network,
        spec("GeneratorSpec"),
    )  # fmt: skip
