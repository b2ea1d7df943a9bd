"""Labelled spans of a text or of its words: overlaps, and the way from characters to words and back."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

Place = tuple[int, int]
"""The start and the end of a word in characters: ``text[start:end]``."""


class Span(NamedTuple):
    """A labelled span, of characters or of words: those from ``start`` up to, but not including, ``end``."""

    start: int
    end: int
    label: str


def without_overlaps(spans: Iterable[Span]) -> list[Span]:
    """Return spans, in order, that do not overlap: of two that do, the longer one is kept, of equally long ones the first.

    Of nested entities the outermost remain.
    """
    kept: list[Span] = []  # sorted, and so are their ends
    for span in sorted(set(spans), key=lambda span: (span.start - span.end, span)):
        place = bisect_left(kept, span)
        before, after = kept[place - 1 : place], kept[place : place + 1]
        if not (before and before[0].end > span.start) and not (after and after[0].start < span.end):
            kept.insert(place, span)
    return kept


def in_characters(spans: Iterable[Span], words: Sequence[Place]) -> list[Span]:
    """Return spans of words as spans of characters.

    Args:
        words: the place of each word in the text.
    """
    return [Span(words[start][0], words[end - 1][1], label) for start, end, label in spans]


def in_words(spans: Iterable[Span], words: Sequence[Place]) -> tuple[list[Span], int]:
    """Return spans of characters as spans of words, and how many of them cut a word in two; these are widened to whole words.

    A span that has no word, of blanks alone say, is left out. Two spans that share a word overlap then.

    Args:
        words: the place of each word in the text, in order, none of which overlap.
    """
    starts, ends = [start for start, _ in words], [end for _, end in words]
    found: list[Span] = []
    n_cut = 0
    for start, end, label in spans:
        first, last = bisect_right(ends, start), bisect_left(starts, end)
        if first < last:
            n_cut += starts[first] < start or ends[last - 1] > end
            found.append(Span(first, last, label))
    return found, n_cut
