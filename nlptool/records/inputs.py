"""FILE arguments as the files that are read: a folder stands for the text files in it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

from nlptool.storage import places, shard_folder
from nlptool.storage.compression import is_compressed
from nlptool.storage.wide_encodings import wide

_INDEX = "index.json"  # in a folder that ``nlptool index`` made, which is no folder of texts

_HEAD = 8192  # bytes that decide whether a file is binary

PARQUET = b"PAR1"  # the first bytes of such a file

_BINARY = (b"%PDF-", PARQUET)  # formats that may have no NUL byte at their beginning


def files_of(
    paths: Iterable[str],
    *,
    globs: Sequence[str] = (),
    parquet: bool = False,
    known: Container[str] = (),
    note: Callable[[str], None] = lambda message: None,
) -> tuple[str, ...]:
    """Return ``paths`` with the text files of each folder in its place, recursively, sorted by name within their folder.

    Hidden files and folders are left out, as are binary files, which are counted. A link to a folder inside a folder is not
    followed, and an index there is passed over. Of a folder of ``nlptool shards run`` the outputs are read, and not the manifest.
    A folder without a text file, and an index, stay as they are, and fail where they are read as text.

    Args:
        globs: patterns of the files of a folder, of the name alone or, with a ``/``, of the path below it; one that begins with
            ``!`` leaves files out.
        parquet: the files of a folder that are read are those of Parquet.
        known: paths of files that are read whatever is in them now.
        note: called with what was left out.

    Raises:
        RunError: outputs of a folder of ``nlptool shards run`` are not there or not whole.
    """
    files: list[str] = []
    for path in paths:
        if path == "-" or not is_folder(path) or _is_index(path):
            files.append(path)
            continue
        left_out: list[str] = []
        found: list[str] = []
        for name in _below(path, partial(_is_chosen, path, globs)):
            is_read = name in known or (_is_parquet(name) if parquet else not _is_binary(name))
            (found if is_read else left_out).append(name)
        files += found or [path]
        if left_out:
            other = "files that are no Parquet" if parquet else "binary files"
            note(f"{path}: {len(left_out):,} {other} were left out, the first: {left_out[0]}")
    return tuple(files)


def is_folder(path: str) -> bool:
    """Return whether a path is a folder; False for what is no path at all, such as a text that is longer than a name may be."""
    return os.path.isdir(path)  # noqa: PTH112  # Path raises


def is_file(path: str) -> bool:
    """Return whether a path is a file; False for what is no path at all."""
    return os.path.isfile(path)  # noqa: PTH113  # Path raises


def _below(folder: str, is_chosen: Callable[[str], bool]) -> Iterator[str]:
    """Yield the files below a folder that are chosen and not hidden, folders and files sorted together.

    Raises:
        RunError: outputs of shards that are chosen are not there or not whole.
    """
    try:
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError:
        yield folder  # reading it says what is wrong
        return
    shards = shard_folder.entries_of(folder, [entry.name for entry in entries])
    if shards is not None:
        chosen = [shard for shard in shards if is_chosen(f"{folder}/{shard['output']}")]
        shard_folder.refuse_incomplete(folder, chosen, lambda name: places.size_of(Path(folder, name)))
    for entry in entries:
        if entry.name.startswith(".") or (shards is not None and entry.name == shard_folder.NAME):
            continue
        if entry.is_dir(follow_symlinks=False):
            if not _is_index(entry.path):
                yield from _below(entry.path, is_chosen)
        elif _is_file(entry) and is_chosen(entry.path):
            yield entry.path


def _is_chosen(folder: str, globs: Sequence[str], path: str) -> bool:
    return matches(os.path.relpath(path, folder), globs)


def _is_index(folder: str) -> bool:
    """Return whether a folder is an index, or holds the parts of one."""
    # Path raises where a folder cannot be looked into.
    return os.path.exists(f"{folder}/{_INDEX}") or shard_folder.is_index_parts(folder)  # noqa: PTH110


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry is a file: no FIFO or socket, on which reading would wait, no link to a folder, which may lead
    upwards, and no link to nowhere or to itself."""
    try:
        return entry.is_file()
    except OSError as error:
        return error.errno != errno.ELOOP  # reading it says what is wrong


def matches(path: str, globs: Sequence[str]) -> bool:
    """Return whether the patterns choose a file: the last one that fits decides."""
    chosen = all(pattern.startswith("!") for pattern in globs)
    for pattern in globs:
        wanted = pattern.removeprefix("!")
        names = {wanted, wanted.removeprefix("**/")}  # which stands for no folder too
        if any(fnmatchcase(path if "/" in name else Path(path).name, name) for name in names):
            chosen = not pattern.startswith("!")
    return chosen


def _is_parquet(path: str) -> bool:
    try:
        with open(path, "rb") as file:  # noqa: PTH123  # as below
            return file.read(len(PARQUET)) == PARQUET
    except OSError:
        return False


def _is_binary(path: str) -> bool:
    """Return whether a file holds no text: by a NUL byte at its beginning, as grep does, unless it is UTF-16."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123  # a path of bytes that are no UTF-8 is a str here too
            head = file.read(_HEAD)
    except OSError:
        return False  # reading it says what is wrong
    return head.startswith(_BINARY) or (b"\0" in head and not (is_compressed(head) or wide(head)))
