"""The embeddings of a corpus on disk: a folder that opens in milliseconds and is searched without being loaded.

    index.json      the manifest: format, the model and its identity, prompt, number of items, dimension
    vectors.npy     (N, D) float32: unit vectors, or zeros
    records.jsonl   {"index", "file", "line", "id", "text"} of each item as far as it has them, one line each
    offsets.npy     (N + 1,) int64: the offset of each line in that file
    file_of.npy     (N,) int32: the number of the file that each item was read from; -1: stdin
    files.jsonl     {"path", "size", "mtime_ns", "sha256"} of each of these files

Search is exact: see ``similarity.nearest``. ``index_builder`` writes the folder.
"""

from __future__ import annotations

import mmap
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from nlptool.errors import RunError
from nlptool.storage import folders, json_files, npy

MANIFEST = "index.json"
FILES = "files.jsonl"
FILE_OF = "file_of.npy"
FORMAT = 1
_PAUSE = 0.02  # seconds: while an index is replaced, there is none for less than that


class Index:
    """An open index. ``vectors`` is (N, D) float32, memory-mapped unit vectors.

    Raises:
        RunError: the folder holds no index, or a damaged one.
    """

    ready = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        waited = False
        while True:  # another process may replace the index at any time
            before = _version(folder)
            try:
                self._open()
            except RunError:
                if before is None and not waited:
                    time.sleep(_PAUSE)
                    waited = True
                elif before == _version(folder):
                    raise
            else:
                if before == _version(folder):
                    self._opened = before
                    return  # all files belong to the same index

    def _open(self) -> None:
        folder = self.folder
        self.about = _manifest(folder)
        try:
            self.vectors = npy.mapped(folder / "vectors.npy")
            self._offsets = npy.mapped(folder / "offsets.npy")
            with (folder / "records.jsonl").open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                self._records: mmap.mmap | bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
            expected = (int(self.about["n_items"]), int(self.about["dimension"]))
            dtypes = self.vectors.dtype.str + self._offsets.dtype.str
            if (self.vectors.shape, self._offsets.shape, dtypes) != (expected, (expected[0] + 1,), "<f4<i8"):
                raise ValueError("its files do not fit together")
            if self._offsets[-1] != len(self._records):
                raise ValueError("its texts are cut off")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(f"{folder} is damaged: {error}", hint="build it again") from error

    @property
    def model(self) -> str:
        """The name of the model that made the vectors, "" if it is not known."""
        return str(self.about.get("model") or "")

    def __len__(self) -> int:
        return len(self.vectors)

    def is_replaced(self) -> bool:
        """Return whether another index has taken the folder's place since it was opened."""
        return _version(self.folder) != self._opened

    def line(self, item: int) -> bytes:
        """Return the line of an item in ``records.jsonl``."""
        return self._records[self._offsets[item] : self._offsets[item + 1]]

    def files(self) -> list[dict[str, Any]]:
        """Return the files that were read: path, size, mtime_ns and sha256 of each.

        Raises:
            RunError: they are not known, or the list is damaged.
        """
        try:
            with (self.folder / FILES).open(encoding="utf-8") as lines:
                return [{**json_files.parse(line)} for line in lines]
        except FileNotFoundError as error:
            raise RunError(
                f"{self.folder} does not say which files it was made of: an older nlptool built it",
                hint="build it again",
            ) from error
        except (OSError, ValueError, TypeError) as error:
            raise RunError(f"{self.folder} is damaged: {error}", hint="build it again") from error

    def file_of(self) -> NDArray[np.int32]:
        """Return the number of each item's file, (N,); -1: it has none."""
        numbers: NDArray[np.int32] = npy.mapped(self.folder / FILE_OF)
        return numbers

    def shown(self, index: int) -> dict[str, Any]:
        """Return the fields that identify an item in a result: index, file, line, and id and text if it has them.

        Raises:
            RunError: its line is damaged.
        """
        try:
            return {"index": index, **orjson.loads(self.line(index))}
        except (ValueError, TypeError) as error:
            raise RunError(f"{self.folder} is damaged: item {index:,} is no record", hint="build it again") from error


def _version(folder: Path) -> tuple[int, int] | None:
    """Return a value that changes when a folder is replaced; None if there is none."""
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_ino, status.st_ctime_ns


def is_index(path: Path) -> bool:
    """Return whether a folder has the manifest of an index, or its vectors: one that is damaged."""
    # Not Path.is_file, which raises for a name that is too long.
    return any(os.path.isfile(path / name) for name in (MANIFEST, "vectors.npy"))  # noqa: PTH113


def _manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest.

    Raises:
        RunError: the folder holds no index, or an unfinished, newer or damaged one.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise RunError(f"{folder} is no index: it has no {MANIFEST}", hint="nlptool index build -o FOLDER makes one")
    try:
        about = json_files.read_object(path)
        if "files" not in about:  # the list of files is added at the very end
            name = str(folder).removesuffix(".part")
            raise RunError(f"{folder} is not finished", hint=f"nlptool index build --resume -o {name} goes on with it")
        if (version := about.get("format")) != FORMAT:
            if not isinstance(version, int):
                raise ValueError(f"it is of format {version!r}")
            raise RunError(f"{folder} is of format {version}, written by a newer nlptool", hint="update nlptool")
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is damaged: {error}", hint="build the index again") from error
    if not folders.is_whole(folder, MANIFEST):
        raise RunError(f"{folder} is damaged: files are missing or cut off", hint="build it again")
    return about
