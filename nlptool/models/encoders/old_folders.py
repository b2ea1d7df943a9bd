"""Folders of sentence-transformers before its release 0.3, as the libraries of today read them.

The first part was called by its architecture (``sentence_transformers.models.BERT``, mostly in ``0_BERT``), which its
``config.json`` did not need to say.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nlptool.models.store import model_folder
from nlptool.models.store.part_kinds import TRANSFORMERS_ONCE
from nlptool.storage import temp_files

_TODAY = "sentence_transformers.base.modules.transformer.Transformer"


@contextmanager
def renewed(folder: Path) -> Iterator[Path]:
    """Return a folder itself or, of an old one, one with links to its files, where other files say what they must today."""
    classes = model_folder.classes(folder)
    kinds = [(name.rpartition(".")[2], path) for name, path in classes]
    old = [(TRANSFORMERS_ONCE[kind], path) for kind, path in kinds if kind in TRANSFORMERS_ONCE]
    if not old:
        yield folder
        return
    with temp_files.disk_space():
        work = tempfile.TemporaryDirectory(prefix="nlptool-")
    with work as name:
        view = Path(name)
        with temp_files.disk_space():
            for file in folder.rglob("*"):
                if file.is_file():
                    link = view / file.relative_to(folder)
                    link.parent.mkdir(parents=True, exist_ok=True)
                    link.symlink_to(file.resolve())
            modules = [
                {"idx": number, "name": str(number), "path": path,
                 "type": _TODAY if class_name.rpartition(".")[2] in TRANSFORMERS_ONCE else class_name}
                for number, (class_name, path) in enumerate(classes)
            ]  # fmt: skip
            _write(view / "modules.json", modules)
            for architecture, path in old:
                config = view / path / "config.json"
                _write(config, {"model_type": architecture, **model_folder.read_json(config)})
        yield view


def _write(path: Path, value: object) -> None:
    """Write a file in the place of a link."""
    path.unlink()
    path.write_text(json.dumps(value), encoding="utf-8")
