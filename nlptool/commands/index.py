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
@click.option("--resume", is_flag=True, help="Continue from FOLDER.part of an interrupted run.")
@options.encoder()
def build(pipe: Pipe, output: str | None, resume: bool, spec: EncoderSpec) -> None:
    """Embed a corpus and save the vectors, the texts and the identity of the model in a folder.

    The folder holds float32 vectors and the texts (and ids, with --id-field). It is memory-mapped, so that a search in a
    million texts starts at once. A model with prompts gets its prompt for documents. An empty line is left out and counted.
    Ctrl-C keeps FOLDER.part, from which --resume continues.

    \b
    nlptool index build -o corpus.index corpus.txt.xz
    nlptool index build -m multilingual-e5-small --id-field id -o docs.index docs.jsonl
    nlptool index build -m my-model -o vectors.index vectors.npy     existing vectors, without texts
    """
    from nlptool.tasks import index

    if output is None:
        raise click.UsageError("-o FOLDER is missing: the output folder of the index")
    index.build(pipe, Path(output), spec, resume=resume)


@command.command()
@click.argument("folder", metavar="FOLDER")
@options.table_choice()
@options.debug
def info(folder: str, format: str | None) -> None:
    """Describe an index: its model, number of items and dimensions.

    \b
    nlptool index info corpus.index
    nlptool index info corpus.index -f jsonl | jq .n_items
    """
    from nlptool.geometry.index import Index

    index = Index(Path(folder))
    about = {
        name: value for name, value in index.about.items() if name not in ("files", "sha256") and value is not None
    }
    size = sum(path.stat().st_size for path in Path(folder).iterdir() if path.is_file())
    results.show([{"name": folder, **about, "bytes": size}], format, one=True)
