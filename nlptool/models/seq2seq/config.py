"""The configuration of an encoder-decoder of nlptool's own, and its special tokens. Needs no torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from nlptool.errors import ModelError

PAD, BOS, EOS, UNK = range(4)
SPECIALS = ("<pad>", "<s>", "</s>", "<unk>")
"""The first pieces of both vocabularies, in the order of their ids."""

NEVER_GENERATED = (PAD, BOS, UNK)
"""Ids that never occur in an output."""

IMPOSSIBLE = -1e4
"""The logit of an id that is never generated: finite, and its exp is 0."""

LSTM, ATTENTION, TRANSFORMER = ARCHITECTURES = ("lstm", "lstm-attention", "transformer")

_MAXIMA = {
    "source_vocab_size": 2**24, "target_vocab_size": 2**24, "layers": 48, "hidden_size": 8192, "heads": 128,
    "intermediate_size": 65_536, "max_length": 8192,
}  # fmt: skip
"""What `nlptool train seq2seq` allows. A larger value in a config.json is damage, and would ask for any amount of memory."""


@dataclass(frozen=True, slots=True)
class Seq2SeqConfig:
    """An architecture and its sizes. ``heads`` and ``intermediate_size`` matter to the Transformer alone."""

    architecture: str
    source_vocab_size: int  # special tokens included
    target_vocab_size: int
    layers: int = 1  # of the encoder, and of the decoder
    hidden_size: int = 256  # even; a multiple of the heads
    heads: int = 4
    intermediate_size: int = 1024
    max_length: int = 128  # tokens of a source or a target, special tokens included
    dropout: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as ``config.json`` stores them."""
        return asdict(self)


def from_dict(values: dict[str, Any]) -> Seq2SeqConfig:
    """Return the configuration that the content of a ``config.json`` describes.

    Raises:
        ModelError: a field is missing, or out of range.
    """
    missing = [field.name for field in fields(Seq2SeqConfig) if field.name not in values]
    if missing:
        raise ModelError(f"the model's config.json lacks {', '.join(missing)}")
    config = Seq2SeqConfig(**{field.name: values[field.name] for field in fields(Seq2SeqConfig)})
    is_valid = config.architecture in ARCHITECTURES and type(config.dropout) in (int, float) and 0 <= config.dropout < 1
    is_valid = is_valid and all(type(values[name]) is int and 0 < values[name] <= n for name, n in _MAXIMA.items())
    is_valid = is_valid and config.hidden_size % 2 == 0 and config.hidden_size % config.heads == 0
    if not is_valid or config.max_length < 2:
        raise ModelError("the model's config.json describes no encoder–decoder of nlptool")
    return config
