"""Gold data for word vectors: files in sections, and the words that count."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import click

from nlptool.catalogue import ENGLISH_WORDS
from nlptool.errors import RecordError
from nlptool.pipe import Pipe
from nlptool.records import Record

if TYPE_CHECKING:
    from nlptool.models.word_evaluation import Vocabulary

Item = TypeVar("Item")


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


def open_vocabulary(pipe: Pipe, model: str, restrict: int, case: str) -> Vocabulary:
    """The words that count, with their vectors."""
    from nlptool.models import word_evaluation, word_models

    return word_evaluation.Vocabulary(word_models.open_vectors(model, note=pipe.note), restrict, fold=case == "fold")


def sections(pipe: Pipe, parse: Callable[[Record], Item | None]) -> dict[str, list[Item]]:
    """What ``parse`` makes of the lines of the input, by sections. Blank lines and comments (// or #) are passed over."""
    found: dict[str, list[Item]] = {}

    def parsed() -> Iterator[list[Record]]:
        name = ""
        for records in pipe.read():
            for record in records:
                line = record.text.strip()
                if not record.pending or not line or line.startswith(("//", "#")):
                    continue
                if line.startswith(":"):
                    name = line[1:].strip()
                    continue
                try:
                    item = parse(record)
                except RecordError as error:
                    record.fail(error)
                else:
                    found.setdefault(name, []).extend([] if item is None else [item])
            yield records

    pipe.consume(parsed())
    return {name: items for name, items in found.items() if items}
