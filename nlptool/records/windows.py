"""A stream of records in windows, which bound memory and delay.

A window is closed when it is full, or when nothing new has come for a while. A model packs the texts of a window into
batches of similar length, to spend little on padding, and returns the results in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from nlptool.records.record import Record

FIRST_WINDOW = 64  # records; windows grow from here, so that a first answer comes soon
LARGEST_WINDOW = 4096  # records
LARGEST_TEXT = 2_000_000  # characters in a window

_LARGE_LIST = 20_000  # characters
_LARGEST_JOINED = 350_000  # characters


def windows(lists: Iterable[list[Record]], *, largest: int = LARGEST_WINDOW) -> Iterator[list[Record]]:
    """Regroup lists of records into windows. An empty list closes the current window, and is passed on.

    How large a window becomes depends on the number of its first record in the input: a run that goes on where another one has
    stopped makes the windows that the other would have made, and so the same batches.
    """
    window: list[Record] = []
    characters = limit = 0
    for records in lists:
        for record in records:
            if not window:
                limit = min(FIRST_WINDOW + 3 * max(0, record.number), largest)  # 64, 256, 1024, ...
            window.append(record)
            characters += len(record.text)
            if len(window) >= limit or characters >= LARGEST_TEXT:
                yield window
                window, characters = [], 0
        if not records:
            if window:
                yield window
                window, characters = [], 0
            yield []
    if window:
        yield window


def joined(lists: Iterable[list[Record]]) -> Iterator[list[Record]]:
    """Join large lists to larger ones, for work that costs something for each list. A small list, of an input that comes slowly
    or has ended, is passed on at once."""
    held: list[Record] = []
    n_held = 0  # characters
    for records in lists:
        n_characters = sum(len(record.text) for record in records)
        if n_characters >= _LARGE_LIST:
            held += records
            n_held += n_characters
            if n_held < _LARGEST_JOINED:
                continue
            records = []
        if held:
            yield held
            held, n_held = [], 0
        if records or not n_characters:
            yield records
    if held:
        yield held
