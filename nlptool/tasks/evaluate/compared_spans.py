"""Entities of two annotations of the same sentences as spans that can be compared, whatever words either of them has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nlptool.models.taggers.schemes import spans_of
from nlptool.records.tagged_sentence import Sentence
from nlptool.text.spans import Span, in_characters, without_overlaps

_Side = list[list[Span]]


def compared(gold: Iterable[Sentence], predicted: Iterable[Sentence], scheme: str | None = None) -> tuple[_Side, _Side]:
    """Return the entities of each sentence on both sides: spans of words, or of characters.

    Words are counted where both sides have tags of the same words, and else characters. White space that one side alone has does
    not count: words may have been joined by blanks, or otherwise.

    Args:
        scheme: in which tags are read strictly; None: leniently.

    Raises:
        ValueError: a tag is none of the scheme.
    """
    sides: tuple[_Side, _Side] = ([], [])
    for pair in zip(gold, predicted, strict=True):
        first, second = pair
        are_tagged = first.tags is not None and second.tags is not None and first.forms == second.forms
        if are_tagged:
            for side, sentence in zip(sides, pair, strict=True):
                side.append(spans_of(sentence.tags or (), scheme))
            continue
        counted = _counted(first.text, second.text) if first.text != second.text else (None, None)
        for side, sentence, before in zip(sides, pair, counted, strict=True):
            spans = characters(sentence, scheme)
            side.append(
                spans if before is None else [Span(before[start], before[end], label) for start, end, label in spans]
            )
    return sides


def characters(sentence: Sentence, scheme: str | None = None) -> list[Span]:
    """Return the entities of a sentence as spans of characters."""
    if sentence.tags is None:
        return list(sentence.spans or ())
    return in_characters(spans_of(sentence.tags, scheme), sentence.words)


def n_overlapping(spans: Sequence[Span]) -> int:
    """Return how many spans would have to go for the others not to overlap."""
    return len(set(spans)) - len(without_overlaps(spans))


def _counted(first: str, second: str) -> tuple[list[int], list[int]]:
    """Return, of each place in two texts, how many characters that both have stand before it.

    Args:
        first, second: the same but for white space.
    """
    before: tuple[list[int], list[int]] = ([], [])
    n_common = 0
    while len(before[0]) < len(first) or len(before[1]) < len(second):
        here = [text[len(counts) : len(counts) + 1] for text, counts in zip((first, second), before, strict=True)]
        is_common = here[0] == here[1]
        skips_first = not is_common and (here[0].isspace() or not here[1])
        if is_common or skips_first:
            before[0].append(n_common)
        if is_common or not skips_first:
            before[1].append(n_common)
        n_common += is_common
    for counts in before:
        counts.append(n_common)
    return before
