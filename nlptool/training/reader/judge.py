"""The dev questions of a reader: what their answers are by the logits of their windows, and how good these are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlptool.models.readers import metrics
from nlptool.models.readers.spans import best_spans
from nlptool.models.readers.windows import Windows

_DIGITS = 10**5  # of a threshold, which is rounded up: a question whose probability equals it is answered


@dataclass(frozen=True, slots=True)
class DevQuestion:
    """A question, whose windows are examples that follow each other."""

    windows: Windows
    context: str
    gold: tuple[str, ...]  # () where there is no answer


@dataclass(frozen=True, slots=True)
class ReaderJudge:
    """Judges the answers to all dev questions: a ``Judge``.

    Args:
        metric: one of ``metrics.METRICS``.
    """

    questions: Sequence[DevQuestion]
    metric: str

    def scores(self, logits: Sequence[NDArray[np.float32]]) -> dict[str, float]:
        """Return exact and f1, and, where some questions have no answer, the threshold with which f1 is best: no question is
        answered for which the probability of there being no answer is above it.

        Args:
            logits: of each window in order, (T, 2).
        """
        answers: list[str | None] = []
        no_answer = np.zeros(len(self.questions))
        first = 0
        for number, question in enumerate(self.questions):
            end = first + len(question.windows.windows)
            found = best_spans(question.windows, logits[first:end], question.context, k=1)
            first = end
            best = found.spans[0] if found.spans else None
            answers.append(question.context[best.start : best.end] if best else "")
            no_answer[number] = found.no_answer
        scores = metrics.scores(answers, [question.gold for question in self.questions], self.metric)
        if all(question.gold for question in self.questions):
            return scores.means()
        _, threshold = metrics.best_threshold(scores.f1, scores, no_answer)
        means = scores.with_threshold(no_answer, threshold).means()
        return {**means, "threshold": math.ceil(threshold * _DIGITS) / _DIGITS}
