"""A sentence-transformers model, loaded by the library itself and described."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nlptool.errors import ModelError
from nlptool.models.japanese import bert_words
from nlptool.models.runtime import transformers_loading
from nlptool.models.store import model_folder, sentence_transformers_config


def load(folder: Path, *, allow_pickle: bool = False) -> Any:
    """Load the ``SentenceTransformer`` of a folder, in float32 on the CPU, running no code of its own.

    Args:
        allow_pickle: open a pickle where there are no safetensors.

    Raises:
        ModelError: sentence-transformers refuses it, it asks for code of its own or for a pooling that nobody knows, or its
            parts do not belong together.
    """
    _check_pooling(folder)
    words = bert_words.settings(folder)
    with transformers_loading.silenced():
        import torch
        from sentence_transformers import SentenceTransformer

        transformers_loading.refuse_own_code(folder, [path for _, path in model_folder.modules(folder)])
        try:
            model = SentenceTransformer(
                str(folder.absolute()),
                device="cpu",
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"dtype": torch.float32, "use_safetensors": None if allow_pickle else True},
                processor_kwargs=bert_words.arguments(words) if words else None,
            ).eval()
        except Exception as error:
            raise transformers_loading.cannot_be_loaded(folder, error) from error
        model.truncate_dim = None  # cut where that can be chosen, as the last normalisation is: ``encoder.Postprocess``
        lacking = _lacking(model, folder, allow_pickle=allow_pickle)
    if lacking:
        raise transformers_loading.lacks(folder, lacking)
    if type(model[0]).__name__ == "Transformer":
        transformers_loading.check_tokenizer(model[0].model, model.tokenizer, folder)
        _check_sizes(model, folder)
        model.max_seq_length = max_length(model)
    return model


def network(model: Any) -> list[Any]:
    """Return the modules of a ``SentenceTransformer`` without the last normalisation."""
    modules = list(model)
    return modules[:-1] if type(modules[-1]).__name__ == "Normalize" else modules


def is_usual(modules: list[Any]) -> bool:
    """Return whether token ids go in and one vector comes out, and nothing else is asked for."""
    names = [type(module).__name__ for module in modules]
    if names[:2] != ["Transformer", "Pooling"] or not set(names[2:]) <= {"Dense"}:
        return False
    text = modules[0].modality_config.get("text") or {}
    plain = text.get("method") == "forward" and text.get("method_output_name") in (
        "last_hidden_state",
        ["last_hidden_state"],
    )
    return bool(plain and not modules[0].processing_kwargs and modules[1].include_prompt)


def describe(model: Any, folder: Path) -> dict[str, Any]:
    """Return the manifest of an encoder: what has to be known beside the graph, but for what is chosen of its texts and
    vectors (``sentence_transformers_config.choices``)."""
    pooling = next((module.pooling_mode for module in model if type(module).__name__ == "Pooling"), None)
    about = {
        "dimension": int(model.get_embedding_dimension()),
        "max_length": max_length(model),
        "normalize": type(model[-1]).__name__ == "Normalize",
        "pad_id": int(getattr(model.tokenizer, "pad_token_id", None) or 0),
        "words": bert_words.settings(folder),
        "architecture": getattr(getattr(model[0], "config", None), "model_type", None),
        "pooling": [pooling] if isinstance(pooling, str) else list(pooling or []),
        "assumed": None
        if (folder / "modules.json").is_file()
        else f"the folder has no modules.json, so {pooling or 'no'} pooling is assumed",
    }
    return {name: value for name, value in about.items() if value not in (None, {}, [])}


def max_length(model: Any) -> int:
    """Return the number of tokens that a model takes: what it says itself, but not more than it has positions for."""
    return transformers_loading.positions(model[0], said=model.max_seq_length or 512)


def _check_pooling(folder: Path) -> None:
    """Refuse a pooling that is none, for which sentence-transformers would take the mean, or that nobody knows."""
    for kind, path in model_folder.modules(folder):
        if kind == "Pooling":
            asked = sentence_transformers_config.pooling_modes(model_folder.read_json(folder / path / "config.json"))
            if not asked or not set(asked) <= sentence_transformers_config.POOLINGS.keys():
                named = ", ".join(map(str, asked)) or "none"
                raise ModelError(
                    f"{folder / path / 'config.json'} asks for a pooling that nobody knows: {named}",
                    hint=f"there are {', '.join(sentence_transformers_config.POOLINGS)}",
                )


def _lacking(model: Any, folder: Path, *, allow_pickle: bool) -> list[str]:
    """Return the tensors that are in no file and so are random. Many models lack BERT's unused pooler."""
    kind, path = model_folder.modules(folder)[0]
    if kind != "Transformer":
        return []
    _, missing = transformers_loading.network(type(model[0].model), folder / path, allow_pickle=allow_pickle)
    return [name for name in missing if "pooler" not in name]


def _check_sizes(model: Any, folder: Path) -> None:
    """Refuse a limit in tokens that is none, and a pooling of vectors of another width."""
    said = model.max_seq_length
    if said is not None and not (isinstance(said, int | float) and said >= 1):
        raise ModelError(f"{folder} gives {said!r} as the number of tokens that it takes (max_seq_length)")
    if len(model) > 1 and type(model[1]).__name__ == "Pooling":
        width, pooled = model[0].get_embedding_dimension(), model[1].embedding_dimension
        if width != pooled:
            raise ModelError(f"{folder} gives vectors of {width} dimensions, and its pooling takes {pooled}")


def describe_folder(folder: Path, *, allow_pickle: bool = False) -> Mapping[str, Any]:
    """Return the manifest of an encoder that is not converted."""
    return describe(load(folder, allow_pickle=allow_pickle), folder)
