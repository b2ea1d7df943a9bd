"""A sentence-transformers model, loaded by the library itself and described."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from nlptool.errors import ModelError
from nlptool.models.encoders import library_encoder, old_folders
from nlptool.models.japanese import bert_words
from nlptool.models.runtime import transformers_loading
from nlptool.models.store import model_folder, sentence_transformers_config
from nlptool.models.store.part_kinds import ROUTERS, are_usual
from nlptool.specs import EncoderSpec

_WORD_TOKENIZERS = ("WhitespaceTokenizer", "PhraseTokenizer", "TransformersTokenizerWrapper")


def load(folder: Path, *, allow_pickle: bool = False) -> Any:
    """Load the ``SentenceTransformer`` of a folder, in float32 on the CPU, running no code of its own.

    Args:
        allow_pickle: open a pickle where there are no safetensors.

    Raises:
        ModelError: sentence-transformers refuses it, it asks for code of its own or for a pooling that nobody knows, or its
            parts do not belong together.
    """
    _check_pooling(folder)
    _check_code(folder)
    words = bert_words.settings(model_folder.first(folder))
    with transformers_loading.silenced(), old_folders.renewed(folder) as view:
        import torch
        from sentence_transformers import SentenceTransformer

        transformers_loading.refuse_own_code(folder, [path for _, path in model_folder.parts(folder)])
        try:
            model = SentenceTransformer(
                str(view.absolute()),
                device="cpu",
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"dtype": torch.float32, "use_safetensors": None if allow_pickle else True},
                processor_kwargs=bert_words.arguments(words) if words else None,
            ).eval()
        except Exception as error:
            _load_tokenizers(folder, error)
            raise transformers_loading.cannot_be_loaded(folder, error) from error
        model.truncate_dim = None  # cut where that can be chosen, as the last normalisation is: ``encoder.Postprocess``
        lacking = _lacking(model, folder, allow_pickle=allow_pickle)
    if lacking:
        raise transformers_loading.lacks(folder, lacking)
    for part, path in _transformers(model, folder):
        _check_limit(part, folder / path)
        transformers_loading.check_tokenizer(part.model, part.tokenizer, folder)
        part.max_seq_length = max_length(part)
    _check_width(model, folder)
    _check_rows(model, folder)
    return model


def _load_tokenizers(folder: Path, error: Exception) -> None:
    """Load the tokenizers alone, where sentence-transformers does not say what is wrong with them, but that it has tried all
    classes.

    Raises:
        ModelError: one cannot be loaded, with the reason.
    """
    from transformers import AutoTokenizer

    if "processing class" in str(error):
        for kind, path in model_folder.parts(folder):
            if kind == "Transformer":
                transformers_loading.pretrained(AutoTokenizer, folder / path)


def network(model: Any) -> list[Any]:
    """Return the modules of a ``SentenceTransformer`` without the last normalisation."""
    modules = list(model)
    return modules[:-1] if _ends_normalized(model) else modules


def _ends_normalized(model: Any) -> bool:
    """Return whether the last part normalises the vectors of texts, and not those of tokens."""
    last = list(model)[-1]
    names = (getattr(last, "module_input_name", None), getattr(last, "module_output_name", None))
    return type(last).__name__ == "Normalize" and names == ("sentence_embedding", "sentence_embedding")


def is_usual(modules: list[Any]) -> bool:
    """Return whether token ids go in and one vector comes out, and nothing else is asked for."""
    if not are_usual([type(module).__name__ for module in modules]):
        return False
    first = modules[0]
    if "message" in first.modality_config or any((first.query_length, first.document_length, first.query_expansion)):
        return False
    text = first.modality_config.get("text") or {}
    plain = text.get("method") == "forward" and text.get("method_output_name") in (
        "last_hidden_state",
        ["last_hidden_state"],
    )
    return bool(plain and not first.processing_kwargs and modules[1].include_prompt)


def describe(model: Any, folder: Path) -> dict[str, Any]:
    """Return the manifest of an encoder: what has to be known beside the graph, but for what is chosen of its texts and
    vectors (``sentence_transformers_config.choices``)."""
    pooling = next((module.pooling_mode for module in model if type(module).__name__ == "Pooling"), None)
    about = {
        "dimension": int(model.get_embedding_dimension() or 0),
        "max_length": max_length(model[0]),
        "normalize": _ends_normalized(model),
        "pad_id": transformers_loading.pad_id(
            getattr(model.tokenizer, "pad_token_id", None), size=_n_embeddings(model)
        ),
        "words": bert_words.settings(model_folder.first(folder)),
        "architecture": getattr(getattr(model[0], "config", None), "model_type", None),
        "pooling": [pooling] if isinstance(pooling, str) else list(pooling or []),
        "assumed": None
        if (folder / "modules.json").is_file()
        else f"the folder has no modules.json, so {pooling or 'no'} pooling is assumed",
    }
    return {name: value for name, value in about.items() if value not in (None, {}, [])}


def _n_embeddings(model: Any) -> int:
    """Return how many tokens the network of a model has embeddings for; many, if it does not say."""
    return transformers_loading.n_embeddings(getattr(model[0], "model", None)) or sys.maxsize


def max_length(part: Any) -> int:
    """Return the number of tokens that a part takes: what it says itself, but not more than it has positions for."""
    return transformers_loading.positions(part, said=getattr(part, "max_seq_length", None) or 512)


def _check_pooling(folder: Path) -> None:
    """Refuse a pooling that is none, for which sentence-transformers would take the mean, or that nobody knows."""
    for kind, path in model_folder.parts(folder):
        if kind == "Pooling":
            asked = sentence_transformers_config.pooling_modes(model_folder.read_json(folder / path / "config.json"))
            if not asked or not set(asked) <= sentence_transformers_config.POOLINGS.keys():
                named = ", ".join(map(str, asked)) or "none"
                raise ModelError(
                    f"{folder / path / 'config.json'} asks for a pooling that nobody knows: {named}",
                    hint=f"there are {', '.join(sentence_transformers_config.POOLINGS)}",
                )


def _check_code(folder: Path) -> None:
    """Refuse a function or a tokenizer of words that is code of the model's own, or that needs a package which is not there."""
    for kind, path in model_folder.parts(folder):
        if kind == "Dense":  # sentence-transformers would take another function for it
            name = model_folder.read_json(folder / path / "config.json").get("activation_function")
            if name is not None and not str(name).startswith("torch."):
                raise model_folder.own_code(folder, str(name))
        if kind == "WordEmbeddings":
            own = str(model_folder.read_json(folder / path / "wordembedding_config.json").get("tokenizer_class"))
            name = own.rpartition(".")[2]
            if not own.startswith("sentence_transformers.") or name not in _WORD_TOKENIZERS:
                raise model_folder.own_code(folder, own)
            if name == "PhraseTokenizer" and find_spec("nltk") is None:
                raise ModelError(f"{folder} needs the package nltk for its {name}", hint="pip install nltk")


def _check_rows(model: Any, folder: Path) -> None:
    """Refuse tables with fewer rows than their tokenizer has words or pieces."""
    for module in model.modules():
        if type(module).__name__ == "WordEmbeddings":
            vocabulary = getattr(module.tokenizer, "word2idx", None)
            n_words = len(module.tokenizer.tokenizer) if vocabulary is None else len(vocabulary)
            tables = [module.emb_layer, *(part.emb_layer for part in model if type(part).__name__ == "WordWeights")]
            n_rows = min(table.num_embeddings for table in tables)
        elif type(module).__name__ == "StaticEmbedding":
            n_words, n_rows = 1 + max(module.tokenizer.get_vocab().values(), default=-1), module.num_embeddings
        else:
            continue
        if n_words > n_rows:
            raise ModelError(
                f"the tokenizer of {folder} does not belong to this model: it has {n_words:,} words or pieces, and a table "
                f"has {n_rows:,} rows",
                hint="download the model again",
            )


def _lacking(model: Any, folder: Path, *, allow_pickle: bool) -> list[str]:
    """Return the tensors that are in no file and so are random. Many models lack BERT's unused pooler."""
    lacking: list[str] = []
    for module, path in _transformers(model, folder):
        _, missing = transformers_loading.network(type(module.model), folder / path, allow_pickle=allow_pickle)
        lacking += [name for name in missing if "pooler" not in name]
    return lacking


def _transformers(model: Any, folder: Path) -> Iterator[tuple[Any, str]]:
    """Yield the parts that are networks of transformers, those inside of routers too, and their folders."""
    for module, (kind, path) in zip(model, model_folder.modules(folder), strict=False):
        if kind in ("Transformer", "CLIPModel"):
            yield module, path
        elif kind in ROUTERS:
            for route, names in model_folder.router_config(folder / path)["structure"].items():
                for inner, name in zip(module.sub_modules[route], names, strict=True):
                    if hasattr(inner, "model"):
                        yield inner, f"{path}/{name}".lstrip("/")


def _check_limit(part: Any, folder: Path) -> None:
    """Refuse a limit in tokens that is none."""
    said = part.max_seq_length
    if said is not None and not (isinstance(said, int | float) and said >= 1):
        raise ModelError(f"{folder} gives {said!r} as the number of tokens that it takes (max_seq_length)")


def _check_width(model: Any, folder: Path) -> None:
    """Refuse a pooling of vectors of another width."""
    if len(model) > 1 and type(model[1]).__name__ == "Pooling":
        width, pooled = model[0].get_embedding_dimension(), model[1].embedding_dimension
        if width != pooled:
            raise ModelError(f"{folder} gives vectors of {width} dimensions, and its pooling takes {pooled}")


def describe_folder(folder: Path, name: str, spec: EncoderSpec) -> Mapping[str, Any]:
    """Return the manifest of an encoder that is not converted.

    Raises:
        ModelError: as of ``load``, or it embeds nothing.
        RunError: it has no parts for the role of the spec.
    """
    model = load(folder, allow_pickle=spec.allow_pickle)
    about = describe(model, folder)
    if not is_usual(network(model)):  # what its parts say of their dimensions may not be all
        about["task"] = library_encoder.task_of(model, name, spec)
        about["dimension"] = library_encoder.probe(model, name, about["task"])
    return about
