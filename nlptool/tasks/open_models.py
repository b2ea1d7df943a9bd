"""Models that stay open between the runs of one process, so that the next run that wants the same one has it at once.

Two models are the same where everything that was located of them is: the spec, the names, and the sizes and times of change of
their files. The least recently used are closed when the process holds more memory than it may.
"""

from __future__ import annotations

import gc
import io
import os
import pickle
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from nlptool import machine


class Located(Protocol):
    """A model that is ready to be opened."""

    @property
    def name(self) -> str: ...

    def open(self) -> Any: ...


Key = tuple[bytes, str, tuple[tuple[str, int, int, int], ...]]


class OpenModels:
    """The models that are open in this process.

    Args:
        memory: returns the bytes that this process may hold.
    """

    def __init__(self, memory: Callable[[], int]) -> None:
        self._memory = memory
        self._open: OrderedDict[Key, Any] = OrderedDict()

    def __len__(self) -> int:
        return len(self._open)

    def get(self, located: Located) -> Any:
        """Return a model, opened now or before.

        Raises:
            Exception: whatever opening it raises.
        """
        key = key_of(located)
        if key is None:
            return located.open()
        if key in self._open:
            self._open.move_to_end(key)
            return self._open[key]
        self.close_some()
        model = self._open[key] = located.open()
        return model

    def close_some(self, *, keep: int = 0) -> None:
        """Close the least recently used models while the process holds more than it may.

        Args:
            keep: models that stay open whatever they hold.
        """
        while len(self._open) > keep and machine.memory_held() > self._memory():
            self._open.popitem(last=False)
            gc.collect()


class _Reading(pickle.Pickler):
    """Writes what was located of a model, and collects the paths in it."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.fast = True  # equal values are written alike, whether or not they are one object
        self.paths: list[Path] = []

    def persistent_id(self, value: Any) -> None:
        """Collect a path; it is written like everything else."""
        if isinstance(value, Path):
            self.paths.append(value)


def key_of(located: Located) -> Key | None:
    """Return what tells a located model from all others, or None where that is not known: it has no files."""
    written = io.BytesIO()
    reading = _Reading(written)
    try:
        reading.dump(located)
        states = tuple(state for path in reading.paths for state in _states(path))
        return (written.getvalue(), str(Path.cwd()), states) if states else None
    except (pickle.PicklingError, AttributeError, TypeError, OSError):
        return None


def _states(path: Path) -> list[tuple[str, int, int, int]]:
    """Return the path, the number, the size and the time of change of each file of a folder."""
    files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    found = ((file, file.stat()) for file in files)
    return [(os.fspath(file), state.st_ino, state.st_size, state.st_mtime_ns) for file, state in found]


_kept: OpenModels | None = None
_opened_here: list[Located] = []


def keep(models: OpenModels | None) -> None:
    """Keep the models that are opened from now on in ``models``; None: keep none."""
    global _kept  # noqa: PLW0603  # one process, one set of open models
    _kept = models


def opened(located: Located) -> Any:
    """Return a model, opened now or, where models are kept, before."""
    if _kept is not None:
        return _kept.get(located)
    _opened_here.append(located)
    return located.open()


def opened_here() -> list[Located]:
    """Return the models that this process has opened and that were not kept."""
    return _opened_here
