"""An index in parts: a folder in which ``nlptool shards run ... -- index build`` has put one index a shard. It is searched like
one index over all shards.

    manifest.jsonl       which parts there are to be; of each its number of vectors, its model, the SHA-256 of its manifest
    shard-00000.index    an index: see ``index_folder``

Items are numbered through all parts, and their vectors are read in the blocks that one array of them would be read in: products,
and with them the last digits of similarities, do not depend on where a part ends. Memory holds the pages of one part at a time.
"""

from __future__ import annotations

import contextlib
import operator
import resource
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from nlptool.errors import ModelError, RunError
from nlptool.geometry import index_folder
from nlptool.geometry.index import Index
from nlptool.geometry.measures import USUAL
from nlptool.geometry.row_parts import RowParts
from nlptool.storage import shard_folder
from nlptool.storage.digest import sha256

_FILES_OF_A_PART = 4
_OTHER_FILES = 200
_FEW = 8

SameModel = Callable[[str, str], bool]

_ABOUT = ("n_items", "dimension", "model", "identity", "prompt", "dim", "measure")
_COMPARED = {
    "model": "model", "identity": "files of the model", "prompt": "prompt", "measure": "measure",
    "dimension": "number of dimensions",
}  # fmt: skip


def about_part(folder: Path) -> dict[str, Any]:
    """Return what the manifest says of a part.

    Raises:
        ModelError: it is damaged.
        RunError: it is no index.
    """
    about = index_folder.read_manifest(folder)
    return {**{name: about.get(name) for name in _ABOUT}, "sha256": sha256(folder / index_folder.MANIFEST)}


def refuse_different(folder: str, parts: Mapping[str, Mapping[str, Any]], same_model: SameModel = operator.eq) -> None:
    """Refuse parts whose vectors cannot be compared with each other.

    Args:
        parts: name of a part -> what the manifest says of it.

    Raises:
        RunError: two of them differ.
    """
    first: dict[str, tuple[str, Any]] = {}  # what is compared -> the part that said it first, and what it said
    for name, about in parts.items():
        for field in _COMPARED if about["n_items"] else ():
            value = about.get(field)
            if value is None or (value == "" and field != "prompt"):
                continue  # it does not say
            before, other = first.setdefault(field, (name, value))
            if other != value and not (field == "model" and same_model(other, value)):
                raise RunError(
                    f"{folder}: its parts do not go together: the {_COMPARED[field]} of {before} is {other!r}, that of {name} "
                    f"is {value!r}",
                    hint="nlptool shards run ... -- index build -m MODEL makes all of them with one model",
                )


class IndexParts:
    """An open index in parts: what ``Index`` is, over all of them.

    Attributes:
        about: what the manifests of the parts say together.
        n_parts: how many there are.
        measure: the measure of similarity that the vectors are prepared for.
        vectors: (N, D) float32, memory-mapped, prepared for ``measure``; ``check_rows`` comes before they are read.
        ready: whether the vectors are prepared for the measure that they are compared by.

    Args:
        same_model: returns whether two names mean one model.

    Raises:
        RunError: a part is missing or damaged, is not done, or does not go with the others.
    """

    ready = True

    def __init__(self, folder: Path, same_model: SameModel = operator.eq) -> None:
        self.folder = folder
        self._abouts = _abouts_in(folder)
        refuse_different(str(folder), self._abouts, same_model)
        self._names = list(self._abouts)
        self.n_parts = len(self._names)
        self._open: OrderedDict[int, Index] = OrderedDict()  # those that were used last
        self._most_open = _most_open()
        self.about: dict[str, Any] = {}
        self.measure = USUAL
        lengths: list[int] = []
        n_read: list[int] = []
        for number in range(self.n_parts):
            part = self._part(number)
            lengths.append(len(part))
            n_read.append(int(part.about["n_read"]))
            if len(part):  # an empty one knows nothing of its model
                self.measure = part.measure
                self.about |= {name: value for name, value in part.about.items() if value and name not in self.about}
        self._read_before = [end - read for end, read in zip(accumulate(n_read), n_read, strict=True)]
        dimension = int(self.about.get("dimension", 0))
        self.vectors = RowParts(lengths, dimension, lambda number: self._part(number).vectors)
        self.about |= {"n_items": len(self), "dimension": dimension, "n_read": sum(n_read)}

    @property
    def model(self) -> str:
        """The name of the model that made the vectors, "" if it is not known."""
        return str(self.about.get("model") or "")

    def __len__(self) -> int:
        return len(self.vectors)

    def check_rows(self, first: int, stop: int) -> None:
        """Check that the vectors of the items from ``first`` to ``stop`` are those that were written.

        Raises:
            RunError: they are not.
        """
        stop = min(stop, len(self))
        while first < stop:
            number, row = self.vectors.place(first)
            with self._named(number):
                part = self._part(number)
                end = min(len(part), row + stop - first)
                part.check_rows(row, end)
            first += end - row

    def line(self, item: int) -> bytes:
        """Return the line of an item in the ``records.jsonl`` of its part, whose ``index`` counts the records of that part.

        Raises:
            RunError: it is damaged.
        """
        number, row = self.vectors.place(item)
        with self._named(number):
            return self._part(number).line(row)

    def shown(self, index: int) -> dict[str, Any]:
        """Return the fields that identify an item in a result: index, file, line, and id and text if it has them.

        Raises:
            RunError: its line is damaged.
        """
        number, row = self.vectors.place(index)
        with self._named(number):
            shown = self._part(number).shown(row)
        return {**shown, "index": shown["index"] + self._read_before[number]}

    def files(self) -> Iterator[tuple[dict[str, Any], int]]:
        """Yield each file with the number of its items; a file that was split comes once a part.

        Raises:
            RunError: a part is damaged.
        """
        for number in range(self.n_parts):
            with self._named(number):
                part = self._part(number)
                files = part.files()
                counts = np.bincount(part.file_of() + 1, minlength=len(files) + 1).tolist()
            yield from zip(files, counts[1:], strict=True)

    def _part(self, number: int) -> Index:
        """Return a part, opened if it is not.

        Raises:
            RunError: it is not the one that the manifest means.
        """
        if number in self._open:
            self._open.move_to_end(number)
            return self._open[number]
        name = self._names[number]
        path = self.folder / name
        if not path.is_dir():
            raise _damage(self.folder, f"{name} is not there")
        with self._named(number):
            part = Index(path)
            if sha256(path / index_folder.MANIFEST) != self._abouts[name]["sha256"]:
                raise RunError(f"{path} is another one than {shard_folder.NAME} says")
        self._open[number] = part
        if len(self._open) > self._most_open:
            self._open.popitem(last=False)
        return part

    @contextlib.contextmanager
    def _named(self, number: int) -> Iterator[None]:
        """Say of a part that is damaged how it is made again.

        Raises:
            RunError: it is damaged.
        """
        path = self.folder / self._names[number]
        try:
            yield
        except (OSError, RunError) as error:
            if isinstance(error, RunError) and not isinstance(error, ModelError) and error.hint:
                raise  # it has been said
            message = error.message if isinstance(error, RunError) else f"{path}: {error.strerror or error}"
            hint = f"rm -r {path}, and nlptool shards run with the same words as before makes it again"
            raise RunError(message, hint=hint) from error


def open_index(folder: Path, same_model: SameModel = operator.eq) -> Index | IndexParts:
    """Open an index, in parts or not.

    Raises:
        ModelError: it is damaged.
        RunError: the folder holds no index, or parts that are missing, damaged or do not go together.
    """
    return IndexParts(folder, same_model) if shard_folder.is_index_parts(str(folder)) else Index(folder)


def refuse_parts(folder: Path) -> None:
    """Refuse a folder of parts where one index is changed.

    Raises:
        RunError: it is one.
    """
    if shard_folder.is_index_parts(str(folder)):
        raise RunError(
            f"{folder} is an index in parts, which follow their files by being made again",
            hint="nlptool shards run, with the same words as before, makes those again whose files have changed",
        )


def _abouts_in(folder: Path) -> dict[str, Mapping[str, Any]]:
    """Return what the manifest says of each part, by its name.

    Raises:
        RunError: it is missing or damaged, or a part is not done.
    """
    entries = shard_folder.entries_of(str(folder), [path.name for path in folder.iterdir()])
    if entries is None:
        raise _damage(folder, f"it holds parts of an index, and no {shard_folder.NAME} that says which")
    shard_folder.refuse_incomplete(str(folder), entries, lambda name: None)
    for entry in entries:
        about = entry.get("index")
        if not isinstance(about, dict) or not {"n_items", "sha256"} <= about.keys():
            raise _damage(folder, f"{shard_folder.NAME} says nothing of {entry['output']}")
    return {str(entry["output"]): entry["index"] for entry in entries}


def _most_open() -> int:
    """Return how many parts may be open: each has some files, of which a process may have so many."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return 1 << 20 if files == resource.RLIM_INFINITY else max(_FEW, (files - _OTHER_FILES) // _FILES_OF_A_PART)


def _damage(folder: Path, what: str) -> RunError:
    return RunError(
        f"{folder} is damaged: {what}",
        hint="nlptool shards run, with the same words as before, makes again what is missing",
    )
