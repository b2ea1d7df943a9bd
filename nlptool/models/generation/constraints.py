"""The constraints that a model itself puts on decoding: how its texts begin and end, and how long they can be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ENCODER_DECODER, DECODER = KINDS = ("encoder-decoder", "decoder")
SOURCE, TARGET = -1, -2
"""Placeholders in a template for the token of the input language, and of the output language."""


@dataclass(frozen=True, slots=True)
class DecoderConstraints:
    """Constraints on decoding.

    Attributes:
        kind: encoder-decoder | decoder.
        vocab_size: V, the number of tokens that can be generated.
        start_ids: the tokens that an encoder-decoder's decoder is given before the first one that it chooses: the token that
            begins every text, and the token of a language if there is one. () for a decoder, which is given the prompt.
        end_ids: tokens each of which ends a text.
        ends_by_force: the last possible token of a text is always an end token; limits of a search are without it.
        suppressed: sequences of tokens that are never generated.
        max_positions: the maximum number of tokens of a text, ``start_ids`` or the prompt included; None for no maximum.
        pad_id: the token with which the shorter sources of a batch are padded.
    """

    kind: str
    vocab_size: int
    start_ids: tuple[int, ...] = ()
    end_ids: tuple[int, ...] = ()
    suppressed: tuple[tuple[int, ...], ...] = ()
    max_positions: int | None = None
    pad_id: int = 0
    ends_by_force: bool = False


def from_config(config: Mapping[str, Any], target: int | None = None) -> DecoderConstraints:
    """Return the constraints of a model of transformers.

    Args:
        config: what ``transformers_config.describe`` returned.
        target: the token of the output language, for models that are given one.
    """
    start = [target if id == TARGET else id for id in config["start"]]
    return DecoderConstraints(
        kind=config["kind"],
        vocab_size=config["size"],
        start_ids=tuple(id for id in start if id is not None),
        end_ids=tuple(config["ends"]),
        suppressed=tuple(map(tuple, config["suppressed"])),
        max_positions=config.get("positions"),
        pad_id=config["pad_id"],
        ends_by_force=bool(config["ends_by_force"]),
    )
