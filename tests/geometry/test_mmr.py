"""Maximal marginal relevance against its definition, computed slowly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlptool.geometry.mmr import maximal_marginal_relevance


def slow(relevance: list[float], cosines: list[list[float]], k: int, diversity: float) -> list[int]:
    chosen: list[int] = []
    while len(chosen) < min(k, len(relevance)):
        left = [item for item in range(len(relevance)) if item not in chosen]
        score = {
            item: (1 - diversity) * relevance[item]
            - (diversity * max(cosines[item][other] for other in chosen) if chosen else 0)
            for item in left
        }
        chosen.append(max(left, key=score.__getitem__) if chosen else max(left, key=relevance.__getitem__))
    return chosen


@settings(deadline=None, max_examples=80)
@given(st.integers(0, 9), st.integers(1, 12), st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), st.integers(0, 99))
def test_it_is_its_definition(n: int, k: int, diversity: float, seed: int) -> None:
    numbers = np.random.default_rng(seed)
    vectors = numbers.standard_normal((n, 4))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    relevance = numbers.uniform(-1, 1, n)
    found = maximal_marginal_relevance(relevance.astype(np.float32), vectors.astype(np.float32), k, diversity=diversity)
    assert found == slow(relevance.tolist(), (vectors @ vectors.T).tolist(), k, diversity)


@pytest.mark.parametrize(("diversity", "expected"), [(0.0, [0, 1, 2]), (0.5, [0, 2, 1]), (1.0, [0, 2, 1])])
def test_what_says_the_same_comes_later(diversity: float, expected: list[int]) -> None:
    vectors = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    assert (
        maximal_marginal_relevance(np.array([0.9, 0.8, 0.5], np.float32), vectors, 3, diversity=diversity) == expected
    )
