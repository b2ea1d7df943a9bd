"""A stream of records cut into windows, and the texts of a window packed into batches by their numbers of tokens.

A window bounds memory and delay: it is closed when it is full, or when nothing new has come for a while. Within it,
texts of like length are computed together, so that little is spent on padding; the results go back in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from nlptool.records.record import Record

FIRST_WINDOW = 64  # records; windows grow from here, so that a first answer comes soon
LARGEST_WINDOW = 4096  # records
LARGEST_TEXT = 2_000_000  # characters in a window


def windows(lists: Iterable[list[Record]], *, largest: int = LARGEST_WINDOW) -> Iterator[list[Record]]:
    """Regroup lists of records. An empty list closes the window under way, and is passed on."""
    window: list[Record] = []
    characters = 0
    limit = min(FIRST_WINDOW, largest)
    for records in lists:
        for record in records:
            window.append(record)
            characters += len(record.text)
            if len(window) >= limit or characters >= LARGEST_TEXT:
                yield window
                window, characters = [], 0
                limit = min(4 * limit, largest)
        if not records:
            if window:
                yield window
                window, characters = [], 0
            yield []
    if window:
        yield window
