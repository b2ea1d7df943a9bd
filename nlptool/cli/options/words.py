"""Options of the commands that query word vectors."""

from __future__ import annotations

import click

from nlptool.catalog import ENGLISH_WORDS, JAPANESE_WORDS
from nlptool.cli.help import shared_option
from nlptool.cli.options.computation import unicode_errors
from nlptool.cli.options.models import spec
from nlptool.cli.options.records import top_k
from nlptool.cli.options.types import Decorator, IntRange, all_of

_BY_SCRIPT = f"{JAPANESE_WORDS} for kana and kanji, else {ENGLISH_WORDS}"

vocabulary = all_of(
    shared_option("Model", "-m", "--model", metavar="MODEL", show_default=_BY_SCRIPT,
                  help="Word vectors: a name of `nlptool models list --task words`, a folder, or a file."),
    click.option("--restrict", default=300_000, show_default=True, metavar="N", type=IntRange(min=1),
                 help="Size of the vocabulary: only the N most frequent words."),
    click.option("--case", type=click.Choice(["fold", "exact"]), default="fold", show_default=True,
                 help="Letter case; fold: capital and small letters are the same."),
    unicode_errors,
    spec("WordVectorsSpec"),
)  # fmt: skip
"""The arguments of ``open_vocabulary``."""

word_vectors = all_of(
    shared_option("Model", "-m", "--model", metavar="MODEL", show_default=_BY_SCRIPT,
                  help="Word vectors: a name of `nlptool models list --task words`, a folder of `nlptool train`, or a file of "
                  "word2vec, GloVe or fastText."),
    unicode_errors,
    spec("WordVectorsSpec"),
)  # fmt: skip
"""``-m`` of the commands that query word vectors, and how a file is read; the callback gets a ``WordVectorsSpec``."""


def answers(noun: str) -> Decorator:
    """Add ``-k``, ``--include-query`` and ``--restrict`` of the commands that answer with the nearest words."""
    return all_of(
        top_k(10, help=noun),
        click.option("--include-query", is_flag=True, help="Words of the query may be answers too."),
        click.option("--restrict", metavar="N", type=IntRange(min=1), help="Search only the N most frequent words."),
    )


def words_argument(metavar: str) -> Decorator:
    return click.argument("words", nargs=-1, metavar=metavar)
