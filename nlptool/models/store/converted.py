"""What is made of a model once and kept in the cache: its graph for onnxruntime, that of an encoder in 8 bits, and a
generator for CTranslate2."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

from nlptool.errors import ModelError, NotConvertible
from nlptool.models.store import locate, model_folder
from nlptool.storage import cache

MANIFEST = cache.MANIFESTS["encoders"]
GENERATION = cache.MANIFESTS["generators"]
MASKED = cache.MANIFESTS["masked"]

_SALTS = {"encoders": "encoder 3", "generators": "generator 1", "masked": "masked 1"}
_NEEDED = {"encoders": "dimension", "generators": "kind", "masked": "heads"}  # what the manifest of a whole copy has
_LIBRARIES = {"generators": "CTranslate2"}
_DESCRIBING = ("*config*.json", "modules.json", "*token*.json", "vocab*", "merges.txt", "*.model", "*.spm")


def converted(
    kind: str,
    name: str,
    folder: Path,
    weight_files: list[Path],
    make: Callable[[Path], None],
    *,
    parts: Iterable[str] = (),
    note: Callable[[str], None],
) -> Path:
    """The converted copy in the cache, made now if it is not there. That a model is not convertible is kept there too.

    Args:
        kind: encoders | generators | masked.
        make: writes the copy into a folder.
        parts: folders in ``folder`` whose settings count too.

    Raises:
        NotConvertible: the model is not, or the cache cannot be written.
        ModelError: the model is damaged.
    """
    manifest = cache.MANIFESTS[kind]
    source = name if locate.is_hub_id(name) else str(folder.absolute())
    places = {folder, *(folder / part for part in parts)}
    described = [path for place in places for glob in _DESCRIBING for path in place.glob(glob) if path.is_file()]

    def made(work: Path) -> None:
        note(f"converting {name} for {_LIBRARIES.get(kind, 'onnxruntime')}, once")
        try:
            make(work)
            about = json.loads((work / manifest).read_text())
        except NotConvertible as error:
            for path in work.iterdir():
                path.unlink()
            about = {"not_convertible": error.message}
        (work / manifest).write_text(json.dumps({"source": source, **about}, ensure_ascii=False))

    try:
        key = cache.content_key([*weight_files, *described], salt=_SALTS[kind])
        copy = cache.made_once(kind, key, manifest, made)
    except OSError as error:
        raise NotConvertible(f"the cache {cache.folder()} cannot be written ({error.strerror or error})") from error
    about = model_folder.read_json(copy / manifest)
    if "not_convertible" in about:
        raise NotConvertible(str(about["not_convertible"]))
    if _NEEDED[kind] not in about:
        raise ModelError(f"the converted copy in {copy} is damaged", hint=f"rm -r {copy}: the next run makes it anew")
    return copy
