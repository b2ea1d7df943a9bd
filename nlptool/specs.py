"""What can be chosen of a model: frozen, hashable values, made from options and used as keys of open models."""

from __future__ import annotations

from dataclasses import dataclass

from nlptool.catalog import DEFAULT_BERT


@dataclass(frozen=True, slots=True)
class MaskedModelSpec:
    """What the command line says of the model: ``options.bert``."""

    model: str = DEFAULT_BERT
    max_length: int | None = None  # tokens; as the model says
    engine: str = "auto"
    device: str = "auto"
    batch_tokens: int | None = None
    threads: int | None = None
    deterministic: bool = False
    offline: bool = False
    allow_pickle: bool = False


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """What the command line says of the encoder: ``options.encoder``."""

    model: str | None = None  # that of the records' embeddings unless given
    prompt: str | None = None
    dim: int | None = None
    device: str = "auto"
    batch_tokens: int | None = None
    threads: int | None = None
    offline: bool = False
    allow_pickle: bool = False


@dataclass(frozen=True, slots=True)
class GeneratorSpec:
    """What the command line says of the model: ``options.generator``."""

    model: str
    prefix: str = ""
    source_lang: str | None = None
    target_lang: str | None = None
    max_length: int | None = None  # tokens of a source; as the model says
    engine: str = "auto"
    device: str = "auto"
    batch_tokens: int | None = None
    threads: int | None = None
    deterministic: bool = False
    offline: bool = False
    allow_pickle: bool = False
