"""The best answers by their logits, against a loop over all of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from nlptool.models.readers.spans import best_of, best_spans, probability_of_none
from nlptool.models.readers.windows import Window, Windows


def windows_of(context: str, parts: list[tuple[int, int]], question: int = 3) -> Windows:
    """Each letter of a context is a unit of one token, windows hold the letters of ``parts``."""
    places = [(place, place + 1) for place in range(len(context))]
    windows = []
    for first, end in parts:
        tokens = [question + 2 + number for number in range(end - first)]
        windows.append(Window([0] * (question + 3 + end - first), [], first, tokens, tokens))
    return Windows(windows, places, is_cut=False)


def slow(windows: Windows, logits: list[Any], most: int) -> tuple[dict[tuple[int, int], float], float]:
    """The score of every span, the highest of all windows, and that of no answer."""
    scores: dict[tuple[int, int], float] = {}
    for window, values in zip(windows.windows, logits, strict=True):
        for i, start in enumerate(window.starts):
            for j in range(i, len(window.ends)):
                if window.ends[j] - start < most:
                    span = window.first_unit + i, window.first_unit + j
                    score = float(values[start, 0]) + float(values[window.ends[j], 1])
                    scores[span] = max(score, scores.get(span, -math.inf))
    return scores, min(float(values[0, 0]) + float(values[0, 1]) for values in logits)


@pytest.mark.parametrize("parts", [[(0, 12)], [(0, 7), (4, 12)], [(0, 5), (3, 9), (8, 12)]])
@pytest.mark.parametrize("most", [1, 3, 30])
def test_spans_are_those_of_a_slow_loop(parts: list[tuple[int, int]], most: int) -> None:
    context = "abcdefghijkl"
    windows = windows_of(context, parts)
    rng = np.random.default_rng(1)
    for _ in range(50):
        logits = [rng.normal(size=(len(window.ids), 2)).astype(np.float32) * 3 for window in windows.windows]
        scores, null = slow(windows, logits, most)
        found = best_spans(windows, logits, context, k=3, most_tokens=most)
        wanted: list[tuple[int, int]] = []
        for first, last in sorted(scores, key=lambda span: -scores[span]):
            if all(last < other[0] or first > other[1] for other in wanted):
                wanted.append((first, last))
        assert [(span.start, span.end - 1) for span in found.spans] == wanted[:3]
        np.testing.assert_allclose([span.score for span in found.spans], [scores[span] for span in wanted[:3]])
        assert found.null == pytest.approx(null)
        assert found.log_total == pytest.approx(math.log(sum(map(math.exp, scores.values())) + math.exp(null)))
        best = scores[wanted[0]]
        assert found.no_answer == pytest.approx(1 / (1 + math.exp(best - null)))


def test_probabilities_of_all_spans_and_none_add_up_to_one() -> None:
    windows = windows_of("abcd", [(0, 4)])
    logits = [np.random.default_rng(2).normal(size=(10, 2)).astype(np.float32)]
    found = best_spans(windows, logits, "abcd", k=1, most_tokens=30)
    scores, null = slow(windows, logits, 30)
    total = sum(math.exp(score - found.log_total) for score in scores.values())
    assert total + math.exp(null - found.log_total) == pytest.approx(1)
    ((number, span, probability),) = best_of([found], 5)
    assert (number, span) == (0, found.spans[0])
    assert probability == pytest.approx(math.exp(max(scores.values()) - found.log_total))


def test_the_best_of_several_contexts() -> None:
    rng = np.random.default_rng(3)
    windows = windows_of("abcd", [(0, 4)])
    found = [
        best_spans(windows, [rng.normal(size=(10, 2)).astype(np.float32)], "abcd", k=2, most_tokens=2) for _ in range(3)
    ]
    every = sorted(((span.score, n) for n, each in enumerate(found) for span in each.spans), reverse=True)
    chosen = best_of(found, 4)
    assert [number for number, _, _ in chosen] == [number for _, number in every[:4]]
    total = sum(math.exp(each.log_total) for each in found)
    assert [p for _, _, p in chosen] == pytest.approx([math.exp(score) / total for score, _ in every[:4]])
    assert probability_of_none(found) == min(each.no_answer for each in found)


def test_blanks_at_the_ends_of_a_span_are_left_out_and_blanks_alone_are_none() -> None:
    context = " a\u3000 "
    windows = windows_of(context, [(0, 4)])
    logits = np.full((10, 2), -9.0, np.float32)
    logits[5, 0] = logits[8, 1] = 5  # all of it
    (found,) = best_spans(windows, [logits], context, k=3).spans
    assert context[found.start : found.end] == "a"
    blank = best_spans(windows_of(" \n", [(0, 2)]), [np.zeros((8, 2), np.float32)], " \n", k=3)
    assert blank.spans == []
    assert blank.no_answer == 1.0


def test_a_context_without_units_has_no_answer() -> None:
    found = best_spans(windows_of("", [(0, 0)]), [np.zeros((6, 2), np.float32)], "", k=3)
    assert (found.spans, found.no_answer, found.log_total) == ([], 1.0, 0.0)


def test_units_without_characters_begin_and_end_no_answer() -> None:
    windows = Windows(windows_of("ab", [(0, 3)]).windows, [(0, 0), (0, 1), (1, 2)], is_cut=False)
    logits = np.zeros((9, 2), np.float32)
    logits[5] = 9  # of the first unit
    (found,) = best_spans(windows, [logits], "ab", k=1).spans
    assert found.start < found.end
