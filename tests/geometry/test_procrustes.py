"""The rotation of vectors onto others, against scipy's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.linalg import orthogonal_procrustes
from scipy.stats import ortho_group

from nlptool.geometry.procrustes import centered, cosines, means, rotation


def unit(n: int, dimension: int, seed: int) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).normal(size=(n, dimension))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def blocks(
    first: NDArray[np.float32], second: NDArray[np.float32], size: int
) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    return [(first[start : start + size], second[start : start + size]) for start in range(0, len(first), size)]


@given(st.integers(1, 40), st.integers(1, 12), st.integers(1, 15), st.integers(0, 10**6))
def test_it_is_that_of_scipy(n: int, dimension: int, size: int, seed: int) -> None:
    first, second = unit(n, dimension, seed), unit(n, dimension, seed + 1)
    found = rotation(blocks(first, second, size), dimension)
    assert found @ found.T == pytest.approx(np.eye(dimension), abs=1e-9)
    expected, _ = orthogonal_procrustes(first.astype(np.float64), second.astype(np.float64))
    distance = np.linalg.norm(first @ found - second)
    assert distance == pytest.approx(np.linalg.norm(first @ expected - second), abs=1e-9)
    if n > 3 * dimension:
        assert found == pytest.approx(expected, abs=1e-7)


@given(st.integers(2, 8), st.integers(0, 10**6))
def test_a_rotation_is_found_again(dimension: int, seed: int) -> None:
    first = unit(50, dimension, seed)
    turned = ortho_group.rvs(dimension, random_state=seed)
    second = np.asarray(first @ turned, np.float32)
    found = rotation(blocks(first, second, 7), dimension)
    assert found == pytest.approx(turned, abs=1e-5)
    assert cosines(blocks(first, second, 7), found) == pytest.approx(np.ones(50), abs=1e-6)


def test_cosines_by_a_slow_loop() -> None:
    first, second = unit(20, 5, 1), unit(20, 5, 2)
    turned, _ = orthogonal_procrustes(first.astype(float), second.astype(float))
    expected = [
        sum(float(x) * float(y) for x, y in zip(row, other, strict=True))
        for row, other in zip(first.astype(float) @ turned, second, strict=True)
    ]
    assert cosines(blocks(first, second, 6), rotation(blocks(first, second, 6), 5)) == pytest.approx(expected, abs=1e-9)
    assert len(cosines([], np.eye(3))) == 0


def test_what_vectors_share_is_taken_away() -> None:
    first, second = unit(30, 4, 1) + np.float32(0.5), unit(30, 4, 2)
    found = means(blocks(first, second, 7), 4)
    assert found[0] == pytest.approx(first.mean(axis=0), abs=1e-6)
    assert found[1] == pytest.approx(second.mean(axis=0), abs=1e-6)
    moved = centered(first, found[0])
    assert np.linalg.norm(moved, axis=1) == pytest.approx(np.ones(30), abs=1e-12)
    difference = first[3].astype(np.float64) - found[0]
    assert moved[3] == pytest.approx(difference / np.linalg.norm(difference), abs=1e-12)
    assert centered(found[0][None], found[0]).tolist() == [[0, 0, 0, 0]]
