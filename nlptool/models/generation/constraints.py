"""What a model itself asks of a decoder: how its texts begin and end, and how long they may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ENCODER_DECODER, DECODER = KINDS = ("encoder-decoder", "decoder")


@dataclass(frozen=True, slots=True)
class DecoderConstraints:
    """
    Attributes:
        kind: encoder-decoder | decoder.
        size: V, the tokens of the vocabulary that can be said.
        start: what an encoder-decoder's decoder is given before the first token that it chooses: the token that begins every
            text, and a language where there is one. () for a decoder, which is given the prompt.
        ends: tokens each of which ends a text.
        suppressed: sequences of tokens that are never chosen.
        positions: how many tokens the decoder can hold, ``start`` or the prompt included; None for any number.
        pad_id: what fills shorter sources of a batch.
    """

    kind: str
    size: int
    start: tuple[int, ...] = ()
    ends: tuple[int, ...] = ()
    suppressed: tuple[tuple[int, ...], ...] = ()
    positions: int | None = None
    pad_id: int = 0


def of(about: Mapping[str, Any], target: int | None = None) -> DecoderConstraints:
    """The rules of a model of transformers, as ``generation_about.describe`` wrote them down.

    Args:
        target: the token of the language of the output, of models that are told it.
    """
    start = [target if id == TARGET else id for id in about["start"]]
    return DecoderConstraints(
        kind=about["kind"],
        size=about["size"],
        start=tuple(id for id in start if id is not None),
        ends=tuple(about["ends"]),
        suppressed=tuple(map(tuple, about["suppressed"])),
        positions=about.get("positions"),
        pad_id=about["pad_id"],
    )


SOURCE, TARGET = -1, -2
"""Stand in a template for the token of the language of the input, and of the output."""
