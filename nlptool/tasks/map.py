"""Project the embeddings of records onto a plane."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import orjson

from nlptool.records.record import Record

if TYPE_CHECKING:
    from nlptool.geometry.projection import Projection
    from nlptool.tasks.embedded_records import EmbeddedRecords, NpyRows

_AT_ONCE = 4096  # records that are written together
MANY = 20_000  # items, from which on t-SNE takes minutes


def map_(
    items: EmbeddedRecords | NpyRows, found: Projection, entry: dict[str, Any], *, start: int = 0
) -> Iterator[list[Record]]:
    """Give each item its place."""
    for first in range(start, len(items), _AT_ONCE):
        records = []
        for index in range(first, min(first + _AT_ONCE, len(items))):
            record = items.record(index)
            x, y = (orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY) for value in found.points[index])
            record.results = {"x": x, "y": y}
            record.entry = {**entry, **record.entry}
            records.append(record)
        yield records
