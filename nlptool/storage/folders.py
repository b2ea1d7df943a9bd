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
from typing import Self

from nlptool.errors import RunError
from nlptool.storage import json_files, locks
from nlptool.storage.digest import sha256

_HERE = -100  # AT_FDCWD: paths are not relative to an open folder
_RENAME_EXCHANGE = 2


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
        RunError: it cannot be written, ``target`` is something that is not replaced, or another process writes it.
    """
    with NewFolder(target, manifest) as folder:
        folder.make(make)


class NewFolder:
    """A folder that is made as NAME.part and then takes the place of ``target``. It is locked: no two processes make it at once.

    A context manager: at its end NAME.part is removed, unless ``keep`` is set.

    Args:
        manifest: name of the file that marks a folder of this kind; it is there from the beginning, empty.
        note: called with what a person should know.

    Attributes:
        path: NAME.part.
        keep: whether it stays there, for a later run to go on with.

    Raises:
        RunError: ``target`` or NAME.part is something that is not replaced, cannot be written, or another process writes it.
    """

    def __init__(self, target: Path, manifest: str, *, note: locks.Note = lambda message: None) -> None:
        check_replaceable(target, manifest)
        self._name = target
        self._target = target.resolve()  # a link stays a link
        self._manifest = manifest
        self.path = self._target.with_name(f"{self._target.name}.part")
        self.keep = False
        check_replaceable(self.path, manifest)
        try:
            self._lock = locks.hold(self.path, self._open, target, note)
            self._bring_back()
            if not (self.path / manifest).exists():
                (self.path / manifest).write_text("{}")
        except OSError as error:
            raise self._failure(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            if not self.keep and os.path.samestat(os.fstat(self._lock), self.path.stat()):
                _remove(self.path, self._manifest)
        os.close(self._lock)

    def make(self, make: Callable[[Path], None]) -> None:
        """Let ``make(folder)`` write all of it, and ``put`` it.

        Raises:
            RunError: it cannot be written.
        """
        try:
            self.clear()
            make(self.path)
            self.put()
        except OSError as error:
            raise self._failure(error) from error

    def clear(self) -> None:
        """Remove what is in it, such as what an interrupted run has left."""
        _empty(self.path, self._manifest)

    def put(self, *, state: str = "") -> None:
        """Seal it, and put it in its place.

        Args:
            state: name of a file by which an interrupted run goes on, which is of no use any more.

        Raises:
            OSError: it cannot be put there; the old folder is then where it was.
        """
        seal(self.path, self._manifest, without=state)
        if state:
            (self.path / state).unlink()
        _replace(self.path, self._target)
        with contextlib.suppress(OSError, RunError):  # else the next run removes it
            old = locks.hold(self.path, lambda: _opened(self.path), self._name)
            try:
                _remove(self.path, self._manifest)
            finally:
                os.close(old)

    def _open(self) -> int:
        while True:
            with contextlib.suppress(FileExistsError):
                self.path.mkdir()
            with contextlib.suppress(FileNotFoundError):  # another process has just put it in its place
                return _opened(self.path)

    def _bring_back(self) -> None:
        """Bring an old folder back that a killed process had put aside."""
        for aside in [] if self._target.exists() else self._target.parent.glob(f"{self._target.name}.*.old"):
            if (aside / self._target.name / self._manifest).exists():
                (aside / self._target.name).rename(self._target)
                aside.rmdir()
                return

    def _failure(self, error: OSError) -> RunError:
        return RunError(f"cannot write {self._name}: {error.strerror or error}")


def _opened(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _empty(folder: Path, manifest: str) -> None:
    """Remove what is in a folder. The manifest, by which it is known, is emptied last."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != manifest:
            path.unlink()
    (folder / manifest).write_text("{}")


def _remove(folder: Path, manifest: str) -> None:
    _empty(folder, manifest)
    (folder / manifest).unlink()
    folder.rmdir()


def _replace(work: Path, target: Path) -> None:
    """Rename the folder ``work`` to ``target``; a folder that was there is then ``work``, or removed.

    Raises:
        OSError: it cannot be renamed; the old folder is then where it was.
    """
    try:
        work.rename(target)  # nothing is there, or an empty folder
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        if not _exchange(work, target):
            _put_aside(work, target)


def _exchange(first: Path, second: Path) -> bool:
    """Swap two folders in one step, so that at any moment there is one; return False where the system or the storage cannot."""
    import ctypes

    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    return rename is not None and rename(_HERE, os.fsencode(first), _HERE, os.fsencode(second), _RENAME_EXCHANGE) == 0


def _put_aside(work: Path, target: Path) -> None:
    """Rename ``work`` to ``target`` in two steps. A process that is killed between them leaves the old folder beside it."""
    aside = Path(tempfile.mkdtemp(prefix=f"{target.name}.", suffix=".old", dir=target.parent))
    old = aside / target.name
    try:
        target.rename(old)
        try:
            work.rename(target)
        except BaseException:
            old.rename(target)
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def seal(made: Path, manifest: str, *, without: str = "") -> None:
    """Add the sizes and the SHA-256 of all files to ``manifest``, a JSON file in ``made``, and bring everything to the disk.

    Args:
        without: name of a file that is left out.
    """
    path = made / manifest
    value = json_files.read_object(path) if path.exists() else {}
    files = {file.relative_to(made).as_posix(): file for file in sorted(made.rglob("*")) if file.is_file()}
    files = {name: file for name, file in files.items() if name not in (manifest, without)}
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
