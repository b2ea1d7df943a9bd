"""Replace words of each record by [MASK]."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from nlptool.errors import RecordError
from nlptool.models.runtime.one_by_one import GOOD_TEXT, OneByOne, each, loading
from nlptool.records.notes import notes
from nlptool.records.record import Record
from nlptool.records.workers import Workers, in_order

if TYPE_CHECKING:
    from nlptool.models.masked.cloze import ClozeSettings, Masked
    from nlptool.models.masked.loading import LocatedMaskedModel

NOTES = notes("n_unknown of a tokenizer", "rebuilt")


def mask(
    lists: Iterator[list[Record]], workers: Workers[Masked | RecordError], *, entry: Mapping[str, Any]
) -> Iterator[list[Record]]:
    """Give each record its text with masks, and what stood in their places.

    Args:
        entry: what every record's entry says.
    """

    def numbered_texts(records: list[Record]) -> Any:
        return [(record.line, record.text) for record in records if record.pending]

    for records, results in in_order(lists, workers, numbered_texts):
        for record, masked in zip([record for record in records if record.pending], results, strict=True):
            if isinstance(masked, RecordError):
                record.fail(masked)
                continue
            record.results = {"masked": orjson.dumps(masked.text), "labels": orjson.dumps(masked.hidden)}
            rebuilt = {} if masked.rebuilt is None else {"rebuilt": True, "rebuilt_text": masked.rebuilt}
            record.entry = {**entry, "n_hidden": len(masked.hidden), "n_unknown": masked.n_unknown, **rebuilt}
        yield records


def open_worker(
    located: LocatedMaskedModel, settings: ClozeSettings
) -> Callable[[Sequence[Any]], list[Masked | RecordError]]:
    """Make the function with which a worker masks the numbered texts of a window."""
    from nlptool.models.masked.cloze import ClozeMasker

    with loading(located.name):
        masker = ClozeMasker(located.tokenizer(), settings)
    return partial(each, OneByOne(masker, (0, GOOD_TEXT), name=located.name))


def as_text(record: Record) -> bytes:
    """Return the masked text in one line, an empty one for a record that failed."""
    text = orjson.loads(record.results.get("masked", b'""'))
    return re.sub(r"\r?\n|\r", " ", text).encode() + b"\n"
