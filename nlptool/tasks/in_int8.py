"""What a network in 8-bit integers does otherwise than in float32: said of the first records, before all of them are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain

from nlptool.records.pipe import Pipe
from nlptool.records.record import Record


def compared(
    lists: Iterator[list[Record]], most: int, difference: Callable[[list[Record]], str], pipe: Pipe
) -> Iterator[list[Record]]:
    """Pass windows of records on, and say of the first texts how the results in 8 bits differ from those in float32.

    Args:
        most: records with a text that are compared; fewer if the first window with some has fewer.
        difference: returns the sentence for some records; "" if there is nothing to say.
    """
    for records in lists:
        sample = [record for record in records if record.pending and record.text.strip()][:most]
        if sample:
            if said := difference(sample):
                pipe.note(f"int8 against float32, {said}")
            yield from chain([records], lists)
            return
        yield records
