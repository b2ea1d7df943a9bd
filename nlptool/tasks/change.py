"""Words that have changed their meaning from one model of word vectors to another (``geometry.procrustes``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import RecordError, RunError
from nlptool.geometry import procrustes
from nlptool.geometry.projection import Projection, project
from nlptool.geometry.rounding import as_json
from nlptool.models.words.lookup import WordLookup
from nlptool.models.words.vectors import WordVectors
from nlptool.records.formats.columns import Columns
from nlptool.specs import WordVectorsSpec
from nlptool.tasks.open_model import open_model

_BLOCK = 8192  # words
_SAME = 1 - 1e-5  # cosines above it are 1 but for rounding

NAMES = ("word", "cosine", "count_before", "count_after", "neighbors_before", "neighbors_after")


@dataclass(frozen=True, slots=True)
class Choice:
    """Which words are ranked.

    Attributes:
        most: number of words.
        least: those that changed least, not most.
        top_words: words must be among so many of the most frequent shared ones; neighbours among so many of their model.
        min_count: occurrences in both corpora.
        n_neighbors: neighbours of each word.
    """

    most: int = 20
    least: bool = False
    top_words: int = 10_000
    min_count: int = 1
    n_neighbors: int = 5


@dataclass(frozen=True, slots=True)
class Moved:
    """Words between their neighbours, in the plane.

    Attributes:
        texts: labels of the points.
        words: of each point the word that it is, before or after; "" for a neighbour.
    """

    projection: Projection
    texts: list[str]
    words: list[str]


class Change:
    """Two models, the first rotated onto the second by the words that both have.

    Args:
        anchors: the rotation is found with so many of the most frequent words that both have; None: with all.
        centered: the mean of the unit vectors of these words is taken from each vector first, in each model.

    Attributes:
        before, after: the models.
        words: that both have, by the rarer of their two ranks, the most frequent first.
        cosines: cosines[i] of words[i] before, rotated, with itself after, (N,).
        n_anchors: words with which the rotation was found.
        n_zero: words that both have, left out for a vector without a direction.

    Raises:
        RunError: the dimensions differ, or the models share no word.
    """

    def __init__(
        self, before: WordVectors, after: WordVectors, *, anchors: int | None = None, centered: bool = False
    ) -> None:
        self.before, self.after = before, after
        if before.dimension != after.dimension:
            raise RunError(
                f"{before.name} has {before.dimension} dimensions and {after.name} {after.dimension}: a rotation needs the same "
                "number",
                hint="train both with the same --dimension; `nlptool compare` compares vectors of different dimensions",
            )
        places = {word: index for index, word in enumerate(before.words)}
        shared = [(places[word], index) for index, word in enumerate(after.words) if word in places]
        if not shared:
            raise RunError(f"{before.name} and {after.name} have no word in common")
        pairs = np.asarray(shared, np.int64)
        has_direction = (before.norms[pairs[:, 0]] > 0) & (after.norms[pairs[:, 1]] > 0)
        self.n_zero = int((~has_direction).sum())
        pairs = pairs[has_direction]
        self._pairs = pairs[np.lexsort((pairs.sum(axis=1), pairs.max(axis=1)))]  # by the rarer rank, then by both
        self.words = [after.word(index) for index in self._pairs[:, 1].tolist()]
        self.n_anchors = min(anchors or len(self.words), len(self.words))
        if not self.n_anchors:
            raise RunError(f"no word that {before.name} and {after.name} share has a vector with a direction in both")
        self._means = (
            procrustes.means(self._units(self.n_anchors), before.dimension) if centered else (np.zeros(1), np.zeros(1))
        )
        self.rotation = procrustes.rotation(self._blocks(self.n_anchors), before.dimension)
        self.cosines = procrustes.cosines(self._blocks(len(self.words)), self.rotation)
        self._places = {word: place for place, word in enumerate(self.words)}

    def _units(self, n_words: int) -> Iterator[procrustes.Pair]:
        for first in range(0, n_words, _BLOCK):
            block = self._pairs[first : min(first + _BLOCK, n_words)]
            yield self.before.unit(block[:, 0]), self.after.unit(block[:, 1])

    def _blocks(self, n_words: int) -> Iterator[procrustes.Pair]:
        """Yield the unit vectors of the first words, from which the means are taken, if they are."""
        for first, second in self._units(n_words):
            yield self._centered(first, 0), self._centered(second, 1)

    def _centered(self, vectors: NDArray[Any], side: int) -> NDArray[Any]:
        return procrustes.centered(vectors, self._means[side]) if self._means[side].any() else vectors

    @property
    def are_same(self) -> bool:
        """Whether no word has moved: the one model is the other, or a rotation of it."""
        return bool((self.cosines > _SAME).all())

    def messages(self) -> list[str]:
        """Return what is to be said of the alignment."""
        said = []
        if self.n_zero:
            said.append(f"shared words whose vector has no direction, and were left out: {self.n_zero:,}")
        if self.n_anchors <= self.before.dimension:
            others = ", those of others too low" if self.n_anchors < len(self.words) else ""
            said.append(
                f"{self.n_anchors:,} shared words do not determine a rotation in {self.before.dimension} dimensions: they fit "
                f"better than they should, and their cosines are too high{others}"
            )
        elif self.are_same:
            said.append(
                "no word has changed: the vectors are the same, or those of B are a rotation of A's; all cosines are 1"
            )
        return said

    def ranked(self, choice: Choice) -> list[int]:
        """Return the places of the words that changed most, or least.

        Raises:
            RunError: ``min_count`` is more than 1, and a model does not know how often its words occur.
        """
        places = np.arange(min(choice.top_words, len(self.words)))
        if choice.min_count > 1:
            for side, vectors in enumerate((self.before, self.after)):
                if vectors.counts is None:
                    raise RunError(
                        f"--min-count: {vectors.name} does not know how often its words occur",
                        hint="--top-words N chooses by rank",
                    )
                places = places[vectors.counts[self._pairs[places, side]] >= choice.min_count]
        rounded = np.round(self.cosines[places], 6)  # of words that are alike the more frequent one comes first
        order = np.argsort(-rounded if choice.least else rounded, kind="stable")
        found: list[int] = places[order][: choice.most].tolist()
        return found

    def find(self, words: Sequence[str]) -> tuple[list[int], list[str]]:
        """Return the places of words, and what is to be said of those that a model lacks."""
        found: list[int] = []
        missing: dict[str, None] = {}
        for word in dict.fromkeys(words):
            place = self._places.get(word)
            if place is not None:
                found.append(place)
            else:
                missing |= {
                    message: None for vectors in (self.before, self.after) if (message := _lacking(vectors, word))
                }
        return found, list(missing)

    def columns(self, places: Sequence[int], choice: Choice, *, as_text: bool = False) -> Columns:
        """Return the columns ``NAMES`` of words.

        Args:
            as_text: neighbours are words with blanks between them, not lists of {word, similarity}.
        """
        columns: dict[str, Sequence[Any]] = {"word": [self.words[place] for place in places]}
        columns["cosine"] = as_json(self.cosines[list(places)])
        for side, (when, vectors) in enumerate((("before", self.before), ("after", self.after))):
            indices = self._pairs[list(places), side]
            columns[f"count_{when}"] = (
                [None] * len(places) if vectors.counts is None else vectors.counts[indices].tolist()
            )
            neighbors = _neighbors(vectors, indices, choice)
            columns[f"neighbors_{when}"] = [
                " ".join(vectors.word(index) for index, _ in nearest)
                if as_text
                else [{"word": vectors.word(index), "similarity": similarity} for index, similarity in nearest]
                for nearest in neighbors
            ]
        return columns

    def moved(self, places: Sequence[int], choice: Choice) -> Moved:
        """Return words before and after between their neighbours of both times, in the plane, as figure 1 of Hamilton et al.

        The neighbours stand where they are after, and those that the second model lacks where they were before; the plane is
        that of the first two principal components of all points.
        """
        texts: dict[str, NDArray[np.float64]] = {}
        chosen = self._pairs[list(places)]
        for side, vectors in enumerate((self.before, self.after)):
            for nearest in _neighbors(vectors, chosen[:, side], choice):
                for index, _ in nearest:
                    word = vectors.word(index)
                    texts.setdefault(word, self._vector_after(word))
        words = [self.words[place] for place in places]
        labels = _names(self.before.name, self.after.name)
        rows = [texts[word] for word in texts if word not in words]
        points = [word for word in texts if word not in words]
        of_words = [""] * len(points)
        for word, (old, new) in zip(words, chosen.tolist(), strict=True):
            rows += [self._vector_before(old), self._centered(self.after.unit([new]), 1)[0]]
            points += [f"{word} ({label})" for label in labels]
            of_words += [word, word]
        return Moved(project(np.asarray(rows, np.float32), "pca"), points, of_words)

    def _vector_before(self, index: int) -> NDArray[np.float64]:
        """Return a word's vector in the first model, rotated."""
        rotated: NDArray[np.float64] = self._centered(self.before.unit([index]), 0)[0] @ self.rotation
        return rotated

    def _vector_after(self, word: str) -> NDArray[np.float64]:
        """Return a word's vector in the second model, or, if that lacks it, in the first, rotated."""
        index = self.after.index(word)
        if index is None:
            return self._vector_before(self.before.words.index(word))
        return np.asarray(self._centered(self.after.unit([index]), 1)[0], np.float64)


def open_change(
    before: WordVectorsSpec, after: WordVectorsSpec, *, anchors: int | None, centered: bool, note: Callable[[str], None]
) -> Change:
    """Open two models and rotate the first onto the second.

    Args:
        note: is called with messages.

    Raises:
        ModelError: a model is not there.
        RunError: as of ``Change``.
    """
    change = Change(open_model(before, note=note), open_model(after, note=note), anchors=anchors, centered=centered)
    for message in change.messages():
        note(message)
    return change


def _neighbors(
    vectors: WordVectors, indices: NDArray[np.int64], choice: Choice
) -> list[list[tuple[int, float | None]]]:
    """Return for each word its nearest words and their cosines, the largest first."""
    if not len(indices) or not choice.n_neighbors:
        return [[] for _ in indices]
    exclude = [[index] for index in indices.tolist()]
    found, scores = vectors.nearest(
        vectors.unit(indices), choice.n_neighbors, exclude=exclude, restrict=choice.top_words
    )
    return [
        [
            (index, score)
            for index, score in zip(row, as_json(np.asarray(values, np.float64)), strict=True)
            if index >= 0
        ]
        for row, values in zip(found.tolist(), scores, strict=True)
    ]


def _lacking(vectors: WordVectors, word: str) -> str:
    """Return what is to be said of a word that a model lacks, "" if it has it."""
    index = vectors.index(word)
    if index is not None:
        return "" if vectors.norms[index] > 0 else f"{vectors.name}: the vector of {word} has no direction"
    try:
        WordLookup(vectors).find(word)
    except RecordError as error:
        return f"{error.message} ({error.hint})" if error.hint else error.message
    return f"{vectors.name} has no vector of {word} itself"


def _names(before: str, after: str) -> tuple[str, str]:
    """Return what the two models are called in a picture."""
    names = PurePath(before).stem, PurePath(after).stem
    return names if names[0] != names[1] and all(names) else ("before", "after")
