"""Options of decoding: beam search, sampling, lengths of the output."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import click

from nlptool.cli.help import shared_option
from nlptool.cli.options.types import Command, FloatRange, IntRange, Text, all_of

if TYPE_CHECKING:
    from nlptool.specs import DecodingSpec

DECODING_OPTIONS = (
    "beams", "num_return", "sample", "temperature", "top_k", "top_p", "max_new_tokens", "min_new_tokens", "length_penalty",
    "repetition_penalty", "no_repeat_ngram", "stop",
)  # fmt: skip
_MODELS = "the model's own, else {}"


def decoding_spec(
    *,
    beams: int | None,
    num_return: int | None,
    sample: bool,
    temperature: float | None,
    top_k: int | None,
    top_p: float | None,
    max_new_tokens: int | None,
    min_new_tokens: int | None,
    length_penalty: float | None,
    repetition_penalty: float | None,
    no_repeat_ngram: int | None,
    stop: tuple[str, ...],
) -> DecodingSpec:
    """Return what the values of ``DECODING_OPTIONS`` choose.

    Raises:
        UsageError: they do not go together.
    """
    draws = {"--sample": sample, "--temperature": temperature, "--top-k": top_k, "--top-p": top_p}
    drawn = next((name for name, value in draws.items() if value), None)
    if temperature == 0:
        searches = {"--beams": (beams or 1) > 1, "--num-return": (num_return or 1) > 1}
        other = drawn or next((name for name, value in searches.items() if value), None)
        if other:
            raise click.UsageError(f"--temperature 0 takes the most probable token each time: leave out {other}")
        beams, temperature = 1, None  # greedy search, even of a model that asks for sampling
    if drawn and (beams or 1) > 1:
        raise click.UsageError(f"--beams searches and {drawn} samples at random: give one of the two")
    if not drawn and (num_return or 1) > (beams or num_return or 1):
        raise click.UsageError(
            f"--num-return {num_return} of --beams {beams}: a search ends with as many texts as it has beams"
        )
    if length_penalty is not None and (drawn or beams == 1):
        raise click.UsageError("--length-penalty ranks the texts of a beam search: --beams 4")
    if max_new_tokens is not None and (min_new_tokens or 0) > max_new_tokens:
        raise click.UsageError(f"--min-new-tokens {min_new_tokens} is more than --max-new-tokens {max_new_tokens}")
    if "" in stop:
        raise click.UsageError("--stop takes a text; an empty one would end every text before it begins")
    if stop and not drawn and max(beams or 1, num_return or 1) > 1:
        raise click.UsageError(
            "--stop ends a text while it is written; a beam search knows its texts at the end: --beams 1, or --sample"
        )
    from nlptool.specs import DecodingSpec

    return DecodingSpec(
        beams=None if drawn else beams,
        n_return=num_return,
        sample=True if drawn else None,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        max_new_tokens=max_new_tokens,
        min_new_tokens=min_new_tokens,
        length_penalty=length_penalty,
        repetition_penalty=repetition_penalty,
        no_repeat_ngram=no_repeat_ngram,
        stop=stop or None,
    )


def decoding(callback: Command) -> Command:
    """Add the options of decoding; the callback gets their values as one ``DecodingSpec``."""

    @functools.wraps(callback)
    def with_decoding(*arguments: Any, **values: Any) -> Any:
        chosen = {name: values.pop(name) for name in DECODING_OPTIONS}
        return callback(*arguments, decoding=decoding_spec(**chosen), **values)

    return all_of(
        shared_option("Generation", "--beams", metavar="N", type=IntRange(1, 1000),
                      show_default=_MODELS.format("--num-return"), help="Beam size of beam search; 1: greedy search."),
        shared_option("Generation", "--num-return", metavar="N", type=IntRange(1, 1000),
                      show_default=_MODELS.format(1), help="Texts returned for each input, the best first."),
        shared_option("Generation", "--sample", is_flag=True, show_default="as the model says",
                      help="Sample each token from the model's distribution."),
        shared_option("Generation", "--temperature", metavar="T", type=FloatRange(0, 100),
                      show_default=_MODELS.format(1),
                      help="Sampling temperature; below 1: more probable tokens, above 1: more random ones, 0: greedy search."),
        shared_option("Generation", "--top-k", metavar="K", type=IntRange(min=1), show_default=_MODELS.format("all"),
                      help="Top-k sampling: only the K most probable tokens."),
        shared_option("Generation", "--top-p", metavar="P", type=FloatRange(0, 1, min_open=True),
                      show_default=_MODELS.format(1),
                      help="Nucleus sampling: only the most probable tokens whose probabilities add up to P."),
        shared_option("Generation", "--max-new-tokens", metavar="N", type=IntRange(1, 100_000),
                      show_default=_MODELS.format(128), help="Longest output in tokens."),
        shared_option("Generation", "--min-new-tokens", metavar="N", type=IntRange(min=0),
                      show_default=_MODELS.format(0), help="Shortest output in tokens."),
        shared_option("Generation", "--length-penalty", metavar="A", type=FloatRange(-10, 10), show_default=_MODELS.format(1),
                      help="Exponent A of beam search's score, log-probability / length^A; larger favours longer texts."),
        shared_option("Generation", "--repetition-penalty", metavar="P", type=FloatRange(0, 100, min_open=True),
                      show_default=_MODELS.format(1),
                      help="Penalty on tokens that the text has already; above 1: fewer repetitions, 1: none."),
        shared_option("Generation", "--no-repeat-ngram", metavar="N", type=IntRange(min=0),
                      show_default=_MODELS.format(0), help="Length of the n-grams of tokens that may not repeat; 0: no limit."),
        shared_option("Generation", "--stop", metavar="TEXT", type=Text(), multiple=True,
                      help="End an output before this text; repeatable. A line end is $'\\n' in a shell."),
    )(with_decoding)  # fmt: skip
