"""The folder that ``nlptool shards run`` writes, as a command that reads it sees it: which outputs are to be there, and whether
they are. ``tasks.shards.manifest`` writes its manifest and says what it holds."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from nlptool.errors import RunError
from nlptool.storage import places

NAME = "manifest.jsonl"
OUTPUT = re.compile(r"shard-\d+\.\w+(\.zst)?")
INDEX_ENDING = ".index"
"""Of the names of outputs that are indexes: folders, and no files of records."""

_FIELDS = ("output", "command", "input")  # of each line
_LONGEST = 1 << 20  # bytes of the first line, by which a manifest is known

Entry = dict[str, Any]


def is_done(entry: Mapping[str, Any]) -> bool:
    """Return whether a line of the manifest is about a shard that is done, and not about one that is to be."""
    return entry.get("done") is not False


def entries_in(data: bytes, folder: str) -> list[Entry] | None:
    """Return the lines of a manifest, by the names of their outputs; None: it is a file of something else.

    Args:
        data: what the file holds.
        folder: its folder, for the message.

    Raises:
        RunError: lines of it cannot be read.
    """
    found = [_entry(line) for line in data.splitlines() if line.strip()]
    if not any(found):
        return None
    entries = [entry for entry in found if entry]
    if len(entries) < len(found):
        raise RunError(
            f"{folder}/{NAME} is damaged: it has lines that cannot be read",
            hint="nlptool shards run, with the same words as before, does their shards again",
        )
    return sorted(entries, key=lambda entry: str(entry["output"]))


def entries_of(folder: str, names: Iterable[str]) -> list[Entry] | None:
    """Return the lines of the manifest of a folder; None: it is no folder of shards.

    Args:
        folder: a path or a URL.
        names: of the files in it.

    Raises:
        RunError: lines of it cannot be read, or its store cannot be reached.
    """
    names = set(names)
    if NAME not in names:
        return None
    try:
        with places.opened(f"{folder}/{NAME}") as file:
            # A file of this name may be anything, of any size: its first line says whether it is one of ours.
            first = file.readline(_LONGEST)
            if _entry(first) is None and not any(map(OUTPUT.fullmatch, names)):
                return None
            return entries_in(first + file.read(), folder)
    except OSError:
        return None


def is_index_parts(folder: str) -> bool:
    """Return whether a folder holds the parts of an index, or its manifest says so, whatever has become of them."""
    try:
        with os.scandir(folder) as listing:
            names = [entry.name for entry in listing]
        if any(OUTPUT.fullmatch(name) and name.endswith(INDEX_ENDING) for name in names):
            return True
        if NAME not in names:
            return False
        with Path(folder, NAME).open("rb") as file:
            entry = _entry(file.readline(_LONGEST))
    except OSError:
        return False
    return entry is not None and str(entry["output"]).endswith(INDEX_ENDING)


HINT = "nlptool shards run, with the same words as before, goes on with it"


def refuse_incomplete(
    folder: str,
    entries: Iterable[Entry],
    size_of: Callable[[str], int | None],
    *,
    hint: str = f"{HINT}; its files can be named one by one",
) -> None:
    """Refuse to read a folder of which outputs are not done, or are not as they were written.

    Args:
        hint: what can be done.
        size_of: returns the bytes of an output; -1: it is not there; None: that is not known.

    Raises:
        RunError: it is one.
    """
    entries = list(entries)
    if waiting := [str(entry["output"]) for entry in entries if not is_done(entry)]:
        raise incomplete(
            folder, f"{len(waiting):,} of {len(entries):,} shards are not done, the first: {waiting[0]}", hint
        )
    for entry in entries:
        name, written, found = str(entry["output"]), entry.get("bytes"), size_of(str(entry["output"]))
        if found == -1:
            raise incomplete(folder, f"{name} is not there", hint)
        if found is not None and found != written:
            raise incomplete(folder, f"{name} has {found:,} bytes, and {written:,} when it was written", hint)


def incomplete(folder: str, what: str, hint: str = HINT) -> RunError:
    """Return the error of a folder of shards that is not complete."""
    return RunError(f"{folder} is not complete: {what}", hint=hint)


def _entry(line: bytes) -> Entry | None:
    """Return a line of a manifest; None: it is none."""
    entry = parsed(line)
    if not isinstance(entry, dict) or not all(name in entry for name in _FIELDS):
        return None
    return entry if OUTPUT.fullmatch(str(entry["output"])) else None


def parsed(line: bytes) -> Any:
    """Return what a line holds; None: no JSON. Names of files need not be UTF-8."""
    try:
        return json.loads(line.decode(errors="surrogateescape"))
    except (ValueError, RecursionError):
        return None
