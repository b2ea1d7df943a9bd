"""``nlptool shards``: run a command over many files."""

from __future__ import annotations

import click

from nlptool.cli.groups import LazyGroup

KINDS = {
    "run": "Run a command over many files, in several processes.",
    "merge": "Add up what the shards of a command have counted.",
}


@click.group(cls=LazyGroup, table=KINDS, module="nlptool.commands.shards.{}")
def command() -> None:
    """Run a command over many files, in several processes, one output file a shard.

    \b
    nlptool shards run corpus/ --output vectors/ -- embed -m static-ja-en
    cat vectors/shard-*.jsonl | nlptool map --plot map.png
    nlptool shards run corpus/ --output counts/ -- ngrams -n 1-3
    nlptool shards merge counts/ -o ngrams.tsv
    """
