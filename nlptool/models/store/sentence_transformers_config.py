"""What the files of a sentence-transformers model say of it, read without loading it.

They are for a person who asks; what an encoder goes by is found by sentence-transformers itself, when it is converted.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nlptool.errors import ModelError
from nlptool.models.store import model_folder
from nlptool.storage import safetensors

POOLINGS = {  # and the flag of each in older configurations
    "mean": "pooling_mode_mean_tokens",
    "cls": "pooling_mode_cls_token",
    "max": "pooling_mode_max_tokens",
    "mean_sqrt_len_tokens": "pooling_mode_mean_sqrt_len_tokens",
    "weightedmean": "pooling_mode_weightedmean_tokens",
    "lasttoken": "pooling_mode_lasttoken",
}
TABLES = ("embedding.weight", "embeddings")
"""Names of a StaticEmbedding's table: the first by sentence-transformers, the other by model2vec."""


def settings(folder: Path) -> dict[str, Any]:
    """Read the dimension, limit in tokens, pooling, prompts and the like, as far as they can be read."""
    said: dict[str, Any] = {}
    with contextlib.suppress(ModelError, OSError, AttributeError, LookupError, TypeError, ValueError):
        for kind, path in model_folder.modules(folder):
            if kind == "Transformer":
                said |= _of_transformer(folder / path)
            elif kind == "StaticEmbedding":
                said |= _of_static(folder / path / "model.safetensors")
            elif kind == "Pooling":
                config = model_folder.read_json(folder / path / "config.json")
                said["pooling"] = pooling_modes(config)
                said["dimension"] = config.get("embedding_dimension", config.get("word_embedding_dimension"))
                n_modes = len(said["pooling"])
                said["dimension"] = said["dimension"] * n_modes if said["dimension"] else None
            elif kind == "Dense":
                said["dimension"] = model_folder.read_json(folder / path / "config.json").get("out_features")
            elif kind == "Normalize":
                said["normalize"] = True
    own = model_folder.readable_json(folder / "config_sentence_transformers.json")
    prompts = own.get("prompts")  # newer releases write some that are empty
    said["prompts"] = {name: text for name, text in prompts.items() if text} if isinstance(prompts, dict) else None
    said["default_prompt"] = own.get("default_prompt_name")
    return {name: value for name, value in said.items() if value not in (None, {}, [])}


def _of_transformer(folder: Path) -> dict[str, Any]:
    config = model_folder.readable_json(folder / "config.json")
    limits = [
        model_folder.readable_json(folder / "sentence_bert_config.json").get("max_seq_length"),
        model_folder.readable_json(folder / "tokenizer_config.json").get("model_max_length"),
        config.get("max_position_embeddings"),
    ]
    found = [int(limit) for limit in limits if isinstance(limit, int | float) and 0 < limit < 10**7]
    return {
        "architecture": config.get("model_type"),
        "dimension": next((config[name] for name in ("hidden_size", "dim", "d_model") if name in config), None),
        "max_length": min(found, default=None),
    }


def _of_static(path: Path) -> dict[str, Any]:
    said: dict[str, Any] = {"architecture": "static", "pooling": ["mean"]}
    if path.is_file():
        header = safetensors.header(path)
        said["dimension"] = header[token_table(header) or TABLES[0]]["shape"][1]
    return said


def token_table(header: Mapping[str, Any]) -> str | None:
    """Return which tensor of a StaticEmbedding's weights holds the vectors of the tokens; None if there is none."""
    return next((name for name in TABLES if name in header), None)


def pooling_modes(config: Mapping[str, Any]) -> list[str]:
    """Return the modes by name, or, as sentence-transformers wrote them before its release 6, by one flag each."""
    named = config.get("pooling_mode")
    if named is not None:
        return [str(mode) for mode in (named if isinstance(named, list) else [named])]
    flags = {name: value for name, value in config.items() if name.startswith("pooling_mode_")}
    modes = {flag: mode for mode, flag in POOLINGS.items()}
    return [modes.get(name, name) for name, value in flags.items() if value] if flags else ["mean"]
