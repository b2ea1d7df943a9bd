"""How a text is found, chosen by ``options.decoding``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from nlptool.cli.options.types import Command, FloatRange, typed

if TYPE_CHECKING:
    from nlptool.models.generation.decoding import Decoding

_OPTIONS = (
    "beams", "num_return", "sample", "temperature", "top_k", "top_p", "max_new_tokens", "min_new_tokens", "length_penalty",
    "no_repeat_ngram",
)  # fmt: skip


def take(values: dict[str, Any]) -> Decoding:
    """Take the values of ``options.decoding`` out of those of all options, and make of them what decoders understand.

    Raises:
        UsageError: they contradict each other.
    """
    return _decoding(**{name: values.pop(name) for name in _OPTIONS})


def _decoding(
    *,
    beams: int | None,
    num_return: int,
    sample: bool,
    temperature: float | None,
    top_k: int | None,
    top_p: float | None,
    max_new_tokens: int | None,
    min_new_tokens: int,
    length_penalty: float,
    no_repeat_ngram: int,
) -> Decoding:
    draws = {"--sample": sample, "--temperature": temperature, "--top-k": top_k, "--top-p": top_p}
    drawn = next((name for name, value in draws.items() if value), None)
    if drawn and (beams or 1) > 1:
        raise click.UsageError(f"--beams searches and {drawn} draws at random: one of the two")
    if not drawn and num_return > (beams or num_return):
        raise click.UsageError(
            f"--num-return {num_return} of --beams {beams}: a search ends with as many texts as it has beams"
        )
    if not drawn:
        beams = beams or num_return
    if beams in (None, 1) and "length_penalty" in typed(["length_penalty"]):
        raise click.UsageError("--length-penalty ranks the texts of a beam search: --beams 4")
    if max_new_tokens is not None and min_new_tokens > max_new_tokens:
        raise click.UsageError(f"--min-new-tokens {min_new_tokens} is more than --max-new-tokens {max_new_tokens}")
    from nlptool.models.generation.decoding import Decoding

    return Decoding(
        beams=beams or 1,
        n_return=num_return,
        sample=drawn is not None,
        temperature=1.0 if temperature is None else temperature,
        top_k=top_k or 0,
        top_p=1.0 if top_p is None else top_p,
        max_new_tokens=max_new_tokens,
        min_new_tokens=min_new_tokens,
        length_penalty=length_penalty,
        no_repeat_ngram=no_repeat_ngram,
    )


def decoding(callback: Command) -> Command:
    """How a text is found: the fields of ``models.decoding.Decoding``, and ``--sample``."""
    for option in (
        click.option("--no-repeat-ngram", default=0, metavar="N", type=click.IntRange(min=0),
                     help="No N tokens in a row come twice."),
        click.option("--length-penalty", default=1.0, show_default=True, metavar="A", type=FloatRange(-10, 10),
                     help="Beam search ranks by log-probability / length^A: larger for longer texts."),
        click.option("--min-new-tokens", default=0, metavar="N", type=click.IntRange(min=0), help="Not to end before."),
        click.option("--max-new-tokens", metavar="N", type=click.IntRange(1, 100_000),
                     show_default="as the model says, else 128", help="Where to end at the latest."),
        click.option("--top-p", metavar="P", type=FloatRange(0, 1, min_open=True),
                     help="Sample among the most probable tokens that together reach P."),
        click.option("--top-k", metavar="K", type=click.IntRange(min=1), help="Sample among the K most probable tokens."),
        click.option("--temperature", metavar="T", type=FloatRange(0, 100, min_open=True),
                     help="Sample, from the probabilities ^ 1/T: below 1 surer, above 1 more surprising."),
        click.option("--sample", is_flag=True, help="Draw each token at random by its probability."),
        click.option("--num-return", default=1, show_default=True, metavar="N", type=click.IntRange(1, 1000),
                     help="Texts for each input, the best first."),
        click.option("--beams", metavar="N", type=click.IntRange(1, 1000), show_default="1: greedy; --num-return",
                     help="Beam search: keep the N best beginnings."),
    ):  # fmt: skip
        callback = option(callback)
    return callback
