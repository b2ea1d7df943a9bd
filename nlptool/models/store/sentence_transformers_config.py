"""What the files of a sentence-transformers model say of it, read without loading it.

``choices`` are those that every encoder goes by. ``settings`` are for a person who asks; what else an encoder goes by is found by
sentence-transformers itself, when it is converted.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nlptool.errors import ModelError
from nlptool.models.store import model2vec_folder, model_folder
from nlptool.storage import safetensors

_AGAIN = "download the model again"

POOLINGS = {  # and the flag of each in older configurations
    "mean": "pooling_mode_mean_tokens",
    "cls": "pooling_mode_cls_token",
    "max": "pooling_mode_max_tokens",
    "mean_sqrt_len_tokens": "pooling_mode_mean_sqrt_len_tokens",
    "weightedmean": "pooling_mode_weightedmean_tokens",
    "lasttoken": "pooling_mode_lasttoken",
}
MEASURES = ("cosine", "dot", "euclidean", "manhattan")
"""The values of ``similarity_fn_name``."""

_ENCODER = "SentenceTransformer"  # the ``model_type`` of a model that gives a vector for each text
_FILE = "config_sentence_transformers.json"
_ALWAYS = ("query", "document")
"""Names that are prompts of every model: those of nothing, unless the model has others."""

TABLES = ("embedding.weight", model2vec_folder.TABLE)
"""Names of a StaticEmbedding's table: the first by sentence-transformers, the other by model2vec."""


def choices(folder: Path) -> dict[str, Any]:
    """Return what a model chooses of texts and vectors: ``prompts`` by name, ``default_prompt`` (the name of one or None),
    ``truncate_dim`` (None: all components) and ``measure``, that of similarity.

    Returns:
        {} where there is nothing to be read: without ``modules.json`` sentence-transformers does not look at the file either.

    Raises:
        ModelError: the file is damaged.
    """
    path = folder / _FILE
    if not path.is_file() or not (folder / "modules.json").is_file():
        return {}
    own = model_folder.read_json(path)
    kind = own.get("model_type", _ENCODER)
    if kind != _ENCODER:
        raise ModelError(
            f"{folder} is a {kind} of sentence-transformers, which gives no vector of a text",
            hint="nlptool models list --task embed shows the encoders",
        )
    named = own.get("prompts") or {}
    if not isinstance(named, dict) or not all(text is None or isinstance(text, str) for text in named.values()):
        raise ModelError(f"{path} is damaged: its prompts are no texts", hint=_AGAIN)
    default, size = own.get("default_prompt_name"), own.get("truncate_dim")
    if default is not None and default not in (*named, *_ALWAYS):
        known = ", ".join(named) or "there are none"
        raise ModelError(
            f"{path} is damaged: its default prompt {default!r} is none of its prompts ({known})", hint=_AGAIN
        )
    if size is not None and (type(size) is not int or size < 1):
        raise ModelError(f"{path} is damaged: it cuts vectors to {size!r} components (truncate_dim)", hint=_AGAIN)
    measure = own.get("similarity_fn_name")
    return {
        "prompts": {name: text or "" for name, text in named.items()},
        "default_prompt": default,
        "truncate_dim": size,
        "measure": measure if measure in MEASURES else MEASURES[0],  # as sentence-transformers does
    }


def settings(folder: Path) -> dict[str, Any]:
    """Read the dimension, limit in tokens, pooling, prompts and the like, as far as they can be read."""
    said: dict[str, Any] = {}
    with contextlib.suppress(ModelError, OSError, AttributeError, LookupError, TypeError, ValueError):
        for kind, path in model_folder.modules(folder):
            if kind == "Transformer":
                said |= _of_transformer(folder / path)
            elif kind == "StaticEmbedding":
                said |= _of_static(folder / path / "model.safetensors")
                if of_model2vec := model2vec_folder.find(folder):
                    said |= {"max_length": of_model2vec.max_length, "normalize": of_model2vec.normalize}
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
    with contextlib.suppress(ModelError):
        said |= choices(folder)
        if not any(said.get("prompts", {}).values()):  # newer releases write some that are empty
            said["prompts"] = None
        if said.get("truncate_dim") and said.get("dimension"):
            said["dimension"] = min(said["dimension"], said["truncate_dim"])
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
