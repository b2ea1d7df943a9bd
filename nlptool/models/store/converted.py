"""Conversion of a model, once: its graph for onnxruntime or its copy for CTranslate2 is kept in the cache."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

from nlptool.errors import ModelError, NotConvertible
from nlptool.models.store import locate, model_folder
from nlptool.models.store.kinds import CopyKind
from nlptool.storage import cache, json_files

_DESCRIBING = ("*config*.json", "modules.json", "*token*.json", "vocab*", "merges.txt", "*.model", "*.spm")


def convert_once(
    kind: CopyKind,
    name: str,
    folder: Path,
    weight_files: list[Path],
    convert: Callable[[Path], None],
    *,
    parts: Iterable[str] = (),
    note: Callable[[str], None],
) -> Path:
    """Return the converted copy in the cache, made now if it is not there. That a model is not convertible is kept there too.

    Args:
        convert: writes the copy into a folder.
        parts: folders in ``folder`` whose settings count too.

    Raises:
        NotConvertible: the model is not, or the cache cannot be written.
        ModelError: the model is damaged.
    """
    source = name if locate.is_hub_id(name) else str(folder.absolute())
    folders = {folder, *(folder / part for part in parts)}
    settings = [path for each in folders for glob in _DESCRIBING for path in each.glob(glob) if path.is_file()]

    def make(work: Path) -> None:
        note(f"converting {name} for {kind.library}, once")
        try:
            convert(work)
            about = json_files.read_object(work / kind.manifest)
        except NotConvertible as error:
            for path in work.iterdir():
                path.unlink()
            about = {"not_convertible": error.message}
        (work / kind.manifest).write_text(json.dumps({"source": source, **about}, ensure_ascii=False))

    try:
        key = cache.content_key([*weight_files, *settings], salt=kind.salt)
        copy = cache.made_once(kind.folder, key, kind.manifest, make)
    except OSError as error:
        raise NotConvertible(f"the cache {cache.folder()} cannot be written ({error.strerror or error})") from error
    about = model_folder.read_json(copy / kind.manifest)
    if "not_convertible" in about:
        raise NotConvertible(str(about["not_convertible"]))
    if kind.needed not in about:
        raise ModelError(f"the converted copy in {copy} is damaged", hint=f"rm -r {copy}: the next run makes it anew")
    return copy
