"""What is known of the models and what of them is here: facts for `nlptool models`, without loading any of them.

A model is known by name (``catalog``), lies in the hub's cache, or is a folder. What was converted of it lies in nlptool's
own cache (``cache``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlptool import catalog
from nlptool.catalog import Known
from nlptool.errors import ModelError, RunError
from nlptool.models.store import card, hub_cache, kinds, locate, model_folder, sentence_transformers_config
from nlptool.storage import cache, digest, packages


@dataclass(frozen=True, slots=True)
class Model:
    """A model that a name means. One of ``known`` and ``repository``, both, or ``local`` say where it is."""

    name: str
    known: Known | None = None
    repository: str = ""  # org/name of the hub
    revision: str = "main"
    local: Path | None = None  # a folder that is neither in a package nor in the hub's cache

    @property
    def source(self) -> str:
        """Return ``package:module``, ``hub:org/name`` or ``folder:path``."""
        if self.known is not None and self.known.package:
            return f"package:{self.known.package}"
        return f"hub:{self.repository}" if self.repository else f"folder:{self.local}"

    def folder(self) -> Path | None:
        """Return where its files are; None if they are not here."""
        if self.known is not None and self.known.package:
            package = packages.package_folder(self.known.package)
            weights = package / self.known.weights if package else None
            if weights is None or not weights.exists():
                return None
            return weights if weights.is_dir() else weights.parent
        return hub_cache.cached(self.repository, self.revision) if self.repository else self.local

    def task(self) -> str | None:
        """Return the command that uses it; None where that is not known."""
        folder = self.folder()
        if self.known is not None:
            return self.known.task
        if folder is None:
            return None
        if task := model_folder.task_of_heads(folder):
            return task
        if (folder / model_folder.AUTOENCODER).is_file():
            return "hash"
        if (folder / "modules.json").exists() or model_folder.is_static(folder):
            return "embed"
        if model_folder.is_masked(folder):
            return "fill-mask"
        return "generate" if model_folder.is_generator(folder) else None

    def is_here(self) -> bool:
        """Return whether it works now, and with no network."""
        folder = self.folder()
        if folder is None:
            return False
        if self.known is not None and self.known.package:
            return True
        try:
            return not self.missing(folder)
        except ModelError:
            return False

    def missing(self, folder: Path) -> list[str]:
        """Return the files that it needs and that are not in its folder.

        Raises:
            ModelError: the folder is damaged.
        """
        if (folder / model_folder.AUTOENCODER).is_file():
            return [] if (folder / kinds.STANDARD_WEIGHTS).is_file() else [kinds.STANDARD_WEIGHTS]
        if model_folder.is_linear_classifier(folder):
            return [] if (folder / "head.safetensors").is_file() else ["head.safetensors"]
        return model_folder.missing(folder, plain=kinds.is_plain(self.task()))

    def files(self) -> dict[str, int]:
        """Return name -> size in bytes."""
        folder = self.folder()
        if folder is None:
            return {}
        if self.known is not None and self.known.package and not (folder / "config.json").exists():
            weights = folder / Path(self.known.weights).name
            if weights.is_file():  # one file among those of its package
                return {weights.name: weights.stat().st_size}
        paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        return {_name(path, folder): path.stat().st_size for path in paths}

    def copies(self) -> list[cache.Copy]:
        """Return what was converted, unpacked or quantized of it."""
        names = {self.name, self.repository, str(self.local and self.local.absolute())} - {""}
        return [copy for copy in cache.copies(kinds.MANIFESTS) if {copy.source, copy.source.partition("@")[0]} & names]


def _name(path: Path, folder: Path) -> str:
    """Return a file's name below ``folder``, as text even where it is none."""
    return path.relative_to(folder).as_posix().encode(errors="surrogateescape").decode(errors="replace")


def find(name: str) -> Model:
    """Find the model that ``name`` means, here or not.

    Raises:
        ModelError: neither a known name, nor one of the hub, nor a folder.
    """
    known = catalog.KNOWN.get(name)
    if known is not None:
        return Model(name, known, known.hub)
    repository, _, revision = name.partition("@")
    if locate.is_hub_id(name):
        return Model(name, catalog.on_hub(repository), repository, revision or "main")
    path = locate.existing(name)
    folder = path if path is not None and path.is_dir() else None
    if name in _copied() or (folder and model_folder.is_any(folder)):
        return Model(name, local=path or Path(name))
    if folder:
        raise model_folder.no_model(name)
    raise locate.unknown(name, [*catalog.KNOWN, *(found.name for found in hub_cache.repositories())])


def _copied() -> set[str]:
    return {copy.source for copy in cache.copies(kinds.MANIFESTS)} - {""}


def copied_alone() -> Iterator[Model]:
    """Yield the models of which there are converted copies, and which ``everything`` does not name: folders, and removed
    ones."""
    others = {copy.folder: copy.source for copy in cache.copies(kinds.MANIFESTS) if copy.source}
    for model in everything():
        for copy in model.copies():
            others.pop(copy.folder, None)
    yield from map(find, sorted(set(others.values())))


def everything() -> Iterator[Model]:
    """Yield the known models, and what else the hub's cache holds."""
    for known in catalog.KNOWN.values():
        yield Model(known.name, known, known.hub)
    for found in hub_cache.repositories():
        if catalog.on_hub(found.name) is None:
            main = "main" in found.revisions or not found.revisions
            revision = "main" if main else next(iter(found.revisions))
            yield Model(found.name if main else f"{found.name}@{revision}", None, found.name, revision)


def summary(model: Model) -> dict[str, Any]:
    """Return what ``models list`` says: name, task, size in bytes, licence, languages, dimension, source, offline."""
    known, folder, here = model.known, model.folder(), model.is_here()
    size = known.size if known else None
    if model.repository and folder is not None:
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    dimension = known.dimension if known else None
    if folder is not None and known is None:
        dimension = sentence_transformers_config.settings(folder).get("dimension")
    return {
        "name": model.name,
        "task": model.task(),
        "size": size,
        "licence": known.licence if known else None,
        "languages": list(known.languages if known else card.of_folder(folder) if folder else ()),
        "dimension": dimension,
        "source": model.source,
        "offline": here,
    }


def details(model: Model) -> dict[str, Any]:
    """Return all that is known of a model and of what is here of it.

    Raises:
        ModelError: nothing is.
    """
    known, folder = model.known, model.folder()
    copies = model.copies()
    if known is None and folder is None and not copies:
        raise not_here(model)
    own = sentence_transformers_config.settings(folder) if folder is not None else {}
    copy_kind = kinds.KINDS[known.task].copy if known is not None else None
    if known is not None and known.graph and copy_kind is not None:
        own |= _of_graph(locate.built_in_graph(known) / copy_kind.manifest)
    for manifest, _ in model_folder.HEADS.values():
        if folder is not None and (folder / manifest).is_file():
            own |= _of_heads(model_folder.readable_json(folder / manifest))
    said = {
        **summary(model),
        "parameters": known.parameters if known else None,
        "note": known.note if known else None,
        "sha256": known.sha256 or None if known else None,
        "folder": str(folder) if folder else None,
        "commit": hub_cache.commit(model.repository, model.revision) if model.repository else None,
        "files": model.files(),
        "missing": _missing(model) if folder and not (known and known.package) else None,
        **own,
        "prompts": own.get("prompts") or (dict(known.prompts) if known else {}) or None,
        "default_prompt": own.get("default_prompt") or (known.default_prompt if known else None),
        "copies": [{"kind": copy.kind, "folder": str(copy.folder), "size": copy.size} for copy in copies],
    }
    return {name: value for name, value in said.items() if value is not None}


def not_here(model: Model) -> ModelError:
    """Return the error for a model that is nowhere on this machine."""
    if model.known is not None and model.known.package:
        return locate.not_installed(model.known)
    if model.local is not None:
        return ModelError(f"nothing was converted of the folder {model.name}")
    return ModelError(
        f"{model.name} is not in the local cache", hint=f"with a network: nlptool models pull {model.name}"
    )


def _missing(model: Model) -> list[str] | None:
    folder = model.folder()
    if folder is None:
        return None
    try:
        return model.missing(folder) or None
    except ModelError as error:
        return [error.message]


def _of_graph(path: Path) -> dict[str, Any]:
    about = model_folder.read_json(path)
    kept = ("architecture", "heads", "dimension", "max_length", "normalize", "prompts", "default_prompt")
    return {name: about[name] for name in kept if name in about}


def _of_heads(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a classifier or a tagger does, and what it was made of."""
    tasks = [task for task in about.get("tasks") or () if isinstance(task, dict)]
    kept = ("name", "kind", "n_texts", "scheme", "labels")
    said = {"method": about.get("method"), "base": about.get("base"), "max_length": about.get("max_length")}
    said["tasks"] = [{name: task[name] for name in kept if task.get(name)} for task in tasks]
    return {name: value for name, value in said.items() if value is not None}


def damage(model: Model) -> tuple[int, list[str]]:
    """Compute the hashes of all files of a model anew: its weights, what the hub's cache holds of it, and its copies.

    Returns:
        How many files have a known hash, and the names of those that are damaged.

    Raises:
        RunError: a file cannot be read.
    """
    n_files, damaged = 0, []
    known = model.known
    package = packages.package_folder(known.package) if known is not None and known.package else None
    try:
        if known is not None and known.sha256 and package is not None:
            path = package / known.weights
            path = locate.weights_file(path) if path.is_dir() else path
            n_files += 1
            damaged += [] if path.is_file() and digest.sha256(path) == known.sha256 else [str(path)]
        if model.repository and hub_cache.repository_folder(model.repository).is_dir():
            n_blobs, names = hub_cache.check(model.repository)
            n_files += n_blobs
            damaged += names
            damaged += [f"{name} (missing)" for name in _missing(model) or ()]
        folder = model.folder()
        manifests = [(copy.folder, kinds.MANIFESTS[copy.kind]) for copy in model.copies()]
        of_training = (kinds.VECTORS.manifest, *(card.MANIFESTS if model.local is not None else ()))
        if folder is not None:
            manifests += [(folder, name) for name in of_training if (folder / name).is_file()]
        for place, manifest in manifests:
            n_copied, names = cache.check(place, manifest)
            n_files += n_copied
            damaged += [str(place / name) for name in names]
    except OSError as error:
        raise RunError(f"{error.filename} cannot be read: {error.strerror or error}") from error
    return n_files, damaged


def remove(model: Model) -> int | None:
    """Delete what the hub's cache holds of a model, and its copies; a folder of the user's own or of a package stays.

    Returns:
        The bytes that this freed; None if there was nothing.

    Raises:
        RunError: it cannot be deleted.
    """
    copies = model.copies()
    is_cached = bool(model.repository) and hub_cache.repository_folder(model.repository).is_dir()
    if not copies and not is_cached:
        return None
    return sum(map(cache.remove, copies)) + (hub_cache.remove(model.repository) if is_cached else 0)
