"""Options of decoding: beam search, sampling, lengths of the output."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import click

from nlptool.cli.help import shared_option
from nlptool.cli.options.types import Command, FloatRange, all_of, typed

if TYPE_CHECKING:
    from nlptool.models.generation.decoding import Decoding

DECODING_OPTIONS = (
    "beams", "num_return", "sample", "temperature", "top_k", "top_p", "max_new_tokens", "min_new_tokens", "length_penalty",
    "no_repeat_ngram",
)  # fmt: skip


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
        raise click.UsageError(f"--beams searches and {drawn} samples at random: give one of the two")
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
    """Add the options of decoding; the callback gets their values as one ``Decoding``."""

    @functools.wraps(callback)
    def with_decoding(*arguments: Any, **values: Any) -> Any:
        chosen = {name: values.pop(name) for name in DECODING_OPTIONS}
        return callback(*arguments, decoding=_decoding(**chosen), **values)

    return all_of(
        shared_option("Generation", "--beams", metavar="N", type=click.IntRange(1, 1000),
                     show_default="--num-return; 1: greedy search", help="Beam size of beam search."),
        shared_option("Generation", "--num-return", default=1, show_default=True, metavar="N", type=click.IntRange(1, 1000),
                     help="Texts returned for each input, the best first."),
        shared_option("Generation", "--sample", is_flag=True, help="Sample each token from the model's distribution."),
        shared_option("Generation", "--temperature", metavar="T", type=FloatRange(0, 100, min_open=True),
                     help="Sampling temperature; below 1: more probable tokens, above 1: more random ones."),
        shared_option("Generation", "--top-k", metavar="K", type=click.IntRange(min=1),
                      help="Top-k sampling: only the K most probable tokens."),
        shared_option("Generation", "--top-p", metavar="P", type=FloatRange(0, 1, min_open=True),
                     help="Nucleus sampling: only the most probable tokens whose probabilities add up to P."),
        shared_option("Generation", "--max-new-tokens", metavar="N", type=click.IntRange(1, 100_000),
                     show_default="the model's own, else 128", help="Longest output in tokens."),
        shared_option("Generation", "--min-new-tokens", default=0, metavar="N", type=click.IntRange(min=0),
                      help="Shortest output in tokens."),
        shared_option("Generation", "--length-penalty", default=1.0, show_default=True, metavar="A", type=FloatRange(-10, 10),
                     help="Exponent A of beam search's score, log-probability / length^A; larger favours longer texts."),
        shared_option("Generation", "--no-repeat-ngram", default=0, metavar="N", type=click.IntRange(min=0),
                     help="Length of the n-grams of tokens that may not repeat; 0: no limit."),
    )(with_decoding)  # fmt: skip
