"""The user's cache: models that were converted once, in folders that are locked and replaced as a whole."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from nlptool.errors import RunError
from nlptool.storage import json_files, locks
from nlptool.storage.digest import sha256
from nlptool.storage.folders import is_whole, seal


@dataclass(frozen=True, slots=True)
class Copy:
    """What was made once of a model."""

    kind: str  # encoders | generators | masked | models | quantized | vectors
    source: str  # the model's name, as it was given
    folder: Path
    size: int  # bytes


def folder() -> Path:
    """Return ``$NLPTOOL_CACHE``, or nlptool's folder in the user's cache."""
    return Path(os.environ.get("NLPTOOL_CACHE") or platformdirs.user_cache_dir("nlptool"))


def content_key(files: Iterable[Path], salt: str) -> str:
    """Return the SHA-256 of ``salt`` and the names and contents of ``files``, in hexadecimal.

    Reading hundreds of megabytes at every start would be slow, so the key is kept with the sizes and times of change of the
    files, and computed anew when one of those differs.
    """
    paths = sorted(files)
    stats = [[str(path), path.stat().st_size, path.stat().st_mtime_ns] for path in paths]
    memo = folder() / "keys" / f"{hashlib.sha256(json.dumps([salt, *map(str, paths)]).encode()).hexdigest()}.json"
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        kept = json_files.read_object(memo)
        if kept["stats"] == stats:
            return str(kept["key"])
    digest = hashlib.sha256(salt.encode())
    for path in paths:
        digest.update(f"{path.name}:{path.stat().st_size}:".encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    key = digest.hexdigest()
    with contextlib.suppress(OSError):  # a cache that cannot be written costs time, not the result
        memo.parent.mkdir(parents=True, exist_ok=True)
        part = memo.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps({"stats": stats, "key": key}))
        part.replace(memo)
    return key


def made_once(kind: str, key: str, manifest: str, make: Callable[[Path], None]) -> Path:
    """Return the folder ``kind/key`` of the cache, made by ``make(folder)`` unless a whole one is there.

    Processes that want the same folder at once wait for the one that makes it. ``make`` works in a folder beside it that
    is renamed at the end, and ``manifest``, which lists the sizes of the files, is written last, so that an unfinished copy is
    noticed and made again.

    Raises:
        OSError: the cache cannot be written.
    """
    target = folder() / kind / key
    if is_whole(target, manifest):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with locks.waiting(Path(f"{target}.lock")):
        if is_whole(target, manifest):
            return target
        work = target.with_name(f"{key}.part")
        shutil.rmtree(work, ignore_errors=True)  # what a killed process has left
        try:
            work.mkdir()
            make(work)
            seal(work, manifest)
            shutil.rmtree(target, ignore_errors=True)
            work.rename(target)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return target


def copies(manifests: Mapping[str, str]) -> Iterator[Copy]:
    """Yield all copies in the cache that are finished.

    Args:
        manifests: kind of a copy -> the name of its manifest, which says of what model it is one.
    """
    for kind, manifest in manifests.items():
        for made in sorted(path.parent for path in (folder() / kind).glob(f"*/{manifest}")):
            about = _manifest(made / manifest)
            if "files" in about:
                size = sum(path.stat().st_size for path in made.rglob("*") if path.is_file())
                yield Copy(kind, str(about.get("source") or ""), made, size)


def _manifest(path: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError):
        return json_files.read_object(path)
    return {}


def check(folder: Path, manifest: str) -> tuple[int, list[str]]:
    """Return how many files of a copy were read, and the names of those whose contents are not as they were made."""
    hashes = _manifest(folder / manifest).get("sha256")
    if not isinstance(hashes, dict):
        return 0, []  # made before hashes were kept
    paths = {name: folder / name for name in hashes}
    return len(paths), [name for name, path in paths.items() if not path.is_file() or sha256(path) != hashes[name]]


def remove(copy: Copy) -> int:
    """Delete a copy; return the number of bytes freed.

    Raises:
        RunError: it cannot be deleted.
    """
    try:
        with locks.waiting(Path(f"{copy.folder}.lock")):
            shutil.rmtree(copy.folder)
    except OSError as error:
        raise RunError(f"{copy.folder} cannot be removed: {error.strerror or error}") from error
    return copy.size
