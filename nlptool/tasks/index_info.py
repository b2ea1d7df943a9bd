"""What an index says of itself and of its files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from nlptool.geometry.index_parts import IndexParts, open_index
from nlptool.records.record import readable
from nlptool.storage.places import size_of
from nlptool.tasks.model_names import same_model


def about(folder: Path) -> dict[str, Any]:
    """Return what an index says of itself, with the bytes of its files."""
    index = open_index(folder, same_model)
    inner = ("files", "sha256", "digest", "reading", "roots", "n_read", "part")
    values = {name: value for name, value in index.about.items() if name not in inner and value not in (None, "")}
    n_parts = {"n_parts": index.n_parts} if isinstance(index, IndexParts) else {}
    return {"name": str(folder), **n_parts, **values, "bytes": size_of(folder)}


def files(folder: Path) -> list[dict[str, Any]]:
    """Return each file of an index with the number of its items.

    Raises:
        RunError: the index does not know them.
    """
    index = open_index(folder, same_model)
    if isinstance(index, IndexParts):
        counted = index.files()
    else:
        counts = np.bincount(index.file_of() + 1, minlength=len(index.files()) + 1).tolist()
        counted = zip(index.files(), counts[1:], strict=True)
    found: dict[str, dict[str, Any]] = {}
    for entry, count in counted:
        known = found.setdefault(
            entry["path"], {"file": readable(entry["path"]), "n_items": 0, "bytes": entry.get("size")}
        )
        known["n_items"] += count
    return list(found.values())
