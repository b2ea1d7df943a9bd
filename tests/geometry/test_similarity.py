"""Similarities in blocks, against a plain product, scikit-learn and sentence-transformers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from nlptool.errors import RunError
from nlptool.geometry import similarity as similarities
from nlptool.geometry.measures import MEASURES, prepare
from nlptool.geometry.similarity import Vectors

PLENTY = 10**9  # bytes
SIZES = st.integers(1, 40)


def vectors(n: int, d: int = 16, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((n, d), np.float32)


def side(rows: NDArray[Any], measure: str) -> Vectors:
    return Vectors(prepare(rows, measure), measure)


def slow(a: NDArray[Any], b: NDArray[Any], measure: str) -> NDArray[np.float64]:
    """By scipy, in float64; 0 where there is no direction."""
    if measure == "dot":
        return np.asarray(a, np.float64) @ np.asarray(b, np.float64).T
    if measure == "manhattan":
        return -np.abs(np.asarray(a, np.float64)[:, None] - np.asarray(b, np.float64)).sum(axis=2)
    kind = {"cosine": "cosine", "pearson": "correlation", "euclidean": "euclidean"}[measure]
    with np.errstate(all="ignore"):
        distances = cdist(np.asarray(a, np.float64), np.asarray(b, np.float64), kind)
    return -distances if measure == "euclidean" else np.nan_to_num(1 - distances)


def whole(blocks: Iterator[tuple[int, NDArray[np.float32]]]) -> NDArray[np.float32]:
    """The blocks of a matrix put together; each must begin where the last one ended."""
    rows: list[NDArray[np.float32]] = []
    for first, block in blocks:
        assert first == sum(map(len, rows))
        rows.append(block.copy())
    return np.concatenate(rows)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("memory", [4 * 30, 4 * 30 * 7, PLENTY])
def test_a_matrix_equals_scipys(measure: str, memory: int) -> None:
    a, b = vectors(50, seed=1), vectors(30, seed=2)
    found = whole(similarities.matrix(side(a, measure), side(b, measure), memory=memory))
    np.testing.assert_allclose(found, slow(a, b, measure), atol=2e-6)


def test_cosines_equal_scikit_learns() -> None:
    from sklearn.metrics.pairwise import cosine_similarity

    a = vectors(60)
    found = whole(similarities.matrix(side(a, "cosine"), side(a, "cosine"), memory=PLENTY))
    np.testing.assert_allclose(found, cosine_similarity(a), atol=1e-6)


def test_neighbors_are_those_of_semantic_search() -> None:
    from sentence_transformers.util import semantic_search

    queries, corpus = vectors(20, seed=3), vectors(5000, seed=4)
    hits = semantic_search(queries, corpus, top_k=10)
    found = list(similarities.nearest(side(queries, "cosine"), side(corpus, "cosine"), 10, memory=PLENTY))
    columns, scores = np.concatenate([each[1] for each in found]), np.concatenate([each[2] for each in found])
    assert columns.tolist() == [[hit["corpus_id"] for hit in each] for each in hits]
    np.testing.assert_allclose(scores, [[hit["score"] for hit in each] for each in hits], atol=1e-6)


def test_pairs_are_those_of_paraphrase_mining() -> None:
    from sentence_transformers.util import paraphrase_mining_embeddings

    rows = vectors(600, 5, seed=5)
    mined = {
        (a, b): score for score, a, b in paraphrase_mining_embeddings(rows, top_k=600, max_pairs=10**7) if score >= 0.9
    }
    found = {
        (int(row), int(column)): float(score)
        for _, at, columns, scores in similarities.pairs(side(rows, "cosine"), None, 0.9, memory=PLENTY)
        for row, column, score in zip(at, columns, scores, strict=True)
    }
    assert len(found) > 100
    assert found.keys() == {tuple(sorted(pair)) for pair in mined}
    assert all(found[min(pair), max(pair)] == pytest.approx(score, abs=1e-6) for pair, score in mined.items())


@settings(max_examples=60, deadline=None)
@given(
    arrays.arrays(np.float32, st.tuples(SIZES, st.just(5)), elements=st.sampled_from([-1.0, 0.0, 0.5, 1.0])),
    arrays.arrays(np.float32, st.tuples(SIZES, st.just(5)), elements=st.sampled_from([-1.0, 0.0, 0.5, 1.0])),
    st.integers(1, 45),
    st.sampled_from(MEASURES),
    st.booleans(),
    st.sampled_from([700, 9000, 10**6]),
)
def test_neighbors_are_those_of_a_slow_loop(
    a: NDArray[np.float32], b: NDArray[np.float32], k: int, measure: str, same: bool, memory: int
) -> None:
    """With many equal scores: the first of them wins."""
    b = a if same else b
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similarities, "_ROWS", 7)
        patch.setattr(similarities, "_COLUMNS", 6)
        one, other = side(a, measure), side(b, measure)
        all_scores = whole(similarities.matrix(one, other, memory=PLENTY))
        if same:
            np.fill_diagonal(all_scores, -np.inf)
        k = min(k, len(b) - same)
        if k:
            blocks = list(similarities.nearest(one, other, k, memory=memory + 40 * k, same=same))
            columns = np.concatenate([columns for _, columns, _ in blocks])
            scores = np.concatenate([scores for _, _, scores in blocks])
            expected = np.argsort(-all_scores, axis=1, kind="stable")[:, :k]
            np.testing.assert_allclose(scores, np.take_along_axis(all_scores, expected, axis=1), atol=1e-6)
            # Rounding may turn two that are equal on paper around, block by block.
            np.testing.assert_allclose(np.take_along_axis(all_scores, columns, axis=1), scores, atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(
    arrays.arrays(np.float32, st.tuples(SIZES, st.just(4)), elements=st.sampled_from([-1.0, 0.0, 1.0])),
    arrays.arrays(np.float32, st.tuples(SIZES, st.just(4)), elements=st.sampled_from([-1.0, 0.0, 1.0])),
    st.sampled_from([-2.0, 0.0, 0.45, 1.0]),
    st.sampled_from(MEASURES),
    st.booleans(),
    st.integers(0, 20_000),
)
def test_pairs_are_those_of_a_slow_loop(
    a: NDArray[np.float32], b: NDArray[np.float32], threshold: float, measure: str, same: bool, memory: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similarities, "_ROWS", 7)
        patch.setattr(similarities, "_COLUMNS", 6)
        expected = slow(a, a if same else b, measure) >= threshold - 1e-6
        if same:
            expected = np.triu(expected, 1)
        one = side(a, measure)
        other = None if same else side(b, measure)
        least = 100 * len(a if same else b) + 4 * 6
        found = [
            (int(row), int(column))
            for _, rows, columns, _ in similarities.pairs(one, other, threshold, memory=least + memory)
            for row, column in zip(rows, columns, strict=True)
        ]
        assert found == sorted(found)
        assert found == list(zip(*(each.tolist() for each in np.nonzero(expected)), strict=True))


@pytest.mark.parametrize("start", [0, 1, 33, 49])
def test_work_can_begin_at_any_row(start: int) -> None:
    one = side(vectors(50), "cosine")
    rows = whole(similarities.matrix(one, one, memory=PLENTY))[start:]
    assert [first for first, _ in similarities.matrix(one, one, memory=PLENTY, start=start)] == [start]
    found = np.concatenate([block.copy() for _, block in similarities.matrix(one, one, memory=4 * 50 * 9, start=start)])
    np.testing.assert_allclose(found, rows, atol=1e-6)
    pairs = [
        (int(row), int(column))
        for _, at, columns, _ in similarities.pairs(one, None, 0.1, memory=PLENTY, start=start)
        for row, column in zip(at, columns, strict=True)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similarities, "_ROWS", 8)
        near = [columns for _, columns, _ in similarities.nearest(one, one, 4, memory=PLENTY, same=True, start=start)]
    for place in range(start, 50):
        rows[place - start, place] = -np.inf
    assert np.concatenate(near).tolist() == np.argsort(-rows, axis=1, kind="stable")[:, :4].tolist()
    expected = np.argwhere(np.triu(rows >= 0.1, 1 + start))
    assert pairs == [(int(row) + start, int(column)) for row, column in expected]


@pytest.mark.parametrize("memory", [4 * 300 * 20, 120_000, PLENTY])
@pytest.mark.parametrize("start", [1, 100, 130, 299])
def test_work_that_is_gone_on_with_gives_the_same_bytes(
    memory: int, start: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the last digit, which depends on the block in which a product is made."""
    monkeypatch.setattr(similarities, "_ROWS", 64)
    monkeypatch.setattr(similarities, "_COLUMNS", 50)
    one = side(vectors(300, 33), "cosine")

    def matrix(start: int) -> bytes:
        return b"".join(
            row.tobytes() for _, block in similarities.matrix(one, one, memory=memory, start=start) for row in block
        )

    def pairs(start: int) -> list[tuple[int, int, float]]:
        return [
            each
            for _, *block in similarities.pairs(one, None, 0.1, memory=max(40_000, memory), start=start)
            for each in zip(*(part.tolist() for part in block), strict=True)
        ]

    assert matrix(start) == matrix(0)[start * 300 * 4 :]
    whole_columns, whole_scores, columns, scores = (
        np.concatenate([block[part] for block in similarities.nearest(one, one, 5, memory=memory, same=True, start=at)])
        for at in (0, start)
        for part in (1, 2)
    )
    np.testing.assert_array_equal(columns, whole_columns[start:])
    np.testing.assert_array_equal(scores, whole_scores[start:])
    assert pairs(start) == [pair for pair in pairs(0) if pair[0] >= start]
    assert len(pairs(0)) > 1000


def test_blocks_of_pairs_never_outgrow_their_memory() -> None:
    """More rows would be in a later block than there is room for scores."""
    rows = np.eye(3000, 4, dtype=np.float32)
    least = 4 * similarities._COLUMNS + 100 * len(rows)
    found = list(similarities.pairs(side(rows, "cosine"), None, 0.5, memory=least))
    assert len(found) > 10
    assert sum(len(block[1]) for block in found) == 0


@pytest.mark.parametrize("measure", ["dot", "euclidean", "manhattan"])
def test_products_beyond_float32_are_refused(measure: str) -> None:
    with pytest.raises(RunError, match=rf"a vector is longer than 1e\+19: its {measure} similarities would be beyond"):
        prepare(np.array([[1, 2], [1e19, 1e19]], np.float32), measure)
    assert prepare(np.array([[1e19, 1]], np.float32), measure).tolist() == [[np.float32(1e19), 1]]


def test_many_duplicates_need_no_more_memory_than_is_given() -> None:
    """Every pair of them is found, though only a part of the pairs fits at once."""
    one = side(np.ones((600, 4), np.float32), "cosine")
    memory = 200_000
    largest = total = 0
    for _, rows, _, scores in similarities.pairs(one, None, 1.0, memory=memory):
        largest, total = max(largest, len(rows)), total + len(rows)
        assert scores.min() == pytest.approx(1)
    assert total == 600 * 599 // 2
    assert largest * 100 <= memory


def test_close_vectors_keep_their_distance() -> None:
    """In float32 |a|² + |b|² - 2ab of these is rounding alone."""
    a = np.full((1, 8), 1000.0, np.float32)
    b = a.copy()
    b[0, 0] += np.float32(0.01)
    found = similarities.scores(a, b, "euclidean")
    assert found[0, 0] == pytest.approx(-float(b[0, 0] - a[0, 0]), rel=1e-4)


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
@pytest.mark.parametrize("measure", ["cosine", "pearson"])
def test_very_large_and_very_small_vectors_have_a_direction(scale: float, measure: str) -> None:
    a = vectors(10)
    np.testing.assert_allclose(prepare(a * np.float32(scale), measure), prepare(a, measure), atol=1e-6)


def test_no_direction_is_similarity_0() -> None:
    rows = np.array([[0, 0, 0], [1, 2, 3], [2, 2, 2]], np.float32)
    assert similarities.scores(prepare(rows, "cosine"), prepare(rows, "cosine"), "cosine")[0].tolist() == [0, 0, 0]
    found = similarities.scores(prepare(rows, "pearson"), prepare(rows, "pearson"), "pearson")
    assert found[2].tolist() == [0, 0, 0]
    constant = np.full((1, 300), 0.1, np.float32)
    assert not prepare(constant, "pearson").any()


def test_cosines_do_not_leave_their_range() -> None:
    rows = vectors(200, 300)
    one = side(rows, "cosine")
    for _, block in similarities.matrix(one, one, memory=PLENTY):
        assert block.max() <= 1
    assert max(scores.max() for *_, scores in similarities.pairs(one, None, -1, memory=PLENTY)) <= 1


def test_mapped_integers_are_made_ready_block_by_block(tmp_path: Any) -> None:
    rows = np.random.default_rng(1).integers(-100, 100, (40, 6)).astype(np.int8)
    np.save(tmp_path / "v.npy", rows)
    mapped = Vectors(np.load(tmp_path / "v.npy", mmap_mode="r"), "cosine", ready=False)
    found = whole(similarities.matrix(mapped, mapped, memory=4 * 40 * 3))
    np.testing.assert_allclose(found, slow(rows, rows, "cosine"), atol=1e-6)


@pytest.mark.parametrize("memory", [1, 100])
def test_too_little_memory_is_said_with_what_is_needed(memory: int) -> None:
    one = side(vectors(50), "cosine")
    with pytest.raises(RunError, match=f"--memory {memory} is too little: one row of 50 similarities takes 200"):
        next(iter(similarities.matrix(one, one, memory=memory)))
    with pytest.raises(RunError, match="one row of 50 similarities and 3 neighbors takes 308"):
        next(iter(similarities.nearest(one, one, 3, memory=memory)))
    with pytest.raises(RunError, match=r"one row that may be in 50 pairs takes 5\.2K") as caught:
        next(iter(similarities.pairs(one, None, 0.5, memory=memory)))
    assert caught.value.hint == "--memory 10.4K or more"


def test_nothing_gives_nothing() -> None:
    none = Vectors(np.empty((0, 0), np.float32))
    assert list(similarities.matrix(none, none, memory=100)) == []
    assert list(similarities.nearest(none, none, 1, memory=1000)) == []
    assert list(similarities.pairs(none, None, 0.5, memory=1000)) == []


@pytest.mark.parametrize(
    ("n_bytes", "text"), [(1, "1"), (1500, "1.5K"), (2 * 10**9, "2G"), (999_999, "1000K"), (123_456_789, "123.5M")]
)
def test_a_size_reads_as_it_is_typed(n_bytes: int, text: str) -> None:
    assert similarities.format_size(n_bytes) == text


def test_products_among_themselves_are_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten blocks of rows have 55 pairs of blocks; with little memory, where the neighbors of all cannot be held, a hundred."""
    one = side(vectors(100), "cosine")
    monkeypatch.setattr(similarities, "_ROWS", 10)
    monkeypatch.setattr(similarities, "_COLUMNS", 10)
    made = []
    product = similarities.scores
    monkeypatch.setattr(similarities, "scores", lambda *arguments: made.append(1) or product(*arguments))
    found = [list(similarities.nearest(one, one, 3, memory=memory, same=True)) for memory in (PLENTY, 2000)]
    assert (
        np.concatenate([columns for _, columns, _ in found[0]]).tolist()
        == np.concatenate([columns for _, columns, _ in found[1]]).tolist()
    )
    assert len(made) == 55 + 100
    made.clear()
    assert sum(len(rows) for _, rows, _, _ in similarities.pairs(one, None, 0.99, memory=PLENTY)) == 0
    assert len(made) == 55
