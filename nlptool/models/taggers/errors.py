"""How predicted entities differ from the gold ones: the label, the borders, both, or one of the two is not there."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from nlptool.text.spans import Span

KINDS = ("right", "label", "borders", "both", "alone")
"""What an entity is: right; with other borders, another label, or both, than one that it overlaps; or without such a one."""


@dataclass(slots=True)
class Differences:
    """The entities of all sentences by how they differ.

    Attributes:
        gold: how many gold entities are of each kind; one that is alone is missed.
        predicted: how many predicted ones; one that is alone is invented.
        aligned: of each entity the gold label and the predicted one, for those with the same borders; None for the one that is
            missing there.
    """

    gold: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    predicted: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    aligned: list[tuple[str | None, str | None]] = field(default_factory=list)


def differences(gold: Iterable[Sequence[Span]], predicted: Iterable[Sequence[Span]]) -> Differences:
    """Return how the predicted entities of sentences differ from the gold ones.

    Each entity is of the first kind that fits. Those that are right explain no others.

    Args:
        gold: the entities of each sentence, spans of words or of characters.
        predicted: likewise.

    Raises:
        ValueError: the numbers of sentences differ.
    """
    found = Differences()
    for ours, theirs in zip(gold, predicted, strict=True):
        right = {*ours} & {*theirs}
        found.gold["right"] += len(right)
        found.predicted["right"] += len(right)
        found.aligned += [(span.label, span.label) for span in right]
        missed, wrong = sorted({*ours} - right), sorted({*theirs} - right)
        _count(missed, wrong, found.gold)
        _count(wrong, missed, found.predicted)
        found.aligned += _aligned(missed, wrong)
    return found


def _count(spans: Sequence[Span], others: Sequence[Span], counts: dict[str, int]) -> None:
    """Count ``spans`` by what is most like each among ``others``; both are sorted."""
    longest = max((other.end - other.start for other in others), default=0)
    for span in spans:
        first = bisect_left(others, (span.start - longest,))
        last = bisect_left(others, (span.end,))
        near = [other for other in others[first:last] if other.end > span.start]
        if any((other.start, other.end) == (span.start, span.end) for other in near):
            counts["label"] += 1
        elif any(other.label == span.label for other in near):
            counts["borders"] += 1
        else:
            counts["both" if near else "alone"] += 1


def _aligned(missed: Sequence[Span], wrong: Sequence[Span]) -> list[tuple[str | None, str | None]]:
    """Return the labels of entities with the same borders, each of which is used once, and of those without a counterpart."""
    waiting: dict[tuple[int, int], list[str]] = {}
    for start, end, label in wrong:
        waiting.setdefault((start, end), []).append(label)
    pairs: list[tuple[str | None, str | None]] = []
    for start, end, label in missed:
        there = waiting.get((start, end))
        pairs.append((label, there.pop(0) if there else None))
    return pairs + [(None, label) for labels in waiting.values() for label in labels]
