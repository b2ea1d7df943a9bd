"""An index of a corpus, for `nlptool search`, built of records or of the rows of an ``.npy``."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from nlptool import __version__
from nlptool.errors import RunError, WrongUsage
from nlptool.geometry.index_builder import Builder
from nlptool.geometry.measures import prepare
from nlptool.records.json_bytes import field_json
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.records.windows import windows
from nlptool.specs import EncoderSpec
from nlptool.storage.unfinished import state_of
from nlptool.tasks.embedded_records import refuse_binary
from nlptool.tasks.embedder import Embedder
from nlptool.tasks.index_files import IndexFiles
from nlptool.tasks.npy_rows import NpyRows, is_matrix

_ROWS = 8192  # of an .npy that are added at once


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
            pipe.consume(added(lists, embedder, builder, files, numbers, pipe=pipe, id_field=pipe.id_field))
            builder.about["reading"] = _reading(pipe)
        if pipe.part_run is not None:
            builder.about["part"] = dataclasses.asdict(pipe.part_run.part)
        elif not builder.n_items:
            raise RunError("there is nothing to search in: no record has a vector")
        finish(builder, files, n_read=pipe.n_read)
    if pipe.part_run is not None:  # which is said of all parts together
        if pipe.part_run.account is not None:
            pipe.part_run.account.noted |= embedder.sums()
        return
    embedder.say()
    pipe.note(f"{builder.n_items:,} vectors are in {output}")


def added(
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


def finish(builder: Builder, files: IndexFiles, *, n_read: int) -> None:
    """Write what the index says of itself and of its files."""
    about = {**builder.about, "n_read": n_read, "nlptool": __version__}
    entries = files.entries(digests="part" not in about)
    builder.finish({**about, "directory": files.directory, "roots": files.roots}, entries)


def _reading(pipe: Pipe) -> dict[str, Any]:
    """Return how the files were read, so that they can be read so again."""
    form = {**dataclasses.asdict(pipe.form), "instead": list(pipe.form.instead)}
    return {"form": form, "separator": pipe.separator.decode(), "id_field": pipe.id_field, "globs": list(pipe.globs)}
