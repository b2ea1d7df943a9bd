"""Folders that are replaced as a whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from nlptool.errors import RunError
from nlptool.storage import json_files
from nlptool.storage.digest import sha256


def check_replaceable(target: Path, manifest: str) -> None:
    """Check that a folder can be written to ``target``, in the place of one with ``manifest``, an empty one, or nothing.

    Raises:
        RunError: something else is there, or no folder can be made.
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
    """Let ``make(folder)`` write a folder, and put it in the place of ``target`` when it is whole; until then, and if that
    fails, the old one stays as it was.

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
    """Rename the folder ``work`` to ``target``, replacing the one there.

    Raises:
        OSError: it cannot be renamed; the old folder is then where it was.
    """
    while not _moved_into(work, target):
        pass  # another process put its own there in between: the last one stays


def _moved_into(work: Path, target: Path) -> bool:
    """Rename ``work`` to ``target`` and remove the old folder. Return False if another process put one there in between."""
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
    value = json_files.read_object(path) if path.exists() else {}
    files = {
        file.relative_to(made).as_posix(): file for file in sorted(made.rglob("*")) if file.is_file() and file != path
    }
    value["files"] = {name: file.stat().st_size for name, file in files.items()}
    value["sha256"] = {name: sha256(file) for name, file in files.items()}
    # A file name that is not UTF-8 holds lone surrogates, which JSON spells as escapes.
    path.write_bytes((json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace"))
    for file in (*files.values(), path):
        with file.open("rb") as opened:
            os.fsync(opened.fileno())


def is_whole(made: Path, manifest: str) -> bool:
    """Return whether every file that ``manifest`` lists is there in its full size."""
    try:
        sizes = json_files.read_object(made / manifest, ["files"])["files"]
        return all((made / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, AttributeError):
        return False
