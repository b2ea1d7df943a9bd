"""What is made of an encoder once and kept in the cache: its graph for onnxruntime, and that in 8 bits."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from nlptool.errors import ModelError, NotConvertible, RunError
from nlptool.models import cache, folders, onnx_network

MANIFEST = cache.MANIFESTS["encoders"]
QUANTIZED = cache.MANIFESTS["quantized"]
_SALT = "encoder 3"
_DESCRIBING = ("*config*.json", "modules.json", "*token*.json", "vocab*", "merges.txt", "*.model")


def converted(
    name: str, folder: Path, weight_files: list[Path], *, allow_pickle: bool, note: Callable[[str], None]
) -> Path:
    """The converted copy in the cache, made now if it is not there. That a model is not convertible is kept there too.

    Raises:
        NotConvertible: the model is not, or the cache cannot be written.
        ModelError: the model is damaged.
    """
    source = name if folders.is_hub_id(name) else str(folder.absolute())
    parts = {folder, *(folder / path for _, path in folders.modules(folder))}
    described = [path for part in parts for name in _DESCRIBING for path in part.glob(name) if path.is_file()]

    def make(work: Path) -> None:
        from nlptool.models import convert

        note(f"converting {name} for onnxruntime, once")
        try:
            convert.convert(folder, work, allow_pickle=allow_pickle)
            about = json.loads((work / MANIFEST).read_text())
        except NotConvertible as error:
            for path in work.iterdir():
                path.unlink()
            about = {"not_convertible": error.message}
        (work / MANIFEST).write_text(json.dumps({"source": source, **about}, ensure_ascii=False))

    try:
        key = cache.content_key([*weight_files, *described], salt=_SALT)
        copy = cache.made_once("encoders", key, MANIFEST, make)
    except OSError as error:
        raise NotConvertible(f"the cache {cache.folder()} cannot be written ({error.strerror or error})") from error
    about = folders.read_json(copy / MANIFEST)
    if "not_convertible" in about:
        raise NotConvertible(str(about["not_convertible"]))
    if "dimension" not in about:
        raise ModelError(f"the converted copy in {copy} is damaged", hint=f"rm -r {copy}: the next run makes it anew")
    return copy


def quantized(name: str, graph: Path, weights: Path, note: Callable[[str], None]) -> Path:
    """The folder with the graph in 8 bits, made now if it is not there."""

    def make(work: Path) -> None:
        note(f"quantizing {name} to int8, once")
        onnx_network.quantize(graph, weights, work)
        source = folders.read_json(graph / MANIFEST).get("source", name)
        (work / QUANTIZED).write_text(json.dumps({"source": source}))

    try:
        key = cache.content_key([path for path in graph.iterdir() if path.is_file()], salt="int8 1")
        return cache.made_once("quantized", key, QUANTIZED, make)
    except OSError as error:
        raise RunError(f"the cache {cache.folder()} cannot be written: {error.strerror or error}") from error
