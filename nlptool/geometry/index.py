"""The embeddings of a corpus on disk: a folder that opens in milliseconds and is searched without being loaded.

Search is exact: see ``similarity.nearest``. What is read is compared with its checksum first: in a search all vectors, and the
texts of the answers. An older index has no checksums: its vectors are checked to be no longer than 1.

``index_folder`` describes the files, ``index_builder`` writes them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from nlptool.errors import ModelError, RunError
from nlptool.geometry import index_folder
from nlptool.geometry.checksums import CheckedBytes, bytes_of, mapped_bytes
from nlptool.geometry.index_folder import CHANGED, CHECKSUMS, FILE_OF, FILES, OFFSETS, RECORDS, VECTORS, damage, version
from nlptool.geometry.measures import MEASURES, USUAL
from nlptool.storage import json_files, npy

_PAUSE = 0.02  # seconds: while an index is replaced, there is none for less than that
_ROWS = 4096  # of an older index that are looked at together
_LONGEST = 1.01  # of a unit vector


class Index:
    """An open index.

    Attributes:
        about: the manifest.
        vectors: (N, D) float32, memory-mapped, prepared for ``measure``; ``check_rows`` comes before they are read.
        ready: whether the vectors are prepared for the measure that they are compared by.

    Raises:
        ModelError: it is damaged.
        RunError: the folder holds no index.
    """

    ready = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        waited = False
        while True:  # another process may replace the index at any time
            before = version(folder)
            try:
                self._open()
            except RunError:
                if before is None and not waited:
                    time.sleep(_PAUSE)
                    waited = True
                elif before == version(folder):
                    raise
            else:
                if before == version(folder):
                    self._opened = before
                    return  # all files belong to the same index

    def _open(self) -> None:
        folder = self.folder
        self.about = index_folder.read_manifest(folder)
        try:
            n_items, dimension = int(self.about["n_items"]), int(self.about["dimension"])
            self.vectors = _array(folder / VECTORS, "<f4", (n_items, dimension))
            self._offsets = _array(folder / OFFSETS, "<i8", (n_items + 1,))
            self._file_of = np.full(n_items, -1, "<i4")  # of an older index, which has no such file
            if (folder / FILE_OF).exists():
                self._file_of = _array(folder / FILE_OF, "<i4", (n_items,))
            self._records = mapped_bytes(folder / RECORDS)
            if self._offsets[-1] != len(self._records):
                raise ValueError(f"{OFFSETS} and {RECORDS} do not fit together")
            if self.measure not in MEASURES:
                raise ValueError(f"it is for a measure that is not known: {self.measure}")
            self._checked = self._checksums() if CHECKSUMS in self.about["files"] else {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise damage(folder, str(error)) from error

    def _checksums(self) -> dict[str, CheckedBytes]:
        index_folder.check_sha256(self.folder, CHECKSUMS, self.about)
        sums = json_files.read_object(self.folder / CHECKSUMS)
        data = {VECTORS: self.vectors, RECORDS: self._records, OFFSETS: self._offsets, FILE_OF: self._file_of}
        return {
            name: CheckedBytes(bytes_of(values), bytes.fromhex(sums[name]["sums"]), int(sums[name]["block"]))
            for name, values in data.items()
        }

    @property
    def model(self) -> str:
        """The name of the model that made the vectors, "" if it is not known."""
        return str(self.about.get("model") or "")

    @property
    def measure(self) -> str:
        """The measure of similarity that the vectors are prepared for."""
        return str(self.about.get("measure") or USUAL)

    def __len__(self) -> int:
        return len(self.vectors)

    def is_replaced(self) -> bool:
        """Return whether another index has taken the folder's place since it was opened."""
        return version(self.folder) != self._opened

    def check_rows(self, first: int, stop: int) -> None:
        """Check that the vectors of the items from ``first`` to ``stop`` are those that were written.

        Raises:
            ModelError: they are not.
        """
        for begin, end in self._damaged_rows(first, min(stop, len(self))):
            raise self._damage_of_items(VECTORS, begin, end)

    def rows(self, items: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the vectors of some items, (n, D).

        Args:
            items: (n,), ascending, n > 0.

        Raises:
            ModelError: they are not those that were written.
        """
        for run in np.split(items, np.flatnonzero(np.diff(items) != 1) + 1):
            self.check_rows(int(run[0]), int(run[-1]) + 1)
        found: NDArray[np.float32] = self.vectors[items]
        return found

    def _damaged_rows(self, first: int, stop: int) -> Iterator[tuple[int, int]]:
        """Yield begin and end of damaged items among those from ``first`` to ``stop``."""
        if VECTORS in self._checked:
            size = self.vectors.strides[0]
            for begin, end in self._checked[VECTORS].damaged(first * size, stop * size):
                yield begin // size, -(-end // size)
            return
        block = self.vectors[first:stop]
        if not np.vdot(block, block) <= len(block) * _LONGEST:  # NaN too
            lengths = np.linalg.norm(block.astype(np.float64), axis=1)
            for row in np.flatnonzero(~(lengths <= _LONGEST)):
                yield first + int(row), first + int(row) + 1

    def damaged_items(self) -> NDArray[np.bool_]:
        """Return whether something of item i is damaged, (N,) bool, after reading the whole index.

        Raises:
            ModelError: what tells one item from another is damaged.
        """
        self._check(OFFSETS, 0, self._offsets.nbytes)
        self._check(FILE_OF, 0, self._file_of.nbytes)
        damaged = np.zeros(len(self), np.bool_)
        for first in range(0, len(self), _ROWS):
            for begin, end in self._damaged_rows(first, min(first + _ROWS, len(self))):
                damaged[begin:end] = True
        if RECORDS in self._checked:
            for begin, end in self._checked[RECORDS].damaged(0, len(self._records)):
                damaged[self._items_at(begin, end)] = True
        return damaged

    def _items_at(self, begin: int, end: int) -> slice:
        """Return the items that have some of the bytes from ``begin`` to ``end`` of the records."""
        first = int(np.searchsorted(self._offsets, begin, "right")) - 1
        return slice(first, int(np.searchsorted(self._offsets, end, "left")))

    def _check(self, name: str, begin: int, end: int) -> None:
        """Check the bytes from ``begin`` to ``end`` of a file, of an array those of its values.

        Raises:
            ModelError: they have changed.
        """
        if name in self._checked:
            for damaged_begin, damaged_end in self._checked[name].damaged(begin, end):
                if name == RECORDS:
                    items = self._items_at(damaged_begin, damaged_end)
                    raise self._damage_of_items(name, items.start, items.stop)
                raise damage(self.folder, CHANGED, name=name)

    def _damage_of_items(self, name: str, first: int, stop: int) -> ModelError:
        items = f"item {first:,}" if stop == first + 1 else f"items {first:,} to {stop - 1:,}"
        is_one = isinstance(self.about.get("reading"), dict) and "part" not in self.about
        from_files = is_one and not (self.file_of()[first:stop] < 0).any()
        hint = f"nlptool index update {self.folder} embeds the files of these items again" if from_files else ""
        return damage(self.folder, f"{CHANGED}, in {items}", name=name, hint=hint)

    def line(self, item: int) -> bytes:
        """Return the line of an item in ``records.jsonl``.

        Raises:
            ModelError: it is damaged.
        """
        self._check(OFFSETS, 8 * item, 8 * item + 16)
        begin, end = self._offsets[item : item + 2].tolist()
        self._check(RECORDS, begin, end)
        return self._records[begin:end].tobytes()

    def files(self) -> list[dict[str, Any]]:
        """Return the files that were read: path, size, mtime_ns and sha256 of each.

        Raises:
            ModelError: the list is damaged.
            RunError: they are not known.
        """
        try:
            index_folder.check_sha256(self.folder, FILES, self.about)
            with (self.folder / FILES).open(encoding="utf-8") as lines:
                return [{**json_files.parse(line)} for line in lines]
        except FileNotFoundError as error:
            raise RunError(
                f"{self.folder} does not say which files it was made of: an older nlptool built it",
                hint="build it again",
            ) from error
        except (OSError, ValueError, TypeError) as error:
            raise damage(self.folder, str(error), name=FILES) from error

    def file_of(self) -> NDArray[np.int32]:
        """Return the number of each item's file, (N,); -1: it has none.

        Raises:
            ModelError: the numbers are damaged.
        """
        self._check(FILE_OF, 0, self._file_of.nbytes)
        return self._file_of

    def shown(self, index: int) -> dict[str, Any]:
        """Return the fields that identify an item in a result: index, file, line, and id and text if it has them.

        Raises:
            ModelError: its line is damaged.
        """
        try:
            return {"index": index, **orjson.loads(self.line(index))}
        except (ValueError, TypeError) as error:
            raise damage(self.folder, f"item {index:,} is no record", name=RECORDS) from error


def _array(path: Path, dtype: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """Map an array into memory.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is another one.
    """
    array = npy.mapped(path)
    if (array.dtype.str, array.shape) != (dtype, shape) or not array.flags.c_contiguous:
        raise ValueError(f"{path.name} is an array of {array.shape} {array.dtype}, not {shape} {np.dtype(dtype)}")
    return array
