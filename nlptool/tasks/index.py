"""An index of a corpus, for `nlptool search`: build it, and follow the files that it was made of."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from nlptool import __version__
from nlptool.errors import RunError, WrongUsage
from nlptool.geometry.index import Index
from nlptool.geometry.index_builder import Builder
from nlptool.geometry.index_folder import damage
from nlptool.geometry.index_parts import IndexParts, open_index, refuse_parts
from nlptool.geometry.measures import prepare
from nlptool.records.inputs import files_of
from nlptool.records.json_bytes import field_json
from nlptool.records.pipe import Pipe
from nlptool.records.record import InputFormat, Record, readable
from nlptool.records.windows import windows
from nlptool.specs import EncoderSpec
from nlptool.storage.places import size_of
from nlptool.storage.unfinished import state_of
from nlptool.tasks.embedded_records import refuse_binary
from nlptool.tasks.embedder import Embedder, same_model
from nlptool.tasks.index_files import IndexFiles
from nlptool.tasks.npy_rows import NpyRows, is_matrix

_ROWS = 8192  # of an .npy or of an index that are added at once


def build(pipe: Pipe, output: Path, spec: EncoderSpec, *, measure: str | None = None, resume: bool) -> None:
    """Build an index of the records of the input, or of the rows of an ``.npy``.

    Of a part of an input it is a part of an index, which may have no vectors.

    Args:
        output: the folder of the index.
        measure: of similarity; None: that of the model.
        resume: go on with an unfinished one.

    Raises:
        WrongUsage: the model of an ``.npy`` is not named, or the unfinished index is of another run.
        RunError: no record has a vector.
    """
    matrix = pipe.files[0] if len(pipe.files) == 1 and is_matrix(pipe.files[0]) else None
    if matrix is not None and not spec.model:
        raise WrongUsage(f"{matrix} does not say which model made its vectors: -m names it")
    is_part = pipe.part_run is not None
    with Builder(output, pipe.work_done.made_by, resume=resume, keep=not is_part, note=pipe.note) as builder:
        if is_part:
            pipe.work_done.kept = True  # which models are opened; a part that is not done is begun anew
        else:
            pipe.work_done.keep_in(builder)
        if pipe.work_done.n_done:
            pipe.note(f"going on after {pipe.work_done.n_done:,} records of {output}.part")
        model, identity = (str(builder.about.get(name) or "") for name in ("model", "identity"))
        embedder = Embedder(
            pipe, spec, role="document", model=model, identity=identity, dimension=builder.dimension,
            measure=builder.about.get("measure") or measure,
        )  # fmt: skip
        if pipe.work_done.last_mark:
            embedder.restore(pipe.work_done.last_mark)
        files = IndexFiles(roots=pipe.given)
        if matrix is not None:
            pipe.work_done.remember("files", matrix, lambda: state_of(Path(matrix)))
            builder.about = {"model": spec.model, "dim": spec.dim, "measure": embedder.measure}
            _add_matrix(pipe, matrix, builder, embedder.measure)
        else:
            numbers = files.read(pipe.files)
            lists = windows(refuse_binary(pipe.read()))
            pipe.consume(_added(lists, embedder, builder, files, numbers, pipe=pipe, id_field=pipe.id_field))
            builder.about["reading"] = _reading(pipe)
        if pipe.part_run is not None:
            builder.about["part"] = dataclasses.asdict(pipe.part_run.part)
        elif not builder.n_items:
            raise RunError("there is nothing to search in: no record has a vector")
        _finish(builder, files, n_read=pipe.n_read)
    if pipe.part_run is not None:  # which is said of all parts together
        if pipe.part_run.account is not None:
            pipe.part_run.account.noted |= embedder.sums()
        return
    embedder.say()
    pipe.note(f"{builder.n_items:,} vectors are in {output}")


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


def about(folder: Path) -> dict[str, Any]:
    """Return what an index says of itself, with the bytes of its files."""
    index = open_index(folder, same_model)
    inner = ("files", "sha256", "digest", "reading", "roots", "n_read", "part")
    values = {name: value for name, value in index.about.items() if name not in inner and value not in (None, "")}
    n_parts = {"n_parts": index.n_parts} if isinstance(index, IndexParts) else {}
    return {"name": str(folder), **n_parts, **values, "bytes": size_of(folder)}


def files(folder: Path) -> list[dict[str, Any]]:
    """Return each file of an index with the number of its items.

    Raises:
        RunError: the index does not know them.
    """
    index = open_index(folder, same_model)
    if isinstance(index, IndexParts):
        counted = index.files()
    else:
        counts = np.bincount(index.file_of() + 1, minlength=len(index.files()) + 1).tolist()
        counted = zip(index.files(), counts[1:], strict=True)
    found: dict[str, dict[str, Any]] = {}
    for entry, count in counted:
        known = found.setdefault(
            entry["path"], {"file": readable(entry["path"]), "n_items": 0, "bytes": entry.get("size")}
        )
        known["n_items"] += count
    return list(found.values())


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
                added = _added(
                    lists, embedder, builder, files, numbers,
                    pipe=beside, id_field=reading["id_field"], begun=n_read,
                )  # fmt: skip
                beside.consume(added)
                n_read += beside.n_read
        if not builder.n_items:
            raise RunError(f"nothing would be left in {index.folder}", hint=f"rm -r {index.folder} removes it")
        _finish(builder, files, n_read=n_read)
    embedder.say()
    pipe.note(
        f"{n_new:,} new files, {n_changed:,} changed, {gone:,} removed; {builder.n_items:,} vectors are in {index.folder}"
    )


def _added(
    lists: Iterable[list[Record]],
    embedder: Embedder,
    builder: Builder,
    files: IndexFiles,
    numbers: Mapping[str, int],
    *,
    pipe: Pipe,
    id_field: str | None,
    begun: int = 0,
) -> Iterator[list[Record]]:
    """Add the records that have a vector; yield those that failed.

    Args:
        numbers: source of a record -> number of its file.
        pipe: where the records come from.
        begun: records of files that were read before.
    """
    for records in lists:
        with_vector, vectors = embedder(records)
        about = {"model": embedder.model, "identity": embedder.identity(), "dim": embedder.dim}
        builder.about |= {name: value for name, value in about.items() if value}
        if about["identity"]:
            builder.about["prompt"] = embedder.prompt  # also one of nothing: it is not the model's for documents
        if len(vectors):
            builder.about["measure"] = embedder.measure
        file_of = [numbers.get(record.source, -1) for record in with_vector]
        names = [
            record.source if file < 0 else files.names[file] for record, file in zip(with_vector, file_of, strict=True)
        ]
        lines = [
            _line(record, begun + record.number, name, id_field)
            for record, name in zip(with_vector, names, strict=True)
        ]
        builder.add(prepare(vectors, embedder.measure), lines, file_of)
        added = set(map(id, with_vector))
        yield [record for record in records if id(record) not in added and not record.pending]
        if records and pipe.work_done.kept:  # what failed has been counted
            pipe.work_done.add(records)
            builder.mark(pipe.work_done.state(mark=embedder.state()))


def _line(record: Record, number: int, name: str, id_field: str | None) -> bytes:
    """Return what names an item in an answer, as a line of JSON."""
    record.source = name
    value = field_json(record.raw, id_field)
    shown = {
        "index": number,
        **record.named(),
        **({"id": orjson.Fragment(value)} if value else {}),
        **({"text": record.text} if record.text else {}),
    }
    return orjson.dumps(shown, option=orjson.OPT_APPEND_NEWLINE)


def _add_matrix(pipe: Pipe, path: str, builder: Builder, measure: str) -> None:
    """Add the rows of an ``.npy``."""
    rows = NpyRows(path).vectors
    pipe.n_read = len(rows)
    for first in range(builder.n_items, len(rows), _ROWS):
        block = prepare(rows[first : first + _ROWS], measure)
        builder.add(block, [b"{}\n"] * len(block))
        pipe.work_done.n_done = builder.n_items
        builder.mark(pipe.work_done.state())
    pipe.tally.n_read += len(rows)
    pipe.consume(iter(()))


def _finish(builder: Builder, files: IndexFiles, *, n_read: int) -> None:
    about = {**builder.about, "n_read": n_read, "nlptool": __version__}
    entries = files.entries(digests="part" not in about)
    builder.finish({**about, "directory": files.directory, "roots": files.roots}, entries)


def _reading(pipe: Pipe) -> dict[str, Any]:
    """Return how the files were read, so that they can be read so again."""
    form = {**dataclasses.asdict(pipe.form), "instead": list(pipe.form.instead)}
    return {"form": form, "separator": pipe.separator.decode(), "id_field": pipe.id_field, "globs": list(pipe.globs)}


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
