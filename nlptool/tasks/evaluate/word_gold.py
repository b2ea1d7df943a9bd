"""Gold data for word vectors: files in sections, and the words that count."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from nlptool import catalog
from nlptool.records.gold import MARKS
from nlptool.records.pairs import taken
from nlptool.records.pipe import Pipe
from nlptool.records.record import InputFormat, Record
from nlptool.specs import WordVectorsSpec
from nlptool.text.scripts import main_script

if TYPE_CHECKING:
    from nlptool.models.words.evaluation import Vocabulary

Item = TypeVar("Item")

_SHOWN = 5  # unknown words


def with_default(spec: WordVectorsSpec, words: Sequence[str]) -> WordVectorsSpec:
    """Return a spec with the model that is the default for the words of the first item."""
    return replace(spec, model=catalog.default("words", main_script(" ".join(words))))


def open_vocabulary(pipe: Pipe, spec: WordVectorsSpec, restrict: int, case: str) -> Vocabulary:
    """The words that count, with their vectors."""
    from nlptool.models.words import evaluation as word_evaluation
    from nlptool.tasks.open_model import open_model

    return word_evaluation.Vocabulary(open_model(spec, pipe), restrict, fold=case == "fold")


def sections(pipe: Pipe, form: InputFormat, parse: Callable[[Record], Item]) -> dict[str, list[Item]]:
    """Parse the rows of the input, by sections (``: name`` begins one). Blank lines and comments (// or #) are skipped.

    Args:
        form: how tables are recognised.
        parse: returns the item of a row; raises RecordError.
    """
    items_of: dict[str, list[Item]] = {}
    section = ("", "")  # its name and its file

    def take(record: Record) -> None:
        nonlocal section
        line = record.text.strip()
        if record.source != section[1]:
            section = ("", record.source)
        if record.raw is None and line.startswith(MARKS):
            section = (line[1:].strip(), record.source) if line.startswith(":") else section
            return
        if form.field is not None:  # the field holds a line
            record.raw = None
        item = parse(record)
        items_of.setdefault(section[0], []).append(item)

    pipe.form = form
    pipe.consume(taken(pipe.read(), take))
    return items_of


def say_skipped(
    pipe: Pipe, vocabulary: Vocabulary, items: Sequence[tuple[str, ...]], n_skipped: int, what: str
) -> None:
    """Say how many of the ``items`` have an unknown word and which it is first; if all have, the run has failed."""
    if not n_skipped:
        return
    words = list(dict.fromkeys(word for item in items for word in item))
    unknown = [word for word, indices in zip(words, vocabulary.indices(words), strict=True) if not indices]
    message = f"{what} with a word that {vocabulary.vectors.name} does not know: {n_skipped:,} of {len(items):,}"
    message += f" ({', '.join(unknown[:_SHOWN])}{', ...' if len(unknown) > _SHOWN else ''})"
    if n_skipped == len(items):
        pipe.tally.fail_input(message, "nlptool models list --task words shows the models")
    else:
        pipe.note(message)
