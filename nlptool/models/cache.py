"""The user's cache folder: what was converted once, locked and replaced as a whole."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from nlptool.errors import RunError

MANIFESTS = {
    "encoders": "encoder.json",
    "generators": "generation.json",
    "masked": "masked.json",
    "models": "source.json",
    "quantized": "quantized.json",
    "vectors": "vectors.json",
}
"""Kind of a copy -> the name of its manifest, which says of what model it is one."""


@dataclass(frozen=True, slots=True)
class Copy:
    """What was made once of a model."""

    kind: str  # encoders | generators | masked | models | quantized | vectors
    source: str  # the model's name, as it was given
    folder: Path
    size: int  # bytes


def folder() -> Path:
    """``$NLPTOOL_CACHE``, or nlptool's folder in the user's cache."""
    return Path(os.environ.get("NLPTOOL_CACHE") or platformdirs.user_cache_dir("nlptool"))


def content_key(files: Iterable[Path], salt: str) -> str:
    """SHA-256 over the names and contents of ``files`` and ``salt``, in hexadecimal.

    Reading hundreds of megabytes at every start would be slow, so the answer is kept beside the files' sizes and times of
    change, and computed anew when one of those differs.
    """
    paths = sorted(files)
    stats = [[str(path), path.stat().st_size, path.stat().st_mtime_ns] for path in paths]
    memo = folder() / "keys" / f"{hashlib.sha256(json.dumps([salt, *map(str, paths)]).encode()).hexdigest()}.json"
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        kept = json.loads(memo.read_text())
        if kept["stats"] == stats:
            return str(kept["key"])
    digest = hashlib.sha256(salt.encode())
    for path in paths:
        digest.update(f"{path.name}:{path.stat().st_size}:".encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    key = digest.hexdigest()
    with contextlib.suppress(OSError):  # a cache that cannot be written costs time, not the answer
        memo.parent.mkdir(parents=True, exist_ok=True)
        part = memo.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps({"stats": stats, "key": key}))
        part.replace(memo)
    return key


def made_once(kind: str, key: str, manifest: str, make: Callable[[Path], None]) -> Path:
    """The folder ``kind/key`` of the cache, made by ``make(folder)`` unless a whole one is there.

    Processes that want the same folder at once wait for the one that makes it. ``make`` works in a folder beside it that
    is renamed at the end, and ``manifest``, which lists the sizes of the files, is written last: a copy that was cut off is
    noticed and made again.

    Raises:
        OSError: the cache cannot be written.
    """
    target = folder() / kind / key
    if is_whole(target, manifest):
        return target
    from filelock import FileLock

    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{target}.lock"):
        if is_whole(target, manifest):
            return target
        work = Path(tempfile.mkdtemp(prefix=f"{key[:8]}-", dir=target.parent))
        try:
            make(work)
            seal(work, manifest)
            shutil.rmtree(target, ignore_errors=True)
            work.rename(target)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return target


def check_replaceable(target: Path, manifest: str) -> None:
    """
    Raises:
        RunError: ``target`` is something else than a folder with ``manifest``, an empty one, or nothing; or no folder can be
            made there.
    """
    if str(target) == "-":
        raise RunError("a folder cannot go to stdout", hint="-o FOLDER; ./- is a folder of that name")
    if target.resolve() == Path.cwd():
        raise RunError(f"{target} is the current folder, and is not replaced", hint="choose a name in it")
    if _is_other(target, manifest) and _is_other(target, manifest):  # twice: it may just be replaced by another process
        kind = "a folder that holds something else" if target.is_dir() else "a file"
        raise RunError(f"{target} is {kind}, and is not replaced", hint="choose another name, or remove it first")
    if not target.resolve().parent.is_dir():
        raise RunError(f"cannot write {target}: there is no folder {target.resolve().parent}")
    try:
        Path(tempfile.mkdtemp(prefix=f"{target.name}.", suffix=".part", dir=target.resolve().parent)).rmdir()
    except OSError as error:
        raise RunError(f"cannot write {target}: {error.strerror or error}") from error


def _is_other(target: Path, manifest: str) -> bool:
    try:
        names = [path.name for path in target.iterdir()]
    except FileNotFoundError:
        return False
    except NotADirectoryError:
        return True
    return bool(names) and manifest not in names


def replace_folder(target: Path, manifest: str, make: Callable[[Path], None]) -> None:
    """Let ``make(folder)`` write a folder, and put it in the place of ``target`` when it is whole: where that fails the old
    one stays as it was.

    Raises:
        RunError: it cannot be written, or ``target`` is something that is not replaced.
    """
    check_replaceable(target, manifest)
    target = target.resolve()  # a link stays a link
    work: Path | None = None
    try:
        work = Path(tempfile.mkdtemp(prefix=f"{target.name}.", suffix=".part", dir=target.parent))
        work.chmod(0o777 & ~_umask())
        make(work)
        seal(work, manifest)
        put(work, target)
    except OSError as error:
        raise RunError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        if work is not None:
            shutil.rmtree(work, ignore_errors=True)


def put(work: Path, target: Path) -> None:
    """Rename the folder ``work`` to ``target``, in the place of the one that is there.

    Raises:
        OSError: it cannot be renamed; the old folder is then where it was.
    """
    while not _moved_into(work, target):
        pass  # another process put its own there in between: the last one stays


def _moved_into(work: Path, target: Path) -> bool:
    """Rename ``work`` to ``target``, whose old folder goes away. False if a new one came there in between."""
    aside = Path(tempfile.mkdtemp(prefix=f"{target.name}.", suffix=".old", dir=target.parent))
    old = aside / target.name
    moved = False
    try:
        with contextlib.suppress(FileNotFoundError):
            target.rename(old)
        work.rename(target)
        moved = True
    except BaseException as error:
        if not isinstance(error, OSError) or error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            with contextlib.suppress(OSError):
                old.rename(target)
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return moved


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def seal(made: Path, manifest: str) -> None:
    """Add the sizes and the SHA-256 of all files to ``manifest``, a JSON file in ``made``, and bring everything to the disk."""
    path = made / manifest
    value = json.loads(path.read_text()) if path.exists() else {}
    files = {
        file.relative_to(made).as_posix(): file for file in sorted(made.rglob("*")) if file.is_file() and file != path
    }
    value["files"] = {name: file.stat().st_size for name, file in files.items()}
    value["sha256"] = {name: sha256(file) for name, file in files.items()}
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
    for file in (*files.values(), path):
        with file.open("rb") as opened:
            os.fsync(opened.fileno())


def sha256(path: Path) -> str:
    """In hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_whole(made: Path, manifest: str) -> bool:
    """Whether every file that ``manifest`` lists is there in its full size."""
    try:
        sizes = json.loads((made / manifest).read_text())["files"]
        return all((made / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return False


def copies() -> Iterator[Copy]:
    """All copies in the cache that are finished."""
    for kind, manifest in MANIFESTS.items():
        for made in sorted(path.parent for path in (folder() / kind).glob(f"*/{manifest}")):
            about = _manifest(made / manifest)
            if "files" in about:
                size = sum(path.stat().st_size for path in made.rglob("*") if path.is_file())
                yield Copy(kind, str(about.get("source") or ""), made, size)


def _manifest(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def check(copy: Copy) -> tuple[int, list[str]]:
    """How many files of a copy were read, and the names of those whose contents are not as they were made."""
    hashes = _manifest(copy.folder / MANIFESTS[copy.kind]).get("sha256")
    if not isinstance(hashes, dict):
        return 0, []  # made before hashes were kept
    paths = {name: copy.folder / name for name in hashes}
    return len(paths), [name for name, path in paths.items() if not path.is_file() or sha256(path) != hashes[name]]


def remove(copy: Copy) -> int:
    """Delete a copy; return the bytes that this freed.

    Raises:
        RunError: it cannot be deleted.
    """
    from filelock import FileLock

    try:
        with FileLock(f"{copy.folder}.lock"):
            shutil.rmtree(copy.folder)
    except OSError as error:
        raise RunError(f"{copy.folder} cannot be removed: {error.strerror or error}") from error
    return copy.size
