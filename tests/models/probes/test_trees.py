"""Trees as distances and depths, and trees out of distances: scipy's, and slow ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse.csgraph import minimum_spanning_tree, shortest_path
from scipy.stats import spearmanr

from nlptool.models.probes.measures import MEASURES, Judged, chain, intervals, judge, margins
from nlptool.models.probes.trees import depths_of, distances_of, edges_of, rooted, spanning_tree


@st.composite
def trees(draw: st.DrawFn, most: int = 12) -> list[int]:
    """The heads of a random tree."""
    n_words = draw(st.integers(1, most))
    order = draw(st.permutations(range(n_words)))
    heads = [-1] * n_words
    for place, word in enumerate(order[1:], 1):
        heads[word] = order[draw(st.integers(0, place - 1))]
    return heads


@given(trees())
def test_distances_are_the_shortest_paths_and_depths_those_from_the_root(heads: list[int]) -> None:
    n_words = len(heads)
    matrix = np.zeros((n_words, n_words))
    for first, second in edges_of(heads):
        matrix[first, second] = 1
    paths = shortest_path(matrix, directed=False)
    assert np.array_equal(distances_of(heads), paths)
    assert np.array_equal(depths_of(heads), paths[heads.index(-1)])


@given(trees())
def test_a_tree_is_found_again_in_its_distances(heads: list[int]) -> None:
    found = spanning_tree(distances_of(heads).astype(float))
    assert found == edges_of(heads)
    assert rooted(found, len(heads), heads.index(-1)) == heads


@given(st.integers(1, 15), st.integers(0, 1000))
def test_the_spanning_tree_is_scipys(n_words: int, seed: int) -> None:
    points = np.random.default_rng(seed).random((n_words, 3)) + 0.01
    distances = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    rows, columns = minimum_spanning_tree(distances).nonzero()
    expected = {(int(min(a, b)), int(max(a, b))) for a, b in zip(rows, columns, strict=True)}
    assert spanning_tree(distances) == expected


def slow(
    heads: list[list[int]], marks: list[list[bool]], distances: list[np.ndarray], depths: list[np.ndarray]
) -> dict:
    """The measures as the paper says them, word by word."""
    right = total = roots = sentences = 0
    by_length: dict[int, list[tuple[float, float]]] = {}
    for own, mark, distance, depth in zip(heads, marks, distances, depths, strict=True):
        kept = [word for word in range(len(own)) if not mark[word]]
        gold = {frozenset((word, head)) for word, head in enumerate(own) if head >= 0} - {
            frozenset((word, other)) for word in range(len(own)) for other in range(len(own)) if mark[word]
        }
        tree = minimum_spanning_tree(distance[np.ix_(kept, kept)])
        found = {frozenset((kept[a], kept[b])) for a, b in zip(*tree.nonzero(), strict=True)}
        right += len(gold & found)
        total += len(gold)
        if len(kept) > 1 and not mark[own.index(-1)]:
            roots += min(kept, key=lambda word: depth[word]) == own.index(-1)
            sentences += 1
        if 5 <= len(own) <= 50:
            rows = [spearmanr(distances_of(own)[word], distance[word]).statistic for word in range(len(own))]
            of_depths = spearmanr(depths_of(own), depth).statistic
            by_length.setdefault(len(own), []).append((np.mean(rows), of_depths))
    means = np.array([np.mean(values, axis=0) for values in by_length.values()]).mean(axis=0)
    return {
        "uuas": right / total, "distance_spearman": means[0], "root_accuracy": roots / sentences, "depth_spearman": means[1]
    }  # fmt: skip


def random_sentences(n: int) -> tuple:
    random = np.random.default_rng(3)
    heads, marks, distances, depths = [], [], [], []
    for _ in range(n):
        n_words = int(random.integers(2, 9))
        order = random.permutation(n_words)
        own = [-1] * n_words
        for place in range(1, n_words):
            own[order[place]] = int(order[random.integers(place)])
        points = random.random((n_words, 4))
        heads.append(own)
        marks.append([word > 0 and random.random() < 0.2 for word in range(n_words)])
        distances.append(((points[:, None] - points[None]) ** 2).sum(axis=2) + distances_of(own))
        depths.append(points[:, 0])
    return heads, marks, distances, depths


def test_measures_equal_slow_ones() -> None:
    data = random_sentences(60)
    found = judge(*data).measured()
    expected = slow(*data)
    for name in MEASURES:
        assert found[name] == pytest.approx(expected[name], abs=1e-9), name


def test_perfect_and_chained_trees() -> None:
    heads, marks, _, _ = random_sentences(40)
    gold = [distances_of(own).astype(float) for own in heads]
    depths = [depths_of(own).astype(float) for own in heads]
    perfect = judge(heads, marks, gold, depths).measured()
    assert perfect == dict.fromkeys(MEASURES, pytest.approx(1.0))
    straight = [list(range(-1, 5)), list(range(-1, 7))]
    found = judge(straight, [[False] * 6, [False] * 8], *chain(straight, root_is_last=False)).measured()
    assert found == dict.fromkeys(MEASURES, pytest.approx(1.0))
    backwards = judge(straight, [[False] * 6, [False] * 8], *chain(straight, root_is_last=True)).measured()
    assert backwards["root_accuracy"] == 0


def test_intervals_hold_the_value_and_a_margin_over_oneself_is_nothing() -> None:
    judged = judge(*random_sentences(60))
    for name, (low, high) in intervals(judged, resamples=200, seed=1).items():
        assert low < judged.measured()[name] < high
    assert set(margins(judged, judged, resamples=20, seed=1).values()) == {(0.0, 0.0)}


def test_sentences_drawn_twice_count_twice() -> None:
    judged = judge(*random_sentences(10))
    twice = Judged(
        np.vstack([judged.values, judged.values[:3]]),
        np.vstack([judged.weights, judged.weights[:3]]),
        np.append(judged.lengths, judged.lengths[:3]),
    )
    assert judged.measured(np.array([2] * 3 + [1] * 7)) == pytest.approx(twice.measured())
