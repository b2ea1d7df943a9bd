"""What the files of a sentence-transformers model say of it, read without loading it.

They are for a person who asks; what an encoder goes by is found by sentence-transformers itself, when it is converted.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from nlptool.errors import ModelError
from nlptool.models import folders


def settings(folder: Path) -> dict[str, Any]:
    """Dimension, limit in tokens, pooling, prompts and the like, as far as they can be read."""
    said: dict[str, Any] = {}
    with contextlib.suppress(ModelError, AttributeError, TypeError, ValueError):
        for kind, path in folders.modules(folder):
            if kind == "Transformer":
                said |= _of_transformer(folder / path)
            elif kind == "Pooling":
                config = folders.read_json(folder / path / "config.json")
                said["pooling"] = _pooling(config)
                said["dimension"] = config.get("embedding_dimension", config.get("word_embedding_dimension"))
                n_modes = len(said["pooling"])
                said["dimension"] = said["dimension"] * n_modes if said["dimension"] else None
            elif kind == "Dense":
                said["dimension"] = folders.read_json(folder / path / "config.json").get("out_features")
            elif kind == "Normalize":
                said["normalize"] = True
    own = _json(folder / "config_sentence_transformers.json")
    said["prompts"] = own.get("prompts")
    said["default_prompt"] = own.get("default_prompt_name")
    return {name: value for name, value in said.items() if value not in (None, {}, [])}


def _of_transformer(folder: Path) -> dict[str, Any]:
    config = _json(folder / "config.json")
    limits = [
        _json(folder / "sentence_bert_config.json").get("max_seq_length"),
        _json(folder / "tokenizer_config.json").get("model_max_length"),
        config.get("max_position_embeddings"),
    ]
    found = [int(limit) for limit in limits if isinstance(limit, int | float) and 0 < limit < 10**7]
    return {
        "architecture": config.get("model_type"),
        "dimension": next((config[name] for name in ("hidden_size", "dim", "d_model") if name in config), None),
        "max_length": min(found, default=None),
    }


def _pooling(config: dict[str, Any]) -> list[str]:
    """The modes of a Pooling module, in either spelling of its configuration."""
    mode = config.get("pooling_mode")
    if mode:
        return [str(mode)] if isinstance(mode, str) else [str(each) for each in mode]
    flags = [name for name, value in config.items() if name.startswith("pooling_mode_") and value is True]
    return [name.removeprefix("pooling_mode_").removesuffix("_tokens").removesuffix("_token") for name in flags]


def _json(path: Path) -> dict[str, Any]:
    with contextlib.suppress(ModelError):
        return folders.read_json(path)
    return {}
