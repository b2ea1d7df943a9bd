"""The best answers that the logits of a question's windows allow.

Method: J. Devlin et al.: BERT (NAACL 2019), sections 4.2 and 4.3. The score of a span is the logit of its start plus that of its
end; of windows that share it the highest one counts. Of there being no answer it is that of the first token as start and end, the
lowest of all windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlptool.models.readers.windows import Windows

MOST_TOKENS = 30
"""Tokens of an answer, at most, unless another number is given."""


@dataclass(frozen=True, slots=True)
class FoundSpan:
    """An answer: ``context[start:end]``."""

    start: int
    end: int
    score: float  # logits


@dataclass(frozen=True, slots=True)
class FoundSpans:
    """What the network says of a question and a context.

    Attributes:
        spans: the best ones first, none of which overlap; [] where the context has no words.
        null: the score of there being no answer.
        log_total: the logarithm of the sum of exp(score) over all spans and ``null``.
    """

    spans: list[FoundSpan]
    null: float
    log_total: float

    @property
    def no_answer(self) -> float:
        """Return the probability that there is no answer rather than the best span, 0 to 1."""
        return _sigmoid(self.null - self.spans[0].score) if self.spans else 1.0


def best_spans(
    windows: Windows, logits: Sequence[NDArray[np.float32]], context: str, *, k: int, most_tokens: int = MOST_TOKENS
) -> FoundSpans:
    """Return the ``k`` best answers.

    Args:
        logits: of the start and the end at each token of each window, (T, 2).
        context: blanks at the borders of a span are left out.
        most_tokens: of an answer.
    """
    null = min(float(of_window[0].sum(dtype=np.float64)) for of_window in logits)
    scores = _scores(windows, logits, most_tokens)  # (U, L)
    everything = np.append(scores[np.isfinite(scores)], null)
    highest = float(everything.max())
    log_total = highest + float(np.log(np.exp(everything - highest).sum()))
    return FoundSpans(_best(scores, windows, context, k), null, log_total)


def best_of(found: Sequence[FoundSpans], k: int) -> list[tuple[int, FoundSpan, float]]:
    """Return the ``k`` best spans of several contexts of one question: the number of the context, the span, and its probability
    among all spans of all contexts, and none, 0 to 1."""
    highest = max(each.log_total for each in found)
    log_total = highest + float(np.log(sum(np.exp(each.log_total - highest) for each in found)))
    spans = [(number, span) for number, each in enumerate(found) for span in each.spans]
    spans.sort(key=lambda entry: -entry[1].score)
    return [(number, span, float(np.exp(span.score - log_total))) for number, span in spans[:k]]


def probability_of_none(found: Sequence[FoundSpans]) -> float:
    """Return the probability, 0 to 1, that none of several contexts has an answer: the lowest that there is."""
    return min(each.no_answer for each in found)


def _scores(windows: Windows, logits: Sequence[NDArray[np.float32]], most_tokens: int) -> NDArray[np.float64]:
    """Return the scores of spans, (U, L): of those that begin at unit u and hold l + 1 units; -inf where that is none."""
    n_units = len(windows.places)
    found = np.full((n_units, min(most_tokens, max(1, n_units))), -np.inf)
    for window, of_window in zip(windows.windows, logits, strict=True):
        starts, ends = np.array(window.starts, np.int64), np.array(window.ends, np.int64)
        of_starts, of_ends = of_window[starts, 0].astype(np.float64), of_window[ends, 1].astype(np.float64)
        for more in range(min(found.shape[1], len(starts))):
            last = len(starts) - more
            scores = of_starts[:last] + of_ends[more:]
            scores[ends[more:] - starts[:last] >= most_tokens] = -np.inf
            rows = found[window.first_unit : window.first_unit + last, more]
            np.maximum(rows, scores, out=rows)
    for unit, (start, end) in enumerate(windows.places):
        if start == end:  # of a piece that stands for no character
            found[unit] = -np.inf
    return found


def _best(scores: NDArray[np.float64], windows: Windows, context: str, k: int) -> list[FoundSpan]:
    """Return the best spans that hold more than blanks and do not overlap."""
    order = np.argsort(-scores, axis=None, kind="stable")
    found: list[FoundSpan] = []
    for flat in order.tolist():
        unit, more = divmod(flat, scores.shape[1])
        score = float(scores[unit, more])
        if not np.isfinite(score) or len(found) == k:
            break
        start, end = _trimmed(context, windows.places[unit][0], windows.places[unit + more][1])
        if start < end and all(end <= other.start or start >= other.end for other in found):
            found.append(FoundSpan(start, end, score))
    return found


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the borders of a span without the blanks at its ends."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def _sigmoid(value: float) -> float:
    return float(1 / (1 + np.exp(-value))) if value >= 0 else float(np.exp(value) / (1 + np.exp(value)))
