"""Options of the commands that query word vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from nlptool.catalog import ENGLISH_WORDS, JAPANESE_WORDS
from nlptool.cli.options.types import Command, Decorator


def vocabulary(callback: Callable[..., Any]) -> Callable[..., Any]:
    """``-m``, ``--restrict`` and ``--case``: what ``open_vocabulary`` is asked."""
    for option in (
        click.option("--case", type=click.Choice(["fold", "exact"]), default="fold", show_default=True,
                     help="fold: capital and small letters are the same."),
        click.option("--restrict", default=300_000, show_default=True, metavar="N", type=click.IntRange(min=1),
                     help="Only the N most frequent words exist."),
        click.option("-m", "--model", default=ENGLISH_WORDS, show_default=True, metavar="MODEL",
                     help="Word vectors: a name of `nlptool models list --task words`, a folder, or a file."),
    ):  # fmt: skip
        callback = option(callback)
    return callback


def word_vectors(callback: Command) -> Command:
    """``-m`` of the commands that ask word vectors."""
    return click.option(
        "-m", "--model", metavar="MODEL", show_default=f"{JAPANESE_WORDS} for kana and kanji, else {ENGLISH_WORDS}",
        help="Word vectors: a name of `nlptool models list --task words`, a folder of `nlptool train`, or a file of word2vec, "
        "GloVe or fastText.",
    )(callback)  # fmt: skip


def answers(noun: str) -> Decorator:
    """``-k``, ``--include-query`` and ``--restrict`` of the commands that answer with the nearest words."""

    def decorate(callback: Command) -> Command:
        for option in (
            click.option("--restrict", metavar="N", type=click.IntRange(min=1),
                         help="Only the N most frequent words are answers."),
            click.option("--include-query", is_flag=True, help="The words of the query may be answers too."),
            click.option("-k", default=10, show_default=True, metavar="N", type=click.IntRange(1, 10_000), help=noun),
        ):  # fmt: skip
            callback = option(callback)
        return callback

    return decorate


def words_argument(metavar: str) -> Decorator:
    return click.argument("words", nargs=-1, metavar=metavar)
