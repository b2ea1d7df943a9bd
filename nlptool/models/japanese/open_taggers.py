"""MeCab's taggers in this process. fugashi never closes one: its dictionary stays mapped into memory as long as the process
lives. A process that runs one command after the other would come to the system's limit of maps, so that each is opened once."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import fugashi

_FILES = ("sys.dic", "unk.dic", "matrix.bin", "char.bin")


def open_tagger(arguments: str, folder: Path, *, is_kept: bool) -> Any:
    """Return a ``fugashi.GenericTagger``, the same one for the same arguments and files.

    Args:
        arguments: as of the mecab command.
        folder: of the dictionary.
        is_kept: it will be asked for again. One with dictionaries of a run, whose files are temporary, will not.

    Raises:
        RuntimeError: MeCab cannot use the dictionary.
    """
    return _opened(arguments, _states(folder)) if is_kept else fugashi.GenericTagger(arguments)


@functools.cache
def _opened(arguments: str, states: tuple[tuple[str, int, int, int], ...]) -> Any:
    """Open a tagger; ``states`` tells the files from what they become when the dictionary is installed anew."""
    return fugashi.GenericTagger(arguments)


def _states(folder: Path) -> tuple[tuple[str, int, int, int], ...]:
    found = [(name, (folder / name).stat()) for name in _FILES if (folder / name).is_file()]
    return tuple((name, about.st_ino, about.st_size, about.st_mtime_ns) for name, about in found)
