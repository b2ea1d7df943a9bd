"""``-m`` of each kind of model, with what else can be chosen of it; the callback gets a spec."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import click

from nlptool.catalog import DEFAULT_ENCODER, defaults
from nlptool.cli.help import shared_option
from nlptool.cli.options.computation import (
    allow_pickle,
    batch_tokens,
    device,
    engine,
    of_network,
    offline,
    threads_alone,
    unicode_errors,
)
from nlptool.cli.options.types import Command, Decorator, IntRange, all_of, typed


def usual_models(task: str) -> str:
    """Return the models that are taken by the script of the input, the first of them where none knows it."""
    first, *others = defaults(task)
    by_script = [f"{known.name} for {'/'.join(known.languages)}" for known in others]
    return ", ".join([*by_script, f"else {first.name}" if others else first.name])


def spec(kind: str) -> Decorator:
    """Hand the callback those values that are fields of a class of ``nlptool.specs`` as one argument ``spec``.

    The class is imported when the command runs: making the specs takes 4 ms, which no other command pays.
    """

    def decorate(callback: Command) -> Command:
        @functools.wraps(callback)
        def run(*arguments: Any, **values: Any) -> Any:
            from nlptool import specs

            make = getattr(specs, kind)
            names = [field.name for field in dataclasses.fields(make)]
            chosen = {name: value for name in names if (value := values.pop(name, None)) is not None}
            _keep_one_prompt(chosen)
            return callback(*arguments, spec=make(**chosen), **values)

        return run

    return decorate


_PROMPTS = {"role": "--as", "prompt": "--prompt", "prompt_name": "--prompt-name"}


def _keep_one_prompt(chosen: dict[str, Any]) -> None:
    """Drop what the environment says of the prompt where another of the options that choose it was typed.

    Raises:
        UsageError: two of them are left.
    """
    given = [name for name in _PROMPTS if name in chosen]
    for name in set(given) - typed(given) if typed(given) else ():
        del chosen[name]
    options = [_PROMPTS[name] for name in given if name in chosen]
    if len(options) > 1:
        raise click.UsageError(f"{' and '.join(options)} are two ways to choose the same thing: give one")


def model(default: str) -> Callable[[Command], Command]:
    return shared_option(
        "Model", "-m", "--model", default=default, show_default=True, metavar="MODEL",
        help="Model: a name of `nlptool models list`, a folder, or org/name[@revision] of the hub.",
    )  # fmt: skip


prompt = shared_option("Model", "--prompt", metavar="TEXT", help="Prompt that is put before every text; '' for none.")
prompt_name = shared_option(
    "Model", "--prompt-name", metavar="NAME", help="Prompt of the model by its name; `nlptool models show` lists them."
)
dim = shared_option(
    "Model",
    "--dim",
    metavar="N",
    type=IntRange(min=1),
    help="Keep the first N dimensions of each vector, renormalised.",
)


def encoder(*, embeddings: bool = True, chosen: bool = True) -> Decorator:
    """Add ``-m`` and what else can be chosen of the encoder; the callback gets an ``EncoderSpec``.

    Args:
        embeddings: records may hold vectors, and the texts of the others take the same model.
        chosen: the model, its prompt and its dimensions can be chosen; else they are given by something else.
    """
    what, default = "Encoder", DEFAULT_ENCODER
    if embeddings:
        what, default = "Encoder of texts that have no embedding", f"that of the records' embeddings, else {default}"

    which = shared_option(
        "Model", "-m", "--model", metavar="MODEL", show_default=default,
        help=f"{what}: a name of `nlptool models list`, a folder, org/name[@revision] of the hub, or word vectors.",
    )  # fmt: skip
    choice = (which, prompt, prompt_name, dim) if chosen else ()
    return all_of(
        *choice, device, batch_tokens(None), threads_alone, unicode_errors, offline, allow_pickle, spec("EncoderSpec")
    )


class _Layer(click.ParamType[str | int]):
    """The number of a layer, all or last4."""

    name = "layer"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str | int:
        if value in ("all", "last4"):
            return str(value)
        try:
            number = int(value)
        except ValueError:
            self.fail(f"{value!r} is neither the number of a layer nor all or last4", param, ctx)
        if abs(number) > _MOST_LAYERS:
            self.fail(f"no model has {number} layers", param, ctx)
        return number


_MOST_LAYERS = 10_000

layer = click.option(
    "--layer", type=_Layer(), metavar="N|all|last4", show_default="the last one",
    help="With --tokens: the layer whose vectors are used, from 0, the embeddings; last4: the last four joined; all: each.",
)  # fmt: skip


def max_length(default: str) -> Decorator:
    return shared_option(
        "Model", "--max-length", metavar="N", type=IntRange(min=8), show_default=default,
        help="Longest input of the network in tokens, special tokens included.",
    )  # fmt: skip


encoder_or_bert = shared_option(
    "Model", "-m", "--model", metavar="MODEL", show_default=f"{DEFAULT_ENCODER}; with --tokens {usual_models('fill-mask')}",
    help="Model: a name of `nlptool models list`, a folder, or org/name[@revision] of the hub.",
)  # fmt: skip
"""``-m`` of a command that embeds texts, or their tokens."""


bert_model = shared_option(
    "Model", "-m", "--model", metavar="MODEL", show_default=usual_models("fill-mask"),
    help="Model: a name of `nlptool models list`, a folder, or org/name[@revision] of the hub.",
)  # fmt: skip
"""``-m`` of the commands whose model is a BERT; the default is chosen by the script of the input."""

bert = all_of(
    bert_model,
    max_length("the model's own"),
    engine,
    of_network,
    spec("MaskedModelSpec"),
)
"""``-m`` and what else can be chosen of a masked language model; the callback gets a ``MaskedModelSpec``."""


def classifier(default: str | None = None) -> Decorator:
    """Add ``-m`` and what else can be chosen of a classifier; the callback gets a ``ClassifierSpec``.

    Args:
        default: the model that is taken if none is named; None: no model is needed.
    """
    return _with_heads("classifier", "classify", "ClassifierSpec", default)


def tagger(default: str | None = None) -> Decorator:
    """Add ``-m`` and what else can be chosen of a tagger; the callback gets a ``TaggerSpec``. ``default`` is as of a
    classifier."""
    return _with_heads("tagger", "tag", "TaggerSpec", default)


def reader() -> Decorator:
    """Add ``-m`` and what else can be chosen of a reader; the callback gets a ``ReaderSpec``."""
    stride = shared_option(
        "Model", "--stride", metavar="N", type=IntRange(min=1), show_default="three quarters of a window",
        help="Tokens from the beginning of a window of a long text to that of the next.",
    )  # fmt: skip
    return _with_heads("reader", "answer", "ReaderSpec", None, stride)


def chooser() -> Decorator:
    """Add ``-m`` and what else can be chosen of a chooser; the callback gets a ``ChooserSpec``."""
    return _with_heads("chooser", "choose", "ChooserSpec")


def _with_heads(name: str, task: str, kind: str, default: str | None = None, *more: Decorator) -> Decorator:
    """Return ``-m`` and the other options of a network with heads.

    Args:
        name: what such a model is called, and the command of ``nlptool train`` that makes one.
        task: the command that runs it.
        kind: of ``nlptool.specs``.
        default: the model that the command takes if none is named.
        more: options that this kind has alone.
    """
    which = shared_option(
        "Model", "-m", "--model", metavar="MODEL", show_default=default or False,
        help=f"Folder of `nlptool train {name}`, a name of `nlptool models list --task {task}`, or a {name} of the hub: "
        "org/name[@revision].",
    )  # fmt: skip
    return all_of(which, max_length("that of its training"), *more, engine, of_network, spec(kind))


def probe(default: str) -> Decorator:
    """Add ``-m`` and what else can be chosen of a probe; the callback gets a ``ProbeSpec``."""
    which = shared_option(
        "Model", "-m", "--model", metavar="PROBE", show_default=default,
        help="Folder of `nlptool train probe`, or a name of `nlptool models list --task probe`.",
    )  # fmt: skip
    return all_of(which, engine, of_network, spec("ProbeSpec"))


precision = shared_option(
    "Model", "--precision", type=click.Choice(["float32", "float16", "int8", "int4"]), default="float32", show_default=True,
    help="Number type of the vectors in the saved folder.",
)  # fmt: skip
