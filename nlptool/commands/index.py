"""``nlptool index``: an index of embeddings on disk."""

from __future__ import annotations

from pathlib import Path

import click

from nlptool.cli import options
from nlptool.cli.groups import Group
from nlptool.records.formats import results
from nlptool.records.pipe import Pipe
from nlptool.specs import EncoderSpec


@click.group(cls=Group)
def command() -> None:
    """Build an index of a corpus's embeddings for `nlptool search --corpus FOLDER`, or describe one.

    \b
    nlptool index build -o corpus.index corpus.txt
    nlptool search --corpus corpus.index 海辺の町で暮らす
    nlptool index info corpus.index
    """


@command.command()
@options.records("index", writes=False, instead=("embedding", "tokens"))
@click.option("-o", "--output", metavar="FOLDER", type=click.Path(readable=False), help="Output folder of the index.")
@click.option(
    "--resume", is_flag=True, help="Continue from FOLDER.part of an interrupted run with the same options and input."
)
@options.measure
@options.encoder()
def build(pipe: Pipe, output: str | None, resume: bool, measure: str | None, spec: EncoderSpec) -> None:
    """Embed a corpus and save the vectors, the texts and the identity of the model in a folder.

    The folder holds float32 vectors and the texts (and ids, with --id-field). It is memory-mapped, so that a search in a
    million texts starts at once. It remembers the measure of similarity, by which `search` ranks: the model's own, unless
    --measure names another. A model with prompts gets its prompt for documents. An empty line is left out and counted. Ctrl-C
    keeps FOLDER.part, from which --resume continues.

    A corpus of many files can be an index in parts, which `nlptool shards run` makes in several processes, and of which it
    makes those parts again whose files have changed. It is searched like one index.

    \b
    nlptool index build -o corpus.index corpus.txt.xz
    nlptool index build -m multilingual-e5-small --id-field id -o docs.index docs.jsonl
    nlptool index build -m my-model -o vectors.index vectors.npy     existing vectors, without texts
    nlptool shards run corpus/ --output corpus.index -- index build -m static-ja-en
    """
    from nlptool.tasks import index

    if output is None:
        raise click.UsageError("-o FOLDER is missing: the output folder of the index")
    index.build(pipe, Path(output), spec, measure=measure, resume=resume)


_FOLDER = click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path))


@command.command()
@_FOLDER
@options.run("index", takes_files=True)
@options.encoder(chosen=False)
def add(pipe: Pipe, folder: Path, spec: EncoderSpec) -> None:
    """Add files, or the files of folders, to an index; read those again that it has and that have changed.

    They are read as the files before them were: the index remembers --field, --unit, --glob and the other options. It can be
    searched all the while, and is replaced as a whole at the end.

    \b
    nlptool index add corpus.index new.txt
    """
    from nlptool.tasks import index_update

    index_update.add(pipe, folder, spec)


@command.command()
@_FOLDER
@click.argument("paths", nargs=-1, required=True, metavar="FILE...")
@options.run("index")
def remove(pipe: Pipe, folder: Path, paths: tuple[str, ...]) -> None:
    """Remove files, or all files below folders, from an index. The files themselves stay as they are.

    \b
    nlptool index remove corpus.index old.txt drafts/
    """
    from nlptool.tasks import index_update

    index_update.remove(pipe, folder, paths)


@command.command()
@_FOLDER
@options.run("index")
@options.encoder(chosen=False)
def update(pipe: Pipe, folder: Path, spec: EncoderSpec) -> None:
    """Update an index: embed changed files again, remove those that are gone, add new files of the folders that it was built of.

    A file has changed when its content has, not its time alone. Only what changed is embedded. The index can be searched all
    the while, and is replaced as a whole at the end.

    \b
    nlptool index build -o notes.index notes/ --glob '*.md'
    nlptool index update notes.index
    """
    from nlptool.tasks import index_update

    index_update.update(pipe, folder, spec)


@command.command()
@_FOLDER
@click.option("--files", is_flag=True, help="List the files that it was made of.")
@options.table_choice()
@options.debug
def info(folder: Path, files: bool, format: str | None) -> None:
    """Describe an index: its model, number of items and dimensions; or list its files.

    \b
    nlptool index info corpus.index
    nlptool index info corpus.index -f jsonl | jq .n_items
    nlptool index info --files corpus.index
    """
    from nlptool.tasks import index_info

    results.show(index_info.files(folder) if files else [index_info.about(folder)], format, one=not files)
