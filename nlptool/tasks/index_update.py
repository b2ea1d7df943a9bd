"""An index that follows the files that it was made of: they are added, removed, and read again where they have changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nlptool.errors import RunError, WrongUsage
from nlptool.geometry.index import Index
from nlptool.geometry.index_builder import Builder
from nlptool.geometry.index_folder import damage
from nlptool.geometry.index_parts import refuse_parts
from nlptool.records.inputs import files_of
from nlptool.records.pipe import Pipe
from nlptool.records.record import InputFormat
from nlptool.records.windows import windows
from nlptool.specs import EncoderSpec
from nlptool.tasks.embedder import Embedder
from nlptool.tasks.index import added, finish
from nlptool.tasks.index_files import IndexFiles

_ROWS = 8192  # of an index that are added at once


def add(pipe: Pipe, folder: Path, spec: EncoderSpec) -> None:
    """Add the files of ``pipe`` to an index; those that it has are read again if they have changed.

    Raises:
        RunError: as of ``update``.
    """
    if not pipe.given:
        raise WrongUsage("FILE is missing: the files to add")
    index = _followed(folder)
    files = IndexFiles.of(index)
    paths = files_of(pipe.given, **_choice(index), note=pipe.note)
    named = list(dict.fromkeys(map(files.name, paths)))
    changed = {name for name in named if name in files.known and files.is_changed(name)}
    new = [name for name in named if name not in files.known]
    files.roots += [files.name(path) for path in pipe.given if Path(path).is_dir()]
    _follow(pipe, index, files, spec, drop=changed, read=[*sorted(changed), *new], gone=0)


def remove(pipe: Pipe, folder: Path, paths: Iterable[str]) -> None:
    """Remove files, or all files of folders, from an index.

    Raises:
        RunError: the index has no such file, or nothing would be left; as of ``update``.
    """
    index = _followed(folder)
    files = IndexFiles.of(index)
    drop: set[str] = set()
    for path in paths:
        found = files.below(path)
        if not found:
            raise RunError(
                f"{folder} holds nothing of {path}", hint=f"nlptool index info --files {folder} lists its files"
            )
        drop |= found
        files.forget_roots(path)
    _follow(pipe, index, files, EncoderSpec(), drop=drop, read=[], gone=len(drop))


def update(pipe: Pipe, folder: Path, spec: EncoderSpec) -> None:
    """Make an index anew where its files have changed: what changed is embedded again, what is gone is removed, and new files
    of the folders that it was made of are added. What is damaged in the index is embedded again, too.

    The index can be searched all the while, and is replaced as a whole at the end.

    Raises:
        ModelError: what is damaged did not come from a file.
        RunError: none of its files is there, or it does not know them.
    """
    index = _followed(folder)
    files = IndexFiles.of(index)
    gone = {name for name in files.known if not files.is_there(name)}
    if files.known and len(gone) == len(files.known):
        raise RunError(
            f"none of the {len(gone):,} files of {folder} is there, the first: {files.place(min(gone))}",
            hint="if they have moved, build the index again; nlptool index remove takes files out",
        )
    damaged = _damaged(pipe, index, files)
    changed = {name for name in files.known if name not in gone and (name in damaged or files.is_changed(name))}
    new = [name for name in files.below_roots(**_choice(index)) if name not in files.known]
    _follow(pipe, index, files, spec, drop=gone | changed, read=[*sorted(changed), *new], gone=len(gone))


def _followed(folder: Path) -> Index:
    """Open an index that is to follow its files.

    Raises:
        RunError: it is in parts, or one of them.
    """
    refuse_parts(folder)
    index = Index(folder)
    if "part" in index.about:
        raise RunError(
            f"{folder} is a part of an index, and follows its file by being made again",
            hint="nlptool shards run, with the same words as before, makes those parts again whose files have changed",
        )
    return index


def _damaged(pipe: Pipe, index: Index, files: IndexFiles) -> set[str]:
    """Return the names of the files with items of which something in the index is damaged, and say so.

    Raises:
        ModelError: an item did not come from a file, or the damage is elsewhere.
    """
    items = np.flatnonzero(index.damaged_items())
    if not len(items):
        return set()
    numbers = np.unique(index.file_of()[items])
    if numbers[0] < 0:
        raise damage(
            index.folder, f"{len(items):,} items, and not all of them came from a file that could be read again"
        )
    pipe.note(f"{index.folder} is damaged: {len(numbers):,} of its files are embedded again")
    return {files.names[number] for number in numbers}


def _follow(
    pipe: Pipe, index: Index, files: IndexFiles, spec: EncoderSpec, *, drop: set[str], read: list[str], gone: int
) -> None:
    """Replace an index by one without the items of the files ``drop``, and with the records of the files ``read``."""
    faults = {name: fault for name in read if (fault := files.fault(name))}
    for name, fault in faults.items():
        pipe.tally.fail_input(f"{files.place(name)}: {fault}", "")
    read = [name for name in read if name not in faults]
    drop = drop - faults.keys()  # the index keeps what it has of them
    n_changed = len(read) - sum(name not in files.known for name in read)
    n_new = len(read) - n_changed
    if not drop and not read:
        if not faults:
            pipe.note(f"{index.folder} is up to date: {len(files.known):,} files")
        return
    reading = _reading_of(index)
    remembered = ("model", "identity", "prompt", "dim", "measure", "reading")
    about = {name: index.about[name] for name in remembered if name in index.about}
    spec = replace(spec, prompt=about.get("prompt"), dim=about.get("dim"))
    kept = files.kept_rows(index.file_of(), drop)
    n_read = int(index.about["n_read"])
    with Builder(index.folder, {}, resume=False, keep=False, note=pipe.note) as builder:
        if index.is_replaced():  # before the lock was taken
            raise RunError(f"another process has changed {index.folder}", hint="run it again")
        builder.about = about
        number = files.drop(drop)
        for first in range(0, len(kept), _ROWS):
            rows = kept[first : first + _ROWS]
            lines = [index.line(row) for row in rows.tolist()]
            builder.add(index.rows(rows), lines, number(index.file_of()[rows]))
        embedder = Embedder(
            pipe, spec, role="document", model=index.model, identity=str(about.get("identity") or ""),
            dimension=index.vectors.shape[1], measure=index.measure,
        )  # fmt: skip
        if read:
            with pipe.beside(*map(files.place, read)) as beside:
                beside.form = InputFormat(**reading["form"])
                beside.separator = reading["separator"].encode()
                numbers = files.read(read)
                lists = windows(beside.read())
                failed = added(
                    lists, embedder, builder, files, numbers,
                    pipe=beside, id_field=reading["id_field"], begun=n_read,
                )  # fmt: skip
                beside.consume(failed)
                n_read += beside.n_read
        if not builder.n_items:
            raise RunError(f"nothing would be left in {index.folder}", hint=f"rm -r {index.folder} removes it")
        finish(builder, files, n_read=n_read)
    embedder.say()
    pipe.note(
        f"{n_new:,} new files, {n_changed:,} changed, {gone:,} removed; {builder.n_items:,} vectors are in {index.folder}"
    )


def _reading_of(index: Index) -> dict[str, Any]:
    """Return how an index says that its files were read.

    Raises:
        RunError: it was made of an .npy, or by an older nlptool.
    """
    reading = index.about.get("reading")
    if not isinstance(reading, dict):
        raise RunError(f"{index.folder} was made of no text files that could be read again", hint="build it again")
    return {**reading, "form": {**reading["form"], "instead": tuple(reading["form"]["instead"])}}


def _choice(index: Index) -> dict[str, Any]:
    """Return which files of a folder an index is made of, as arguments of ``files_of``."""
    reading = _reading_of(index)
    return {"globs": tuple(reading["globs"]), "parquet": reading["form"]["kind"] == "parquet"}
