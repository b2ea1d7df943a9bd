"""From a model's name to its folder, and what can be checked of a folder before anything is loaded.

A name is a known one (``nlptool models list``), a hub id (``org/name`` or ``org/name@revision``) or a path; ``org/name``
always means the hub, ``./org/name`` a folder.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from nlptool.errors import ModelError
from nlptool.models.store import model2vec_folder, network_sizes, own_writers
from nlptool.models.store.kinds import VECTORS
from nlptool.models.store.part_kinds import PART_KINDS, ROUTERS, TRANSFORMERS_ONCE
from nlptool.storage import json_files, safetensors

NEXT_SENTENCE = ("bert", "ernie", "fnet", "megatron-bert", "mobilebert")
"""Architectures that are trained with masked words and next sentences, index 0 of whose second head is *is next*."""

CLASSIFIER = "classifier.json"
"""The manifest of a classifier of `nlptool train classifier`."""

TAGGER = "tagger.json"
"""The manifest of a tagger of `nlptool train tagger`."""

READER = "reader.json"
"""The manifest of a reader of `nlptool train reader`."""

CHOOSER = "chooser.json"
"""The manifest of a chooser of `nlptool train chooser`."""

AUTOENCODER = "autoencoder.json"
"""The manifest of an autoencoder of `nlptool train autoencoder`."""

HEADS = {
    "classify": (CLASSIFIER, "ForSequenceClassification"),
    "tag": (TAGGER, "ForTokenClassification"),
    "answer": (READER, "ForQuestionAnswering"),
    "choose": (CHOOSER, "ForMultipleChoice"),
}
"""Command that runs a fine-tuned network -> the manifest of those trained here, and the end of transformers' classes for them."""

_DECODERS = ("ForCausalLM", "LMHeadModel")  # but for XLMWithLMHeadModel and its kin, which are BERTs
_AGAIN = "download the model again"
_WRITERS = ("ForCausalLM", "ForConditionalGeneration", "LMHeadModel", "MTModel")
_TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")


def is_model(folder: Path) -> bool:
    """Return whether a folder says that it holds a model."""
    named = any((folder / name).is_file() for name in ("modules.json", "config.json"))
    return named or model2vec_folder.find(folder) is not None


def is_any(folder: Path) -> bool:
    """Return whether a folder holds a model of any kind, but for word vectors."""
    return is_model(folder) or task_of_heads(folder) is not None or (folder / AUTOENCODER).is_file()


def no_model(folder: Path | str) -> ModelError:
    """Return the error for a folder that is none of a model."""
    if (Path(folder) / VECTORS.manifest).is_file():
        return ModelError(f"the folder {folder} holds word vectors", hint=f"nlptool vectors info {folder}")
    if is_linear_classifier(Path(folder)):
        message = f"the folder {folder} holds a classifier on the vectors of another model, which it names (base)"
        return ModelError(message, hint=f"nlptool classify -m {folder}")
    if (Path(folder) / AUTOENCODER).is_file():
        message = f"the folder {folder} holds an autoencoder, which makes codes of texts"
        return ModelError(message, hint=f"nlptool hash -m {folder}")
    return ModelError(f"the folder {folder} holds no model: it has neither modules.json nor config.json")


def read_json(path: Path, *, optional: bool = False) -> dict[str, Any]:
    """Return a JSON object from a model's folder.

    Args:
        optional: return {} where there is no such file.

    Raises:
        ModelError: it is not there or is none.
    """
    if optional and not path.is_file():
        return {}
    with _damage(path):
        return json_files.read_object(path)


@contextlib.contextmanager
def _damage(path: Path) -> Iterator[None]:
    """Turn what a reader raises for a file into a ModelError that names it."""
    try:
        yield
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise ModelError(f"{path} is damaged: {error}", hint=_AGAIN) from error


def readable_json(path: Path) -> dict[str, Any]:
    """Return a JSON object from a model's folder; {} if it cannot be read."""
    with contextlib.suppress(ModelError):
        return read_json(path)
    return {}


def architectures(config: Mapping[str, Any]) -> list[str]:
    """Return the classes of transformers that a ``config.json`` names."""
    listed = config.get("architectures")
    return [str(name) for name in listed] if isinstance(listed, list) else []


def modules(folder: Path, *, plain: bool = False) -> list[tuple[str, str]]:
    """Return the parts of a sentence-transformers model as (class, sub-folder); a folder without ``modules.json`` is one of
    model2vec or a transformer, and ``plain`` takes any for the latter.

    Raises:
        ModelError: ``modules.json`` cannot be read, names a folder outside, or a class that nobody knows.
    """
    if plain:
        return [("Transformer", "")]
    if not (folder / "modules.json").is_file():
        of_model2vec = model2vec_folder.find(folder)
        return [("Transformer", "")] if of_model2vec is None else [("StaticEmbedding", of_model2vec.path)]
    return [(_part_kind(folder, name), path) for name, path in classes(folder)]


def classes(folder: Path) -> list[tuple[str, str]]:
    """Return what ``modules.json`` lists, as (full name of the class, sub-folder); [] if there is none.

    Raises:
        ModelError: it cannot be read, or names a folder outside.
    """
    path = folder / "modules.json"
    if not path.is_file():
        return []
    with _damage(path):
        listed = json_files.read(path)
    try:
        found = [(str(module["type"]), str(module.get("path") or "")) for module in listed]
        found[0]
    except (TypeError, KeyError, AttributeError, IndexError) as error:
        raise ModelError(f"{path} is no list of modules") from error
    return [(name, _inside(folder, inner)) for name, inner in found]


def first(folder: Path) -> Path:
    """Return the folder of the part that reads the texts."""
    return folder / modules(folder)[0][1]


def parts(folder: Path, *, plain: bool = False) -> list[tuple[str, str]]:
    """Return ``modules`` and, behind each that holds other parts, these.

    Raises:
        ModelError: as of ``modules``.
    """
    found = []
    for kind, path in modules(folder, plain=plain):
        found.append((kind, path))
        if kind in ROUTERS:
            inner = router_config(folder / path).get("types")
            if not isinstance(inner, dict):
                raise ModelError(f"{folder / path} does not say which parts it holds", hint=_AGAIN)
            for name, class_name in inner.items():
                found.append((_part_kind(folder, str(class_name)), _inside(folder, f"{path}/{name}".lstrip("/"))))
    return found


def router_config(folder: Path) -> dict[str, Any]:
    """Return what the folder of a ``Router`` says of the parts in it: ``types`` and ``structure``."""
    path = folder / ROUTERS["Router"]
    return read_json(path if path.is_file() else folder / "config.json")


def _part_kind(folder: Path, class_name: str) -> str:
    """Return the kind of a part by the full name of its class, of any release."""
    if not class_name.startswith("sentence_transformers."):
        raise own_code(folder, class_name)
    kind = class_name.rpartition(".")[2]
    kind = "Transformer" if kind in TRANSFORMERS_ONCE else kind
    if kind not in PART_KINDS:
        raise ModelError(
            f"{folder} has a part that is not known here: {class_name}",
            hint=f"there are {', '.join(PART_KINDS)}",
        )
    return kind


def own_code(folder: Path, what: str) -> ModelError:
    """Return the error for a model that asks for code that does not come with the libraries."""
    return ModelError(
        f"{folder} asks for code of its own ({what}), which nlptool never runs",
        hint="another model of the same kind may do without: nlptool models list",
    )


def _inside(folder: Path, path: str) -> str:
    """Return the name of a sub-folder, which must not lead out: "" for the folder itself."""
    _stay_inside(folder, path)
    return PurePosixPath(path).as_posix() if PurePosixPath(path).parts else ""


def is_decoder(config: Mapping[str, Any]) -> bool:
    """Return whether a ``config.json`` is that of a network that attends to one side of a token alone."""
    writers = (each for each in architectures(config) if each.endswith(_DECODERS))
    return bool(config.get("is_decoder")) or any("WithLMHead" not in each for each in writers)


def is_masked(folder: Path) -> bool:
    """Return whether ``config.json`` says that it is a masked language model of transformers; of its weights nothing is
    known."""
    config = readable_json(folder / "config.json")
    both = config.get("model_type") in NEXT_SENTENCE
    heads = ("ForMaskedLM", "ForPreTraining") if both else ("ForMaskedLM",)
    return any(name.endswith(heads) for name in architectures(config))


def task_of_heads(folder: Path) -> str | None:
    """Return the command that runs the fine-tuned network of a folder, trained here or by transformers; None if it is none."""
    named = architectures(readable_json(folder / "config.json"))
    for task, (manifest, ending) in HEADS.items():
        if (folder / manifest).is_file():
            return task
        if any(name.endswith(ending) for name in named):
            return task
    return None


def is_linear_classifier(folder: Path) -> bool:
    """Return whether a folder holds the heads of a classifier without its encoder."""
    return (folder / CLASSIFIER).is_file() and not (folder / "config.json").is_file()


def writes_texts(architecture: str) -> bool:
    """Return whether a class of transformers is an encoder–decoder or a decoder. XLMWithLMHeadModel and its kin are BERTs."""
    return architecture.endswith(_WRITERS) and "WithLMHead" not in architecture


def is_generator(folder: Path) -> bool:
    """Return whether ``config.json`` says that it is an encoder–decoder or a decoder, of transformers or our own."""
    config = readable_json(folder / "config.json")
    named = any(map(writes_texts, architectures(config)))
    return named or bool(config.get("is_encoder_decoder")) or own_writers.of_folder(folder) is not None


def is_static(folder: Path) -> bool:
    """Return whether it holds a table of token vectors in safetensors, whose mean a text's vector is, and nothing else.

    Raises:
        ModelError: ``modules.json`` cannot be read, or names a folder outside.
    """
    parts = modules(folder)
    if [kind for kind, _ in parts] not in (["StaticEmbedding"], ["StaticEmbedding", "Normalize"]):
        return False
    last = folder / parts[-1][1] / "config.json"  # since its release 6 Normalize has one
    about = read_json(last, optional=True) if len(parts) > 1 else {}
    names = [about.get(name, "sentence_embedding") for name in ("module_input_name", "module_output_name")]
    return names == 2 * ["sentence_embedding"] and (folder / parts[0][1] / "model.safetensors").is_file()


def missing(folder: Path, *, plain: bool = False, allow_pickle: bool = False) -> list[str]:
    """Return the files that a sentence-transformers model, or a ``plain`` one of transformers, needs and that are not in
    ``folder``, by name; [] if it is whole."""
    return list(_missing(folder, plain=plain, allow_pickle=allow_pickle))


def _missing(folder: Path, *, plain: bool, allow_pickle: bool) -> Iterator[str]:
    if (own := own_writers.of_folder(folder)) is not None:
        yield from own_writers.missing(folder, own)
        return
    places = [folder, *([folder.parent.parent / ".no_exist" / folder.name] if _in_hub_cache(folder) else [])]
    is_known = plain or any((place / "modules.json").exists() for place in places)
    if len(places) > 1 and not is_known and model2vec_folder.find(folder) is None:
        yield "modules.json"  # transformers fetches only its own files; without this one the pooling would be guessed
    for kind, path in parts(folder, plain=plain):
        here, needs = folder / path, PART_KINDS[kind]
        shown = f"{path}/" if path else ""
        if needs.config and not (here / needs.config).is_file():
            yield f"{shown}{needs.config}"
        tokenizers = {"Transformer": _TOKENIZERS, "StaticEmbedding": ("tokenizer.json",)}.get(kind, ())
        if tokenizers and not any(any(here.glob(name)) for name in tokenizers):
            yield f"{shown}tokenizer.json"
        if needs.has_weights and not _weights(here, allow_pickle=allow_pickle):
            yield f"{shown}model.safetensors"
        if kind == "Transformer":
            yield from (f"{shown}{name}" for name in _shards(here) if not (here / name).is_file())


def weight_files(folder: Path, *, plain: bool = False, allow_pickle: bool = False) -> list[Path]:
    """Return the files with the weights of a model, which was looked over for what it should not hold.

    Args:
        plain: of a model of transformers, of which there may be more parts for sentence-transformers.

    Raises:
        ModelError: there are none, one is damaged, a file lies outside of the folder, or it is one of ``own_writers``, which
            have loaders of their own.
    """
    if not is_model(folder):
        raise no_model(folder)
    own_writers.refuse(folder)
    for link in sorted(path for path in folder.rglob("*") if path.is_symlink()):
        _stay_inside(folder, link.relative_to(folder).as_posix())
    files: dict[Path, None] = {}
    headers: dict[Path, dict[str, Any]] = {}
    for kind, path in parts(folder, plain=plain):
        here = folder / path
        found = _weights(here, allow_pickle=allow_pickle)
        if PART_KINDS[kind].has_weights and not found:
            pickles = sorted(here.glob("*.bin"))
            raise ModelError(
                f"{here if path else folder} has no weights (model.safetensors)"
                + (f"; {pickles[0].name} is a pickle, which can run code and is not opened unasked" if pickles else ""),
                hint="--allow-pickle opens it, if you trust where it comes from" if pickles else _AGAIN,
            )
        if kind == "Transformer":
            for shard in _shards(here):
                if not (here / shard).is_file():
                    raise ModelError(f"{here} lacks {shard}, a part of its weights", hint=_AGAIN)
        files |= dict.fromkeys(found)
        headers |= {
            file: safetensors.header(file) for file in found if file.suffix == ".safetensors" and file not in headers
        }
        if kind == "CLIPModel" and (found_type := read_json(here / "config.json").get("model_type")) != "clip":
            raise ModelError(
                f"{folder / 'modules.json'} names CLIPModel, and the network of {here} is of the type {found_type}",
                hint=_AGAIN,
            )
        if kind == "Transformer" and (here / "config.json").is_file():
            tensors = {name: tensor for file in found for name, tensor in headers.get(file, {}).items()}
            network_sizes.check(here / "config.json", read_json(here / "config.json"), tensors)
    return list(files)


def _weights(folder: Path, *, allow_pickle: bool) -> list[Path]:
    files = sorted(path for path in folder.glob("*.safetensors") if path.is_file())
    return files or (sorted(path for path in folder.glob("*.bin") if path.is_file()) if allow_pickle else [])


def _shards(folder: Path) -> list[str]:
    """Return the files that the index of a large model names."""
    path = folder / "model.safetensors.index.json"
    if not path.is_file():
        return []
    names = read_json(path).get("weight_map")
    if not isinstance(names, dict):
        raise ModelError(f"{path} has no weight_map")
    for name in names.values():
        _stay_inside(folder, str(name))
    return sorted({str(name) for name in names.values()})


def _stay_inside(folder: Path, name: str) -> None:
    """Refuse a name that leads out of ``folder``, by itself or by a link; links of the hub's cache into its blobs do not."""
    path = PurePosixPath(name)
    home = (folder.parent.parent if _in_hub_cache(folder) else folder).resolve()
    if path.is_absolute() or ".." in path.parts or not (folder / path).resolve().is_relative_to(home):
        raise ModelError(
            f"{folder} names a file outside of it: {name}", hint="copy the file into the folder, if you trust it"
        )


def _in_hub_cache(folder: Path) -> bool:
    return folder.parent.name == "snapshots" and folder.parent.parent.name.startswith("models--")
