"""Options of the commands that compare vectors."""

from __future__ import annotations

import click

from nlptool.cli.options.types import Decorator, Number, parse_bytes

memory = click.option(
    "--memory", default="2G", show_default=True, metavar="SIZE", callback=parse_bytes,
    help="Memory for intermediate results: 500M, 2G.",
)  # fmt: skip


measure = click.option(
    "--measure", type=click.Choice(["cosine", "dot", "euclidean", "manhattan", "pearson"]),
    show_default="the model's own, cosine of most",
    help="Similarity measure; larger is more similar (euclidean, manhattan: the negative distance).",
)  # fmt: skip


def threshold(text: str) -> Decorator:
    return click.option("--threshold", metavar="T", type=Number(), help=text)
