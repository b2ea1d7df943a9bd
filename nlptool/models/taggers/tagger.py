"""Taggers by a network: texts to entities, or to a tag of each word.

Method: J. Devlin et al.: BERT (NAACL 2019), section 5.3. The tags of a text are those with the highest probability that keep to
their scheme (``decoding``). A text longer than the network takes is read in windows that overlap; each word has the logits of the
window in which it stands farthest from a border.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.models.heads.batches import BatchedNetwork, Network
from nlptool.models.heads.task import Task
from nlptool.models.masked.model import log_softmax
from nlptool.models.taggers.decoding import best_tags
from nlptool.models.taggers.pieces import Window, WordCounts, WordPieces
from nlptool.models.taggers.schemes import spans_of
from nlptool.models.taggers.transitions import transitions
from nlptool.models.taggers.words import words_of
from nlptool.specs import TaggerSpec
from nlptool.text.spans import Place

_OVERLAP = 0.25  # of two windows


@dataclass(frozen=True, slots=True)
class TaggedText:
    """The tags of one text.

    Attributes:
        words: where each word stands: ``text[start:end]``.
        tags: of the words.
        scores: the probability of each of these tags, (W,) float32.
        n_tokens: that the network read, special tokens included.
        n_windows: in which it read them.
        counts: what is peculiar about its words.
    """

    words: Sequence[Place]
    tags: Sequence[str]
    scores: NDArray[np.float32]
    n_tokens: int
    n_windows: int
    counts: WordCounts

    def entry(self) -> dict[str, Any]:
        """Return what the entry of a record says of it."""
        said = {"n_tokens": self.n_tokens, "n_unknown": self.counts.n_unknown}
        said |= {"n_windows": self.n_windows} if self.n_windows > 1 else {}
        return said | ({"n_cut": self.counts.n_cut} if self.counts.n_cut else {})

    def entities(self, text: str) -> list[dict[str, Any]]:
        """Return the entities in order: start, end, text, label, and score, a float32, the mean probability of the tags of their
        words."""
        return [
            {
                "start": self.words[first][0],
                "end": self.words[end - 1][1],
                "text": text[self.words[first][0] : self.words[end - 1][1]],
                "label": label,
                "score": self.scores[first:end].mean(),
            }
            for first, end, label in spans_of(self.tags)
        ]


class Tagger:
    """A tagger by words, pieces and a network."""

    def __init__(
        self,
        pieces: WordPieces,
        network: Network,
        about: Mapping[str, Any],
        tasks: Sequence[Task],
        spec: TaggerSpec,
        *,
        name: str,
        device: str,
    ) -> None:
        self.name, self.device, self.engine = name, device, network.engine
        self.tasks = {task.name: task for task in tasks}
        self._numbers = {task.name: number for number, task in enumerate(tasks)}
        self._allowed = {task.name: transitions(task.labels, task.scheme) for task in tasks}
        self._pieces = pieces
        self._network = BatchedNetwork(network, about, spec)

    def tag(self, texts: Sequence[str], task: Task, words: Sequence[Sequence[Place]] | None = None) -> list[TaggedText]:
        """Return the tags of texts.

        Args:
            words: the places of the words of each text; None: they are found (``words.words_of``).
        """
        places = [words_of(text) for text in texts] if words is None else words
        windows = [
            self._pieces.windows(text, where, overlap=_OVERLAP) for text, where in zip(texts, places, strict=True)
        ]
        logits = self._logits([window for of_text in windows for window in of_text], task)
        found, first = [], 0
        for text, where, of_text in zip(texts, places, windows, strict=True):
            of_words = _joined(of_text, logits[first : first + len(of_text)], len(where), task.n_outputs)
            first += len(of_text)
            log_probabilities = log_softmax(of_words)
            tags = best_tags(log_probabilities, self._allowed[task.name])
            scores = np.exp(log_probabilities[np.arange(len(tags)), tags])
            n_tokens = sum(len(window.ids) for window in of_text)
            labels = [task.labels[tag] for tag in tags.tolist()]
            found.append(TaggedText(where, labels, scores, n_tokens, len(of_text), self._pieces.counts(text, where)))
        return found

    def _logits(self, windows: Sequence[Window], task: Task) -> list[NDArray[np.float32]]:
        """Return the logits (W, K) of the words of each window, those at their first pieces."""
        logits = self._network.logits(windows, self._numbers[task.name])
        return [of_window[window.first_pieces] for window, of_window in zip(windows, logits, strict=True)]


def _joined(
    windows: Sequence[Window], logits: Sequence[NDArray[np.float32]], n_words: int, n_tags: int
) -> NDArray[np.float32]:
    """Return the logits (W, K) of all words of a text."""
    found = np.zeros((n_words, n_tags), np.float32)
    margins = np.full(n_words, -1)  # words between each word and the nearer border of its window
    for window, of_window in zip(windows, logits, strict=True):
        n_here = len(of_window)
        here = np.arange(n_here)
        to_borders = np.minimum(
            here if window.first_word else n_words,
            n_here - 1 - here if window.first_word + n_here < n_words else n_words,
        )
        place = window.first_word + here
        is_better = to_borders > margins[place]
        found[place[is_better]] = of_window[is_better]
        margins[place[is_better]] = np.broadcast_to(to_borders, n_here)[is_better]
    return found
