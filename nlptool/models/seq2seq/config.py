"""The measures of an encoder–decoder of our own, and its special tokens: known without torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from nlptool.errors import ModelError

PAD, BOS, EOS, UNK = range(4)
SPECIALS = ("<pad>", "<s>", "</s>", "<unk>")
"""The first ids of both vocabularies, and how they are spelled."""

NEVER_SAID = (PAD, BOS, UNK)
"""Ids that no text is made of."""

IMPOSSIBLE = -1e4
"""Their logit: finite, and exp of it is 0."""

LSTM, ATTENTION, TRANSFORMER = ARCHITECTURES = ("lstm", "lstm-attention", "transformer")

_MOST = {
    "source_size": 2**24, "target_size": 2**24, "layers": 48, "width": 8192, "heads": 128, "intermediate": 65_536,
    "max_length": 8192,
}  # fmt: skip
"""What `nlptool train seq2seq` makes at most: what is larger is damaged, and would ask for any amount of memory."""


@dataclass(frozen=True, slots=True)
class Seq2SeqConfig:
    """An architecture and its measures. ``heads`` and ``intermediate`` are the Transformer's alone."""

    architecture: str
    source_size: int  # pieces of the vocabulary, the special ones included
    target_size: int
    layers: int = 1  # of the encoder, and of the decoder
    width: int = 256  # even; a multiple of the heads
    heads: int = 4
    intermediate: int = 1024
    max_length: int = 128  # tokens of a source or a target, their ends included
    dropout: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def from_dict(known: dict[str, Any]) -> Seq2SeqConfig:
    """
    Raises:
        ModelError: something is missing, or out of range.
    """
    missing = [field.name for field in fields(Seq2SeqConfig) if field.name not in known]
    if missing:
        raise ModelError(f"the model's config.json lacks {', '.join(missing)}")
    shape = Seq2SeqConfig(**{field.name: known[field.name] for field in fields(Seq2SeqConfig)})
    sound = shape.architecture in ARCHITECTURES and type(shape.dropout) in (int, float) and 0 <= shape.dropout < 1
    sound = sound and all(type(known[name]) is int and 0 < known[name] <= most for name, most in _MOST.items())
    sound = sound and shape.width % 2 == 0 and shape.width % shape.heads == 0 and shape.max_length > 1
    if not sound:
        raise ModelError("the model's config.json describes no encoder–decoder of nlptool")
    return shape
