"""How a text is found, chosen by ``options.decoding``."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from nlptool import options

if TYPE_CHECKING:
    from nlptool.generating import Choice
    from nlptool.models.decoding import Decoding

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
    if beams in (None, 1) and "length_penalty" in options.typed(["length_penalty"]):
        raise click.UsageError("--length-penalty ranks the texts of a beam search: --beams 4")
    if max_new_tokens is not None and min_new_tokens > max_new_tokens:
        raise click.UsageError(f"--min-new-tokens {min_new_tokens} is more than --max-new-tokens {max_new_tokens}")
    from nlptool.models.decoding import Decoding

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


def said(model: str, choice: Choice, decoding: Decoding) -> dict[str, Any]:
    """What the entry of a record says: the model, and what was asked of it beyond the defaults."""
    asked = {"prefix": choice.prefix, "source_lang": choice.source_lang, "target_lang": choice.target_lang}
    changed = {
        each.name: getattr(decoding, each.name)
        for each in dataclasses.fields(decoding)
        if getattr(decoding, each.name) != each.default
    }
    return {"model": model} | {name: value for name, value in asked.items() if value} | changed
