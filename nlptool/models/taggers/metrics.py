"""Metrics of entities and of tags, sentence by sentence, with bootstrap intervals over sentences.

An entity is found if its borders and its label are right, as in the shared task of CoNLL-2003 (E. Tjong Kim Sang and F. De
Meulder, 2003). Precision, recall and F1 are those of seqeval: a quotient without a denominator is 0, and macro scores are the
means over the labels that are gold or predicted.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nlptool.geometry.correlation import Interval
from nlptool.geometry.resampling import bootstrap
from nlptool.models.classifiers.counts import Array, Counts, Decisions
from nlptool.text.spans import Span

Sentences = Sequence[Sequence[Span]]
"""The entities of each sentence, spans of words or of characters."""


class EntityScores:
    """Entities and those that were predicted, counted so that sentences can be drawn anew.

    Equal spans of a sentence count once, on each side.

    Args:
        gold: of S sentences.
        predicted: likewise.

    Attributes:
        labels: the K labels that occur, in order.

    Raises:
        ValueError: the numbers of sentences differ.
    """

    def __init__(self, gold: Sentences, predicted: Sentences) -> None:
        self.labels = tuple(sorted({span.label for side in (gold, predicted) for spans in side for span in spans}))
        self.n_sentences = len(gold)
        places = {label: place for place, label in enumerate(self.labels)}
        pairs = [(set(ours), set(theirs)) for ours, theirs in zip(gold, predicted, strict=True)]
        self._right, self._gold, self._predicted = (
            _located([side(*pair) for pair in pairs], places)
            for side in (set.intersection, lambda ours, _: ours, lambda _, theirs: theirs)
        )

    def counts(self, weights: Array | None = None) -> Counts:
        """Count the right, the gold and the predicted entities of each label, (K,); sentence i counts ``weights[i]`` times."""
        if weights is None:
            weights = np.ones(self.n_sentences)
        sides = (self._right, self._gold, self._predicted)
        return Counts(*(np.bincount(labels, weights[rows], len(self.labels)) for rows, labels in sides))

    def scores(self, weights: Array | None = None) -> dict[str, float]:
        """Return precision, recall and f1 of all entities, and macro_precision, macro_recall and macro_f1; 0 to 1, higher is
        better."""
        counts = self.counts(weights)
        return {
            "precision": counts.micro_precision, "recall": counts.micro_recall, "f1": counts.micro_f1,
            "macro_precision": counts.macro_precision, "macro_recall": counts.macro_recall, "macro_f1": counts.macro_f1,
        }  # fmt: skip

    def intervals(self, *, resamples: int = 1000, seed: int = 0) -> dict[str, Interval]:
        """Return the 95 % bootstrap intervals of ``scores``; {} for 0 resamples."""
        return bootstrap(self.scores, self.n_sentences, resamples=resamples, seed=seed)


class TagScores:
    """Tags of words and those that were predicted.

    Args:
        gold: the tags of each of S sentences.
        predicted: likewise.

    Attributes:
        labels: the K tags that occur, in order.
        gold: places in ``labels`` of all N words, (N,).
        predicted: likewise.

    Raises:
        ValueError: the numbers of sentences or of words differ, or there are no words.
    """

    def __init__(self, gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> None:
        lengths = [len(tags) for tags in gold]
        if lengths != [len(tags) for tags in predicted] or not sum(lengths):
            raise ValueError("gold and predicted tags are not of the same words")
        sides = [[tag for tags in side for tag in tags] for side in (gold, predicted)]
        self.labels = tuple(sorted({tag for side in sides for tag in side}))
        places = {label: place for place, label in enumerate(self.labels)}
        self.gold, self.predicted = (np.array([places[tag] for tag in side]) for side in sides)
        self.n_sentences = len(lengths)
        self._sentences = np.repeat(np.arange(len(lengths)), lengths)  # (N,)
        self._decisions = Decisions(self.gold, self.predicted, len(self.labels))

    def counts(self, weights: Array | None = None) -> Counts:
        """Count the right, the gold and the predicted words of each tag, (K,); sentence i counts ``weights[i]`` times."""
        if weights is None:
            weights = np.ones(self.n_sentences)
        return self._decisions.counts(weights[self._sentences])

    def scores(self, weights: Array | None = None) -> dict[str, float]:
        """Return accuracy, the share of words whose tag is right, and macro_f1; 0 to 1, higher is better."""
        counts = self.counts(weights)
        return {"accuracy": counts.micro_recall, "macro_f1": counts.macro_f1}

    def intervals(self, *, resamples: int = 1000, seed: int = 0) -> dict[str, Interval]:
        """Return the 95 % bootstrap intervals of ``scores``; {} for 0 resamples."""
        return bootstrap(self.scores, self.n_sentences, resamples=resamples, seed=seed)


def _located(sentences: Sequence[set[Span]], places: dict[str, int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the sentence and the label of each entity, two arrays (N,)."""
    found = [(number, places[span.label]) for number, spans in enumerate(sentences) for span in spans]
    array = np.array(found, np.int64).reshape(-1, 2)
    return array[:, 0], array[:, 1]
