"""The folder of an index: its files, and its manifest, read and checked.

    index.json      the manifest: format, the model and its identity, prompt, number of items, dimension, a digest of all this,
                    and the size and the SHA-256 of each other file
    vectors.npy     (N, D) float32: unit vectors, or zeros
    records.jsonl   {"index", "file", "line", "id", "text"} of each item as far as it has them, one line each
    offsets.npy     (N + 1,) int64: the offset of each line in that file
    file_of.npy     (N,) int32: the number of the file that each item was read from; -1: stdin
    files.jsonl     {"path", "size", "mtime_ns", "sha256"} of each of these files
    checksums.json  {"block", "sums"} of each of the four large files: see ``checksums``

Indexes of older versions lack the digest and the checksums.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nlptool.errors import ModelError, RunError
from nlptool.storage import folders, json_files, shard_folder
from nlptool.storage.digest import sha256, short_digest

MANIFEST = "index.json"
VECTORS = "vectors.npy"
RECORDS = "records.jsonl"
OFFSETS = "offsets.npy"
FILE_OF = "file_of.npy"
FILES = "files.jsonl"
CHECKSUMS = "checksums.json"
BLOCKS = {VECTORS: 1 << 20, RECORDS: 1 << 16, OFFSETS: 1 << 16, FILE_OF: 1 << 16}
"""The files that have checksums -> bytes of a block: large where all is read, small where little is."""

CHANGED = "it has changed since it was written"
FORMAT = 1
_DIGEST = "digest"
_OF_THE_FILES = ("files", "sha256")  # what ``folders.seal`` adds to the manifest


def damage(folder: Path, what: str, *, name: str = "", hint: str = "") -> ModelError:
    """Return the error that says what of an index is damaged.

    Args:
        name: of the file, if it is known.
        hint: what mends it, if that is not building it again.
    """
    hint = hint or f"nlptool index build -o {folder} FILE... makes it again"
    return ModelError(f"{folder / name} is damaged: {what}", hint=hint)


def with_digest(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return a manifest with the digest of its fields."""
    return {**about, _DIGEST: short_digest([dict(about)])}


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest.

    Raises:
        ModelError: it is damaged, or other files are missing or cut off.
        RunError: the folder holds no index, or an unfinished or newer one.
    """
    path = folder / MANIFEST
    if not path.is_file():
        if (folder / VECTORS).is_file():
            raise damage(folder, f"{MANIFEST} is missing")
        raise RunError(f"{folder} is no index: it has no {MANIFEST}", hint="nlptool index build -o FOLDER makes one")
    try:
        about = json_files.read_object(path, kinds={"files": dict, "sha256": dict})
        if "files" not in about:  # the list of files is added at the very end
            name = str(folder).removesuffix(".part")
            raise RunError(f"{folder} is not finished", hint=f"nlptool index build --resume -o {name} goes on with it")
        if (number := about.get("format")) != FORMAT:
            if not isinstance(number, int):
                raise ValueError(f"it is of format {number!r}")
            raise RunError(f"{folder} is of format {number}, written by a newer nlptool", hint="update nlptool")
        described = {name: value for name, value in about.items() if name not in (_DIGEST, *_OF_THE_FILES)}
        if _DIGEST in about and about[_DIGEST] != with_digest(described)[_DIGEST]:
            raise ValueError(CHANGED)
    except (OSError, ValueError) as error:
        raise damage(folder, str(error), name=MANIFEST) from error
    if not folders.is_whole(folder, MANIFEST):
        raise damage(folder, "files are missing or cut off")
    return about


def check_sha256(folder: Path, name: str, about: Mapping[str, Any]) -> None:
    """Compare a small file with its SHA-256 in the manifest.

    Raises:
        OSError: it cannot be read.
        ModelError: it has changed.
    """
    if sha256(folder / name) != about.get("sha256", {}).get(name):
        raise damage(folder, CHANGED, name=name)


def version(folder: Path) -> tuple[int, int] | None:
    """Return a value that changes when a folder is replaced; None if there is none."""
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_ino, status.st_ctime_ns


def is_index(path: Path) -> bool:
    """Return whether a folder has the manifest of an index, or its vectors: one that is damaged; or whether it holds the parts of
    one."""
    # Not Path.is_file, which raises for a name that is too long.
    whole = any(os.path.isfile(path / name) for name in (MANIFEST, VECTORS))  # noqa: PTH113
    return whole or shard_folder.is_index_parts(str(path))
