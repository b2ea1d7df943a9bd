"""The lines of records with their pieces, for evaluations that join them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from nlptool.models.runtime.one_by_one import GOOD_TEXT
from nlptool.records.record import Record
from nlptool.tasks.each_record import EachRecord

if TYPE_CHECKING:
    from nlptool.models.masked.model import MaskedModel
    from nlptool.models.masked.tokenizer import TokenizedText


def tokenized_lines(
    lists: Iterable[list[Record]], model: MaskedModel
) -> Iterator[tuple[list[Record], list[tuple[str, TokenizedText]]]]:
    """Yield lists of records, and the lines of those that have not failed with their pieces. A line end in a JSON string ends a
    line too."""
    pieces: dict[int, list[TokenizedText]] = {}  # by the identity of the record

    def work(items: Sequence[tuple[Record, Sequence[str]]]) -> None:
        found = iter(model.texts.tokenize([line for _, lines in items for line in lines]))
        for record, lines in items:
            pieces[id(record)] = list(islice(found, len(lines)))

    tokenize_each = EachRecord(work, [GOOD_TEXT], model=model)
    for records in lists:
        pieces.clear()
        items = [(record, record.text.split("\n")) for record in records if record.pending]
        tokenize_each(items)
        yield (
            records,
            [pair for record, lines in items if record.pending for pair in zip(lines, pieces[id(record)], strict=True)],
        )
