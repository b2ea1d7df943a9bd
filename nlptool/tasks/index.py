"""Build an index: the embeddings of a corpus in a folder, for `nlptool search`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from nlptool import __version__
from nlptool.errors import RunError, WrongUsage
from nlptool.geometry.index_builder import Builder
from nlptool.geometry.measures import prepare
from nlptool.records.json_bytes import field_text
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.records.windows import windows
from nlptool.tasks.embedded_records import refuse_binary
from nlptool.tasks.embedder import Embedder
from nlptool.tasks.npy_rows import NpyRows, is_matrix

if TYPE_CHECKING:
    from nlptool.specs import EncoderSpec

_ROWS = 8192  # of an .npy that are added at once


def build(pipe: Pipe, output: Path, spec: EncoderSpec, *, resume: bool) -> None:
    """Build an index of the records of the input, or of the rows of an ``.npy``.

    Args:
        output: the folder of the index.
        resume: go on with an unfinished one.

    Raises:
        WrongUsage: the model of an ``.npy`` is not named.
        RunError: no record has a vector, or the unfinished index is of another input.
    """
    matrix = pipe.files[0] if len(pipe.files) == 1 and is_matrix(pipe.files[0]) else None
    if matrix is not None and not spec.model:
        raise WrongUsage(f"{matrix} does not say which model made its vectors: -m names it")
    settings = {"model": spec.model or None, "prompt": spec.prompt, "dim": spec.dim, "--id-field": pipe.id_field}
    with Builder(output, settings, resume=resume) as builder:
        if builder.n_read:
            pipe.note(f"going on after {builder.n_read:,} records of {builder.part}")
        model, identity = (str(builder.about.get(name) or "") for name in ("model", "identity"))
        embedder = Embedder(pipe, spec, role="document", model=model, identity=identity, dimension=builder.dimension)
        if matrix is not None:
            _add_matrix(matrix, builder)
            builder.about = {"model": spec.model, "dim": spec.dim}
        else:
            pipe.consume(_added(windows(refuse_binary(pipe.read())), embedder, builder, id_field=pipe.id_field))
        if not builder.n_items:
            raise RunError("there is nothing to search in: no record has a vector")
        builder.finish({**builder.about, "nlptool": __version__})
    embedder.say()
    pipe.note(f"{builder.n_items:,} vectors are in {output}")


def _added(
    lists: Iterable[list[Record]], embedder: Embedder, builder: Builder, *, id_field: str | None
) -> Iterator[list[Record]]:
    """Add the records that have a vector, but for those that the index has already; yield those that failed."""
    n_before, n_read = builder.n_read, 0
    for records in lists:
        n_skipped = min(len(records), max(0, n_before - n_read))
        n_read += len(records)
        with_vector, vectors = embedder(records[n_skipped:])
        items = []
        for record in with_vector:
            name = field_text(record.raw, id_field)
            items.append({**({"id": name} if name else {}), "text": record.text})
        if n_read > n_before:
            about = {
                "model": embedder.model, "identity": embedder.identity(), "prompt": embedder.prompt, "dim": embedder.dim
            }  # fmt: skip
            builder.about |= {name: value for name, value in about.items() if value}
            builder.add(prepare(vectors, "cosine"), items, n_read=n_read)
        added = set(map(id, with_vector))
        yield [record for record in records[n_skipped:] if id(record) not in added and not record.pending]
    _check_same_input(builder, n_read)


def _add_matrix(path: str, builder: Builder) -> None:
    """Add the rows of an ``.npy``."""
    rows = NpyRows(path).vectors
    _check_same_input(builder, len(rows))
    for first in range(builder.n_read, len(rows), _ROWS):
        block = prepare(rows[first : first + _ROWS], "cosine")
        builder.add(block, [{}] * len(block), n_read=first + len(block))


def _check_same_input(builder: Builder, n_read: int) -> None:
    """Check that the unfinished index has not read more than there is.

    Raises:
        RunError: it has: it is of another input.
    """
    if builder.n_read > n_read:
        raise RunError(
            f"{builder.part} has {builder.n_read - n_read:,} records more than the input: it comes from another one",
            hint="without --resume it is built anew",
        )
