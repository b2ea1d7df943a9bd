"""The configuration of a language model of nlptool's own. Needs no torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from nlptool.errors import ModelError

NGRAM, FEEDFORWARD, RNN, LSTM, GRU, TRANSFORMER = ARCHITECTURES = (
    "ngram", "feedforward", "rnn", "lstm", "gru", "transformer",
)  # fmt: skip

RECURRENT = (RNN, LSTM, GRU)

END = 2
"""The id of </s>, which stands between documents: a text begins after one and ends with one. It is that of
``models.seq2seq.config.EOS``, whose special tokens the vocabularies share."""

_MAXIMA = {
    "vocab_size": 2**24, "layers": 96, "hidden_size": 16_384, "embedding_size": 16_384, "heads": 256, "context": 65_536,
}  # fmt: skip
"""What `nlptool train lm` allows. A larger value in a config.json is damage, and would ask for any amount of memory."""


@dataclass(frozen=True, slots=True)
class LanguageConfig:
    """An architecture and its sizes.

    Attributes:
        context: tokens that a prediction reads: of a feedforward network the words before, n - 1; of a Transformer its
            positions; of a recurrent network, which has no such limit, the tokens through which gradients flow back.
        tied: the output layer has the matrix of the embeddings, which must be as wide as the hidden states.
        direct: connections of a feedforward network from the embeddings straight to the output.
    """

    architecture: str
    vocab_size: int  # special tokens included
    layers: int = 1
    hidden_size: int = 256
    embedding_size: int = 256
    heads: int = 4  # of a Transformer
    context: int = 64
    dropout: float = 0.0
    tied: bool = True
    direct: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as ``config.json`` stores them."""
        return asdict(self)


def from_dict(values: dict[str, Any]) -> LanguageConfig:
    """Return the configuration that the content of a ``config.json`` describes.

    Raises:
        ModelError: a field is missing, or out of range.
    """
    missing = [field.name for field in fields(LanguageConfig) if field.name not in values]
    if missing:
        raise ModelError(f"the model's config.json lacks {', '.join(missing)}")
    config = LanguageConfig(**{field.name: values[field.name] for field in fields(LanguageConfig)})
    is_valid = config.architecture in ARCHITECTURES and type(config.tied) is bool and type(config.direct) is bool
    is_valid = is_valid and type(config.dropout) in (int, float) and 0 <= config.dropout < 1
    is_valid = is_valid and all(
        type(values[name]) is int and 0 < values[name] <= most for name, most in _MAXIMA.items()
    )
    is_valid = is_valid and not (config.tied and config.embedding_size != config.hidden_size)
    if not is_valid or config.hidden_size % config.heads:
        raise ModelError("the model's config.json describes no language model of nlptool")
    return config
