"""``nlptool shards merge``: add up what the shards of a command have counted."""

from __future__ import annotations

from contextlib import closing, nullcontext
from pathlib import Path

import click

from nlptool.cli import options
from nlptool.cli.help import Command, shared_option
from nlptool.errors import RunError
from nlptool.storage import folder_files, folder_holds, store_requests


@click.command(cls=Command)
@click.argument("folder", metavar="DIR", type=click.Path(readable=False))
@options.table_choice(by_ending=True)
@shared_option("Output", "-o", "--output", metavar="FILE", type=click.Path(readable=False),
               help="Output file, replaced as a whole at the end (until then FILE.part); its ending (.csv, .tsv) "
               "chooses the format unless -f does.")  # fmt: skip
@options.quiet
@options.debug
def command(folder: str, format: str | None, output: str | None, quiet: bool) -> None:
    """Add up what nlptool shards run has counted, and write what one process would have written.

    \b
    nlptool shards run corpus/ --output counts/ -- ngrams -n 1-3 --min-count 5 -f csv
    nlptool shards merge counts/ -o ngrams.csv
    nlptool shards run s3://bucket/texts --output s3://bucket/counts -- collocations --window 5
    nlptool shards merge s3://bucket/counts -f table

    DIR, a folder or a URL that fsspec knows, holds the shards of ngrams, collocations or tokenize --count. What is written is,
    byte for byte, what that command line writes over the same files in one process: -f, --min-count, -k, --measure, --threshold,
    --plot and --zipf are those of the last shards run. -f here chooses another format.

    The sums of all shards are read once, side by side; the words are in memory, and the n-grams or pairs that are not left out.
    Files of a URL are copied to the temporary folder first. A DIR that is not complete is refused, with what is missing: exit
    code 1. The exit code is 3 if a record failed when the shards were counted, and 1 if an INPUT could not be read.
    """
    from nlptool.cli.shards.finishing import finish
    from nlptool.storage.shard_folder import NAME as MANIFEST
    from nlptool.tasks.shards.merge import sums_in

    is_here = not store_requests.is_remote(folder)
    if is_here and not Path(folder).is_dir():
        raise RunError(f"{folder}: no such folder", hint="nlptool shards run INPUT --output DIR -- ngrams makes one")
    chosen = {"format": format, "output": output, "quiet": quiet or None, "progress": "never"}
    with folder_holds.locked(folder) if is_here else nullcontext(), closing(folder_files.folder(folder)) as opened:
        try:
            words, run, unread = sums_in(opened)
        except OSError as error:
            raise RunError(f"cannot read {folder}: {error.strerror or error}") from error
        if output is not None and Path(output).resolve() in {
            Path(file).resolve() for file in (*run.files, f"{folder}/{MANIFEST}")
        }:
            raise click.UsageError(f"-o {output} is one of the files that are read: choose another")
        for file in unread:
            click.echo(f"nlptool shards: {file} could not be read, and is not counted", err=True)
        finish(words, run, {name: value for name, value in chosen.items() if value is not None})
