"""Folders of model2vec (https://github.com/MinishLab/model2vec): a table of token vectors, a tokenizer, and what they choose.

Newer releases add a ``modules.json``, by which sentence-transformers reads them. It gives other vectors than model2vec itself: it
does not leave out unknown tokens, and does not cut texts after 512 tokens.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlptool.errors import ModelError
from nlptool.storage import json_files, safetensors

TABLE = "embeddings"
"""The tensor with the vectors."""

_OF_SENTENCE_TRANSFORMERS = "embedding.weight"
_KIND = "model2vec"  # the ``model_type`` of newer configurations; older ones have none
_LENGTH = 512  # tokens, unless the configuration says otherwise
_LAYOUTS = (  # folder in that of the model, its configuration, the name of the tensor
    ("", "config.json", TABLE),
    ("", "config_sentence_transformers.json", _OF_SENTENCE_TRANSFORMERS),
    ("0_StaticEmbedding", "../config_sentence_transformers.json", _OF_SENTENCE_TRANSFORMERS),
)


@dataclass(frozen=True, slots=True)
class Model2Vec:
    """What a folder chooses."""

    path: str  # of the folder with the table and the tokenizer, in that of the model
    normalize: bool | None  # vectors of unit length; None: it does not say
    max_length: int | None  # tokens of a text, unknown ones included; None: all


def find(folder: Path) -> Model2Vec | None:
    """Return what a folder of model2vec chooses; None if it is none. One with ``modules.json`` is one if it has model2vec's own
    configuration and table.

    Raises:
        ModelError: its choices make no sense.
    """
    has_modules = (folder / "modules.json").is_file()
    for path, config, tensor in _LAYOUTS[:1] if has_modules else _LAYOUTS:
        here = folder / path
        try:
            about = json_files.read_object(here / config)
        except (OSError, ValueError):
            continue
        kind = about.get("model_type") if config == "config.json" else None
        if kind == _KIND and not has_modules:
            return _choices(folder, path, about)  # also a damaged one
        if kind in (None, _KIND) and _has_table(here, tensor):
            return _choices(folder, path, about)
    return None


def _has_table(folder: Path, tensor: str) -> bool:
    if not all((folder / name).is_file() for name in ("model.safetensors", "tokenizer.json")):
        return False
    with contextlib.suppress(OSError, ModelError):
        return tensor in safetensors.header(folder / "model.safetensors")
    return False


def _choices(folder: Path, path: str, about: dict[str, Any]) -> Model2Vec:
    normalize, length = about.get("normalize"), about.get("max_length", _LENGTH)
    if length is not None and (type(length) is not int or length < 1):
        raise ModelError(
            f"{folder} is damaged: it takes {length!r} tokens (max_length)", hint="download the model again"
        )
    return Model2Vec(path, bool(normalize) if normalize is not None else None, length)
