"""The scores of predicted tags: of words, of entities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nlptool.errors import RunError
from nlptool.models.classifiers.counts import Counts
from nlptool.models.taggers.detection import Detected
from nlptool.models.taggers.errors import Differences, differences
from nlptool.models.taggers.metrics import EntityScores, TagScores
from nlptool.records.labels import shortened
from nlptool.records.pipe import Pipe
from nlptool.records.tagged_pairs import TaggedPairs
from nlptool.tasks.evaluate.compared_spans import compared, n_overlapping
from nlptool.tasks.evaluate.confusions import Confusions
from nlptool.tasks.evaluate.judgements import Judgement, per_class, rounded, seldom

NO_ENTITY = "(none)"
"""Stands in a confusion matrix where one side has no entity."""

_MOST_LISTED = 20  # confusions


@dataclass(frozen=True, slots=True)
class Rules:
    """How predictions are judged.

    Args:
        scheme: of the tags, one of ``schemes.SCHEMES`` or ``detection.PLAIN``; None: it is found out.
        strict: the entities alone count whose tags are those of the scheme.
        resamples: of the bootstrap; 0: no intervals.
    """

    scheme: str | None = None
    strict: bool = False
    resamples: int = 1000
    seed: int = 1


def of_tags(pipe: Pipe, file: TaggedPairs, rules: Rules) -> Judgement:
    """Judge a tag of each word."""
    pairs = [
        (ours.tags or (), theirs.tags or ())
        for ours, theirs in zip(file.gold, file.predicted, strict=True)
        if ours.forms == theirs.forms
    ]
    n_other = len(file.gold) - len(pairs)
    if n_other:
        what = f"{file.name}: sentences whose gold and predicted words differ, which are left out: {n_other:,}"
        pipe.note(f"{what} of {len(file.gold):,}")
    if not any(tags for tags, _ in pairs):
        raise RunError(f"{file.name}: there are no words whose tags can be compared")
    scores = TagScores([ours for ours, _ in pairs], [theirs for _, theirs in pairs])
    counts = scores.counts()
    _say_if_disjoint(pipe, file.name, "tag", counts)
    confused = Confusions(scores.labels, scores.gold, scores.predicted)
    record = {
        "used": len(pairs),
        "skipped": file.n_read - len(pairs),
        "words": len(scores.gold),
        "classes": len(scores.labels),
        **rounded(scores.scores(), scores.intervals(resamples=rules.resamples, seed=rules.seed)),
        **seldom(pipe, file.name, scores.labels, counts),
        "per_class": per_class(scores.labels, counts),
        **confused.fields(),
    }
    return Judgement(record, confused)


def of_entities(
    pipe: Pipe, file: TaggedPairs, rules: Rules, detected: tuple[Detected | None, Detected | None]
) -> Judgement:
    """Judge entities."""
    names = [each.scheme for each in detected if each is not None and each.scheme]
    scheme = rules.scheme or next(iter(names), None)
    for each, what in zip(detected, ("gold", "predicted"), strict=True):
        _say(pipe, f"{file.name}: {what} tags", each, rules)
    try:
        gold, predicted = compared(file.gold, file.predicted, scheme if rules.strict else None)
    except ValueError as error:
        raise RunError(
            f"{file.name}: {error}", hint="--scheme says what the tags are; without --strict any can be read"
        ) from error
    for side, what in ((gold, "gold"), (predicted, "predicted")):
        if n_times := sum(map(n_overlapping, side)):
            pipe.note(f"{file.name}: {what} spans that overlap others, each of which counts: {n_times:,}")
    scores = EntityScores(gold, predicted)
    counts = scores.counts()
    found = differences(gold, predicted)
    if not counts.gold.any():
        pipe.note(f"{file.name}: there are no gold entities, so that all scores are 0")
    else:
        _say_if_disjoint(pipe, file.name, "label", counts)
    record: dict[str, Any] = {
        "scheme": scheme,
        "strict": rules.strict,
        "classes": len(scores.labels),
        "entities": int(counts.gold.sum()),
        "predicted_entities": int(counts.predicted.sum()),
        **rounded(scores.scores(), scores.intervals(resamples=rules.resamples, seed=rules.seed)),
        **_accuracy(file, rules),
        **seldom(pipe, file.name, scores.labels, counts),
        "per_class": per_class(scores.labels, counts),
        "errors": {
            side: {
                ("missed" if side == "gold" else "invented") if kind == "alone" else kind: n
                for kind, n in kinds.items()
            }
            for side, kinds in (("gold", found.gold), ("predicted", found.predicted))
        },
    }
    confused = _confused(scores.labels, found)
    fields: dict[str, Any] = confused.fields() if confused else {"confusion": None}
    fields["confusions"] = _of_labels(found, confused)
    return Judgement(record | fields, confused)


def _say(pipe: Pipe, what: str, found: Detected | None, rules: Rules) -> None:
    """Say how far tags keep to their scheme."""
    if found is None or not found.scheme:
        return
    if found.n_inside:
        effect = "they begin none with --strict" if rules.strict else "they are taken so, as conlleval does"
        pipe.note(
            f"{what} that begin with I- and begin an entity, which {found.scheme} does not allow: {found.n_inside:,}; {effect}"
        )
    if n_others := found.n_violations - found.n_inside:
        pipe.note(f"{what} that {found.scheme} does not allow where they stand: {n_others:,} of {found.n_tags:,}")
    if found.without_prefix and found.n_prefixed:
        some = ", ".join(f"`{shortened(tag)}`" for tag, _ in found.without_prefix[:3])
        n_times = sum(n for _, n in found.without_prefix)
        pipe.note(f"{what} without a prefix, which are taken for labels of entities: {n_times:,}: {some}")


def _say_if_disjoint(pipe: Pipe, name: str, what: str, counts: Counts) -> None:
    """Say that the two sides have no label in common: they may be other columns than those that are meant."""
    if counts.predicted.any() and not ((counts.gold > 0) & (counts.predicted > 0)).any():
        pipe.note(
            f"{name}: no predicted {what} is one of the gold ones: --column and --predicted-column name the columns"
        )


def _accuracy(file: TaggedPairs, rules: Rules) -> dict[str, Any]:
    """Return the accuracy of the tags, if both sides have tags of the same words."""
    pairs = [(ours.tags, theirs.tags) for ours, theirs in zip(file.gold, file.predicted, strict=True)]
    sides = [[tags or () for tags in side] for side in zip(*pairs, strict=True)]
    are_tagged = all(ours is not None and theirs is not None for ours, theirs in pairs)
    has_same_words = all(ours.forms == theirs.forms for ours, theirs in zip(file.gold, file.predicted, strict=True))
    if not (are_tagged and has_same_words and any(sides[0])):
        return {}
    scores = TagScores(*sides)
    intervals = scores.intervals(resamples=rules.resamples, seed=rules.seed)
    return rounded({"accuracy": scores.scores()["accuracy"]}, intervals)


def _confused(labels: Sequence[str], found: Differences) -> Confusions | None:
    """Return which labels are taken for which, of entities with the same borders; what has no counterpart is ``NO_ENTITY``."""
    if not found.aligned:
        return None
    names = (*labels, NO_ENTITY)
    places: dict[str | None, int] = {label: place for place, label in enumerate(labels)}
    places[None] = len(labels)
    gold, predicted = (np.array([places[label] for label in side]) for side in zip(*found.aligned, strict=True))
    return Confusions(names, gold, predicted)


def _of_labels(found: Differences, confused: Confusions | None) -> list[dict[str, Any]]:
    """Return the most frequent confusions of a label with another."""
    if confused is None:
        return []
    every = confused.largest(len(found.aligned))
    return [each for each in every if NO_ENTITY not in (each["gold"], each["predicted"])][:_MOST_LISTED]
