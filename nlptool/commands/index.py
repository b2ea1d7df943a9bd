"""``nlptool index``: a corpus's embeddings on disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nlptool import __version__, options, results
from nlptool.batches import windows
from nlptool.errors import RunError
from nlptool.json_objects import field_text
from nlptool.pipe import Pipe
from nlptool.records import Record

if TYPE_CHECKING:
    from nlptool.embedder import Embedder
    from nlptool.models.indexes import Builder

_ROWS = 8192  # of an .npy that are taken at once


@click.group()
def command() -> None:
    """A corpus's embeddings on disk, for `nlptool search --corpus FOLDER`.

    \b
    nlptool index build -o corpus.index corpus.txt
    nlptool search --corpus corpus.index 海辺の町で暮らす
    nlptool index info corpus.index
    """


@command.command()
@options.records("index", writes=False, instead=("embedding", "tokens"))
@click.option("-o", "--output", metavar="FOLDER", type=click.Path(readable=False), help="Where the index goes.")
@click.option("--resume", is_flag=True, help="Go on with FOLDER.part of an interrupted run.")
@options.encoder()
def build(pipe: Pipe, output: str | None, resume: bool, **choice: Any) -> None:
    """Embed a corpus and keep the vectors, with the texts and the model's identity.

    The folder holds 4 bytes for each of the D components of a vector, and the texts (and ids, with --id-field). It is mapped,
    not loaded: a search in a million texts starts at once. Models with prompts get that of a document. An empty line is
    left out and counted. Ctrl-C keeps what was made in FOLDER.part, from where --resume goes on.

    \b
    nlptool index build -o corpus.index corpus.txt.xz
    nlptool index build -m multilingual-e5-small --id-field id -o docs.index docs.jsonl
    nlptool index build -m my-model -o vectors.index vectors.npy     vectors that are there, without texts
    """
    if output is None:
        raise click.UsageError("-o FOLDER says where the index goes")
    from nlptool.embedder import Choice, Embedder
    from nlptool.items import is_matrix, refuse_binary
    from nlptool.models.indexes import Builder

    matrix = pipe.files[0] if len(pipe.files) == 1 and is_matrix(pipe.files[0]) else None
    if matrix is not None and choice["model"] is None:
        raise click.UsageError(f"{matrix} does not say which model made its vectors: -m names it")
    settings = {name: choice[name] for name in ("model", "prompt", "dim")} | {"--id-field": pipe.id_field}
    with Builder(Path(output), settings, resume=resume) as builder:
        if builder.n_read:
            pipe.note(f"going on after {builder.n_read:,} records of {builder.part}")
        model, identity = (str(builder.about.get(name) or "") for name in ("model", "identity"))
        embedder = Embedder(
            pipe, Choice(**choice), role="document", model=model, identity=identity, dimension=builder.dimension
        )
        if matrix is not None:
            _take(matrix, builder)
            builder.about = {"model": choice["model"], "dim": choice["dim"]}
        else:
            pipe.consume(built(windows(refuse_binary(pipe.read())), embedder, builder, id_field=pipe.id_field))
        if not builder.n_items:
            raise RunError("there is nothing to search in: no record has a vector")
        builder.finish({**builder.about, "nlptool": __version__})
    embedder.say()
    pipe.note(f"{builder.n_items:,} vectors are in {output}")


def built(
    lists: Iterator[list[Record]], embedder: Embedder, builder: Builder, *, id_field: str | None
) -> Iterator[list[Record]]:
    """Put the records that have a vector into the index, but for those that it has already; yield the others.

    Raises:
        RunError: it has more of them than there are.
    """
    from nlptool.models.similarities import prepared

    before, n_read = builder.n_read, 0
    for records in lists:
        skipped = min(len(records), max(0, before - n_read))
        n_read += len(records)
        kept, vectors = embedder(records[skipped:])
        shown = []
        for record in kept:
            name = field_text(record.raw, id_field)
            shown.append({**({"id": name} if name else {}), "text": record.text})
        if n_read > before:
            said = {"model": embedder.model, "identity": embedder.identity(), "prompt": embedder.prompt}
            builder.about |= {name: value for name, value in {**said, "dim": embedder.dim}.items() if value}
            builder.add(prepared(vectors, "cosine"), shown, n_read=n_read)
        taken = set(map(id, kept))
        yield [record for record in records[skipped:] if id(record) not in taken and not record.pending]
    _check_same(builder, n_read)


def _take(path: str, builder: Builder) -> None:
    """The rows of an ``.npy``."""
    from nlptool.items import Matrix
    from nlptool.models.similarities import prepared

    rows = Matrix(path).vectors
    _check_same(builder, len(rows))
    for first in range(builder.n_read, len(rows), _ROWS):
        block = prepared(rows[first : first + _ROWS], "cosine")
        builder.add(block, [{}] * len(block), n_read=first + len(block))


def _check_same(builder: Builder, n_read: int) -> None:
    """
    Raises:
        RunError: the unfinished build had read more.
    """
    if builder.n_read > n_read:
        raise RunError(
            f"{builder.part} has {builder.n_read - n_read:,} records more than the input: it comes from another one",
            hint="without --resume it is built anew",
        )


@command.command()
@click.argument("folder", metavar="FOLDER")
@options.table_choice()
@options.debug
def info(folder: str, format: str | None) -> None:
    """Say what an index holds: the model that made it, how many items, of how many dimensions.

    \b
    nlptool index info corpus.index
    nlptool index info corpus.index -f jsonl | jq .n_items
    """
    from nlptool.models.indexes import Index

    index = Index(Path(folder))
    about = {
        name: value for name, value in index.about.items() if name not in ("files", "sha256") and value is not None
    }
    size = sum(path.stat().st_size for path in Path(folder).iterdir() if path.is_file())
    results.show([{"name": folder, **about, "bytes": size}], format, one=True)
