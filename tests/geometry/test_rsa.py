"""Correlations and representational similarity analysis, against scipy, slow loops and numbers worked by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import pdist

from nlptool.geometry import correlation, rsa

SCIPYS = {"cosine": "cosine", "euclidean": "euclidean", "pearson": "correlation"}
NUMBERS = st.lists(st.integers(-3, 3), min_size=2, max_size=30).map(lambda values: np.asarray(values, np.float64))


def points(n_items: int, dimension: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n_items, dimension)).astype(np.float32)


def ranked(vectors: np.ndarray, measure: str = "euclidean") -> np.ndarray:
    return rsa.centered_ranks(rsa.distances(vectors, measure))


@given(NUMBERS, st.integers(0, 2**32 - 1))
@settings(max_examples=200, deadline=None)
def test_correlations_are_scipys_and_none_where_scipy_has_nan(first: np.ndarray, seed: int) -> None:
    second = np.random.default_rng(seed).integers(-2, 3, len(first)).astype(np.float64)
    constant = np.ptp(first) == 0 or np.ptp(second) == 0
    for ours, theirs in ((correlation.spearman, stats.spearmanr), (correlation.pearson, stats.pearsonr)):
        found = ours(first, second)
        if constant:
            assert found is None
        else:
            assert found == pytest.approx(theirs(first, second).statistic, abs=1e-12)


def test_one_number_and_none_have_no_correlation() -> None:
    assert correlation.pearson(np.array([1.0]), np.array([2.0])) is None
    assert correlation.spearman(np.array([]), np.array([])) is None


def test_numbers_in_one_order_correlate_perfectly_however_small_or_large_they_are() -> None:
    values = np.array([1e-300, 2e-300, 5e-300])
    assert correlation.spearman(values, values * 1e299) == pytest.approx(1, abs=1e-12)
    assert correlation.spearman(values, -values) == pytest.approx(-1, abs=1e-12)


@given(NUMBERS, st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_the_bootstrap_is_that_of_a_plain_loop_which_ranks_every_resample(first: np.ndarray, seed: int) -> None:
    second = np.random.default_rng(seed).integers(-2, 3, len(first)).astype(np.float64)
    random = np.random.default_rng(seed)
    expected: list[list[float]] = [[], []]
    for _ in range(60):
        drawn = random.integers(0, len(first), len(first))
        a, b = first[drawn], second[drawn]
        if np.ptp(a) and np.ptp(b):
            expected[0].append(stats.spearmanr(a, b).statistic)
            expected[1].append(stats.pearsonr(a, b).statistic)
    found = correlation.bootstrap(first, second, resamples=60, seed=seed)
    for interval, values in zip(found, expected, strict=True):
        if len(values) < 0.95 * 60:
            assert interval is None
        else:
            assert interval == pytest.approx(np.quantile(values, [0.025, 0.975]), abs=1e-9)


def test_two_pairs_and_no_resamples_have_no_interval() -> None:
    two = np.array([1.0, 2.0])
    assert correlation.bootstrap(two, two, resamples=100, seed=1) == (None, None)
    many = np.arange(100.0)
    assert correlation.bootstrap(many, many, resamples=0, seed=1) == (None, None)
    assert np.array(correlation.bootstrap(many, many, resamples=5, seed=1)) == pytest.approx(np.ones((2, 2)))


@pytest.mark.parametrize("measure", rsa.MEASURES)
@given(st.integers(2, 12), st.integers(2, 9), st.integers(0, 2**32 - 1), st.sampled_from([1e-6, 1.0, 1e6]))
@settings(max_examples=60, deadline=None)
def test_distances_are_scipys(measure: str, n_items: int, dimension: int, seed: int, scale: float) -> None:
    vectors = points(n_items, dimension, seed) * np.float32(scale)
    expected = pdist(vectors.astype(np.float64), SCIPYS[measure])
    assert rsa.distances(vectors, measure) == pytest.approx(expected, rel=1e-9, abs=max(1e-12, 1e-6 * expected.mean()))


@pytest.mark.parametrize("measure", rsa.MEASURES)
def test_distances_of_several_blocks_stand_in_scipys_order(measure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rsa, "_BLOCK", 7)
    vectors = points(30, 5)
    assert rsa.distances(vectors, measure) == pytest.approx(
        pdist(vectors.astype(np.float64), SCIPYS[measure]), abs=1e-11
    )


def test_equal_distances_are_equal_to_the_last_digit() -> None:
    """Rounding would break ties: corners of a simplex, and items that are there twice."""
    corners = np.eye(6, dtype=np.float32) * np.float32(0.3)
    turned = (corners @ stats.ortho_group.rvs(6, random_state=1).astype(np.float64)).astype(np.float32)
    for measure in ("cosine", "euclidean"):
        assert len(set(rsa.distances(corners, measure))) == 1
        twice = rsa.distances(np.concatenate([turned, turned]), measure)
        assert np.count_nonzero(twice == 0) == 6


@pytest.mark.parametrize("measure", ["cosine", "euclidean"])
def test_vectors_that_are_all_the_same_correlate_with_nothing(measure: str) -> None:
    vectors = np.full((9, 3), np.float32(0.1))
    assert set(rsa.distances(vectors, measure)) == {0.0}
    same, other = ranked(vectors, measure), ranked(points(9, 3), measure)
    for pair in ((same, other), (other, same), (same, same)):
        assert rsa.spearman(*pair) is None
        assert rsa.kendall(*pair) is None
    found = rsa.permutation_correlations(same, [other, same], 9, permutations=3, seed=1)
    assert found.tolist() == [[0, 0]] * 3
    assert rsa.p_value(None, found[:, 0]) is None


def test_rows_without_a_direction_are_known() -> None:
    vectors = np.array([[0, 0], [1, 1], [1, 2]], np.float32)
    assert rsa.has_direction(vectors, "cosine").tolist() == [False, True, True]
    assert rsa.has_direction(vectors, "pearson").tolist() == [False, False, True]
    assert rsa.has_direction(vectors, "euclidean").tolist() == [True, True, True]


@pytest.mark.parametrize("measure", rsa.MEASURES)
@given(st.integers(4, 12), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_rho_and_tau_are_scipys_on_scipys_distances(measure: str, n_items: int, seed: int) -> None:
    a = points(n_items, 5, seed)
    b = a[:, :4] + points(n_items, 4, seed + 1)
    theirs = [pdist(each.astype(np.float64), SCIPYS[measure]) for each in (a, b)]
    ours = ranked(a, measure), ranked(b, measure)
    assert rsa.spearman(*ours) == pytest.approx(stats.spearmanr(*theirs).statistic, abs=1e-12)
    assert rsa.kendall(*ours) == pytest.approx(stats.kendalltau(*theirs).statistic, abs=1e-12)


def test_a_permutation_moves_the_items_not_the_distances() -> None:
    a, b = points(9, 3, 1), points(9, 4, 2)
    found = rsa.permutation_correlations(ranked(a), [ranked(b)], 9, permutations=20, seed=5)
    random = np.random.default_rng(5)
    for value in found[:, 0]:
        order = random.permutation(9)
        expected = stats.spearmanr(pdist(a[order].astype(np.float64)), pdist(b.astype(np.float64))).statistic
        assert value == pytest.approx(expected, abs=1e-12)


def test_the_p_value_is_that_of_all_orders_of_five_items() -> None:
    a = points(5, 3, 3)
    b = a + points(5, 3, 4) * np.float32(0.7)
    theirs = [pdist(each.astype(np.float64)) for each in (a, b)]
    observed = stats.spearmanr(*theirs).statistic
    every = [
        stats.spearmanr(pdist(a[list(order)].astype(np.float64)), theirs[1]).statistic
        for order in itertools.permutations(range(5))
    ]
    exact = np.mean(np.array(every) >= observed - 1e-9)
    found = rsa.permutation_correlations(ranked(a), [ranked(b)], 5, permutations=20_000, seed=1)
    p_value = rsa.p_value(rsa.spearman(ranked(a), ranked(b)), found[:, 0])
    assert 0 < exact < 0.5
    assert p_value == pytest.approx(exact, abs=5 * np.sqrt(exact / 20_000))


def test_the_p_value_counts_the_observed_order_as_one() -> None:
    assert rsa.p_value(0.5, np.array([0.1, 0.5, 0.6])) == 3 / 4
    assert rsa.p_value(0.7, np.array([0.1, 0.5, 0.6])) == 1 / 4
    assert rsa.p_value(0.7, np.array([])) is None


def test_a_permutation_that_changes_nothing_counts_although_its_sum_is_rounded() -> None:
    """Of three items with two equal sides, a third of the orders give the same matrix."""
    vectors = np.array([[0], [1], [3]], np.float32)
    found = rsa.permutation_correlations(ranked(vectors), [ranked(vectors)], 3, permutations=600, seed=1)[:, 0]
    assert rsa.p_value(1.0, found) == pytest.approx(1 / 6, abs=0.06)
    assert np.count_nonzero(found > 1 - 1e-12) == round((rsa.p_value(1.0, found) or 0) * 601) - 1


def test_permutations_are_shared_by_all_that_are_compared_and_told() -> None:
    told: list[int] = []
    a, b, c = (ranked(points(8, 3, seed)) for seed in (1, 2, 3))
    both = rsa.permutation_correlations(a, [b, c], 8, permutations=6, seed=9, report=told.append)
    for column, other in enumerate((b, c)):
        alone = rsa.permutation_correlations(a, [other], 8, permutations=6, seed=9)
        assert both[:, column] == pytest.approx(alone[:, 0], abs=1e-15)
    assert told == [1, 2, 3, 4, 5, 6]


def test_the_noise_ceiling_worked_by_hand() -> None:
    """Three subjects' distances of three items, and the ranks of the sums: [3, 7, 8] has the ranks 1 2 3; without the first
    subject [2, 5, 5] has 1 2.5 2.5, whose ρ with 1 2 3 is 1.5 / sqrt(2 * 1.5), and so on."""
    subjects = [np.array(each) - 2.0 for each in ([1, 2, 3], [1, 2, 3], [1, 3, 2])]
    half, tied = 0.5, 1.5 / np.sqrt(2 * 1.5)
    lower, upper = rsa.noise_ceiling(subjects)
    # Of all: 3 7 8. Without the first (or the second): 2 5 5. Without the third: 2 4 6.
    assert upper == pytest.approx((1 + 1 + half) / 3, abs=1e-12)
    assert lower == pytest.approx((tied + tied + half) / 3, abs=1e-12)


@given(st.integers(2, 5), st.integers(3, 7), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_the_noise_ceiling_is_that_of_a_plain_loop(n_subjects: int, n_items: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    matrices = random.integers(0, 4, (n_subjects, n_items * (n_items - 1) // 2)).astype(np.float64)
    matrices[:, 0] = 9  # none is constant
    ranks = np.array([stats.rankdata(row) for row in matrices])
    upper, lower = [], []
    for index in range(n_subjects):
        others = np.delete(ranks, index, axis=0).mean(axis=0).round(9)
        lower.append(stats.spearmanr(ranks[index], others).statistic)
        upper.append(stats.spearmanr(ranks[index], ranks.mean(axis=0).round(9)).statistic)
    found = rsa.noise_ceiling([rsa.centered_ranks(row) for row in matrices])
    assert found == (pytest.approx(np.mean(lower), abs=1e-9), pytest.approx(np.mean(upper), abs=1e-9))
    assert found[0] <= found[1] + 1e-9  # type: ignore[operator]


def test_subjects_that_cancel_each_other_have_no_ceiling() -> None:
    assert rsa.noise_ceiling([np.array([-1.0, 0, 1]), np.array([1.0, 0, -1])])[1] is None


def test_one_subject_has_no_ceiling_and_one_without_differences_is_left_out() -> None:
    first, second, same = np.array([-1.0, 0, 1]), np.array([0.0, -1, 1]), np.zeros(3)
    assert rsa.noise_ceiling([first]) == (None, None)
    assert rsa.noise_ceiling([first, same]) == (None, None)
    assert rsa.noise_ceiling([first, same, second]) == rsa.noise_ceiling([first, second])


def hsic_cka(x: np.ndarray, y: np.ndarray) -> float:
    """As in the paper: HSIC(K, L) = tr(KHLH) / (n - 1)²."""
    n = len(x)
    centring = np.eye(n) - 1 / n
    k, m = (each.astype(np.float64) @ each.T.astype(np.float64) for each in (x, y))

    def hsic(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.trace(a @ centring @ b @ centring)) / (n - 1) ** 2

    return hsic(k, m) / np.sqrt(hsic(k, k) * hsic(m, m))


@given(st.integers(3, 12), st.integers(1, 14), st.integers(1, 14), st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None)
def test_linear_cka_is_the_slow_formula_with_more_items_and_with_more_dimensions(
    n_items: int, width: int, other: int, seed: int
) -> None:
    x, y = points(n_items, width, seed), points(n_items, other, seed + 1)
    assert rsa.linear_cka(x, y) == pytest.approx(hsic_cka(x, y), abs=1e-9)


@pytest.mark.parametrize(("n_items", "dimension"), [(40, 6), (6, 40)])
def test_linear_cka_does_not_see_rotation_scale_and_place(n_items: int, dimension: int) -> None:
    x = points(n_items, dimension, 1)
    rotation = stats.ortho_group.rvs(dimension, random_state=2)
    turned = (3 * x.astype(np.float64) @ rotation + 5).astype(np.float32)
    assert rsa.linear_cka(x, turned) == pytest.approx(1, abs=1e-5)
    y = points(n_items, 7, 3)
    assert rsa.linear_cka(turned, y) == pytest.approx(rsa.linear_cka(x, y), abs=1e-5)
    stretched = x * np.where(np.arange(dimension) == 0, 50, 1).astype(np.float32)
    assert rsa.linear_cka(x, stretched) < 0.9  # type: ignore[operator]  # it does see other maps


def test_linear_cka_of_vectors_that_are_all_the_same_is_none() -> None:
    assert rsa.linear_cka(np.full((7, 3), np.float32(0.1)), points(7, 3)) is None
    assert rsa.linear_cka(points(7, 3), np.full((7, 9), np.float32(0.1))) is None


def test_the_memory_that_is_foretold_is_taken() -> None:
    """Counted by numpy's own allocations, which tracemalloc sees."""
    import tracemalloc

    a, b = points(1500, 8, 1), points(1500, 8, 2)
    rsa.kendall(ranked(a), ranked(b))  # what is imported and kept is so now
    tracemalloc.start()
    first, second = ranked(a, "cosine"), ranked(b, "cosine")
    rsa.kendall(first, second)
    rsa.permutation_correlations(first, [second], 1500, permutations=1, seed=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 0.5 < peak / rsa.memory_needed(1500, 2) < 1.1
