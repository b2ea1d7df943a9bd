"""Gold data for word vectors: files in sections, and the words that count."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

from nlptool.errors import RecordError
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.specs import WordVectorsSpec

if TYPE_CHECKING:
    from nlptool.models.words.evaluation import Vocabulary

Item = TypeVar("Item")


def open_vocabulary(pipe: Pipe, model: str, restrict: int, case: str) -> Vocabulary:
    """The words that count, with their vectors."""
    from nlptool.models.words import evaluation as word_evaluation
    from nlptool.tasks.open_model import open_model

    return word_evaluation.Vocabulary(open_model(WordVectorsSpec(model), pipe), restrict, fold=case == "fold")


def sections(pipe: Pipe, parse: Callable[[Record], Item | None]) -> dict[str, list[Item]]:
    """Parse the lines of the input, by sections (``: name`` begins one). Blank lines and comments (// or #) are skipped.

    Args:
        parse: returns the item of a line, or None for a header; raises RecordError.
    """
    items_of: dict[str, list[Item]] = {}

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
                    items_of.setdefault(name, []).extend([] if item is None else [item])
            yield records

    pipe.consume(parsed())
    return {name: items for name, items in items_of.items() if items}
