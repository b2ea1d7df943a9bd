"""Metrics of classifiers, against scikit-learn, scipy, slow loops and numbers worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sklearn_metrics

from nlptool.models.classifiers import counts, metrics

pytestmark = pytest.mark.filterwarnings("ignore:::sklearn")  # of classes that are missing, which is what is tested

SEEDS = st.integers(0, 2**32 - 1)


def classes(seed: int, n: int, n_classes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gold classes, predictions and probabilities, in which some classes may be missing."""
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.full(n_classes, 0.5), n).astype(np.float32)
    gold = np.where(random.random(n) < 0.6, probabilities.argmax(axis=1), random.integers(0, n_classes, n))
    return gold, probabilities.argmax(axis=1), probabilities


def of_sklearn(gold: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    return {
        "accuracy": sklearn_metrics.accuracy_score(gold, predicted),
        "macro_f1": sklearn_metrics.f1_score(gold, predicted, average="macro", zero_division=0),
        "f1": sklearn_metrics.f1_score(gold == 1, predicted == 1, zero_division=0),
        "matthews": sklearn_metrics.matthews_corrcoef(gold, predicted),
    }


@given(SEEDS, st.integers(1, 60), st.integers(2, 9))
@settings(max_examples=150, deadline=None)
def test_scores_of_classes_are_those_of_scikit_learn(seed: int, n: int, n_classes: int) -> None:
    gold, predicted, probabilities = classes(seed, n, n_classes)
    expected = of_sklearn(gold, predicted)
    expected["log_loss"] = sklearn_metrics.log_loss(gold, probabilities.astype(np.float64), labels=range(n_classes))
    found = metrics.scores("classification", gold, predicted, probabilities, positive=1)
    assert found.pop("ece") == metrics.expected_calibration_error(probabilities, gold)
    needed = metrics.probabilities_of(probabilities, gold, predicted)
    part = metrics.scores("classification", gold, predicted, metrics.Probabilities(of_gold=needed.of_gold))
    assert part["log_loss"] == found["log_loss"] and "ece" not in part
    assert found == pytest.approx(expected, abs=1e-5)  # scikit-learn makes the rows of float32 sum to 1 again


@given(SEEDS, st.integers(1, 60), st.integers(2, 9))
@settings(max_examples=100, deadline=None)
def test_precision_recall_and_counts_are_those_of_scikit_learn(seed: int, n: int, n_classes: int) -> None:
    gold, predicted, _ = classes(seed, n, n_classes)
    found = counts.count(gold, predicted, n_classes)
    expected = sklearn_metrics.precision_recall_fscore_support(
        gold, predicted, labels=range(n_classes), zero_division=0
    )
    for ours, theirs in zip((found.precision, found.recall, found.f1, found.gold), expected, strict=True):
        assert ours == pytest.approx(theirs, abs=1e-12)
    matrix = counts.confusion(gold, predicted, n_classes)
    assert matrix.tolist() == sklearn_metrics.confusion_matrix(gold, predicted, labels=range(n_classes)).tolist()


@given(SEEDS, st.integers(1, 40), st.integers(1, 6))
@settings(max_examples=100, deadline=None)
def test_scores_of_several_labels_are_those_of_scikit_learn(seed: int, n: int, n_labels: int) -> None:
    random = np.random.default_rng(seed)
    gold = random.random((n, n_labels)) < 0.3
    predicted = gold ^ (random.random((n, n_labels)) < 0.2)
    found = metrics.scores("multilabel", gold, predicted)
    occurring = np.flatnonzero((gold | predicted).any(axis=0))
    scored = {"zero_division": 0, "labels": occurring}
    expected = {
        "accuracy": sklearn_metrics.accuracy_score(gold, predicted),
        "micro_f1": sklearn_metrics.f1_score(gold, predicted, average="micro", **scored) if len(occurring) else 0,
        "macro_f1": sklearn_metrics.f1_score(gold, predicted, average="macro", **scored) if len(occurring) else 0,
    }
    if n_labels == 1:  # scikit-learn takes a column for two classes
        expected["micro_f1"] = expected["macro_f1"] = sklearn_metrics.f1_score(gold[:, 0], predicted[:, 0])
    assert found == pytest.approx(expected, abs=1e-12)


@given(SEEDS, st.integers(2, 50))
@settings(max_examples=100, deadline=None)
def test_scores_of_numbers_are_those_of_scipy_and_scikit_learn(seed: int, n: int) -> None:
    random = np.random.default_rng(seed)
    gold = random.integers(0, 6, n).astype(np.float64)
    predicted = (gold + random.normal(0, 1, n)).astype(np.float32)
    found = metrics.scores("regression", gold, predicted)
    assert found["mae"] == pytest.approx(sklearn_metrics.mean_absolute_error(gold, predicted), abs=1e-9)
    assert found["rmse"] == pytest.approx(sklearn_metrics.root_mean_squared_error(gold, predicted), abs=1e-9)
    if np.ptp(gold) == 0:
        assert found["pearson"] is None and found["spearman"] is None
    else:
        assert found["pearson"] == pytest.approx(stats.pearsonr(gold, predicted).statistic, abs=1e-6)
        assert found["spearman"] == pytest.approx(stats.spearmanr(gold, predicted).statistic, abs=1e-9)


@given(SEEDS, st.integers(1, 60), st.integers(2, 5), st.integers(1, 20))
@settings(max_examples=100, deadline=None)
def test_the_calibration_error_is_that_of_a_loop_over_bins(seed: int, n: int, n_classes: int, bins: int) -> None:
    gold, predicted, probabilities = classes(seed, n, n_classes)
    confidences, is_right = probabilities.max(axis=1).astype(np.float64), gold == predicted
    expected = 0.0
    for low, high in zip(np.linspace(0, 1, bins + 1)[:-1], np.linspace(0, 1, bins + 1)[1:], strict=True):
        inside = (confidences > low) & (confidences <= high)
        if inside.any():
            expected += inside.mean() * abs(is_right[inside].mean() - confidences[inside].mean())
    assert metrics.expected_calibration_error(probabilities, gold, bins=bins) == pytest.approx(expected, abs=1e-9)


def test_a_calibration_error_worked_by_hand() -> None:
    # Bins of a tenth: (0.8, 0.9] holds 0.9, right, and 0.85, wrong: |1/2 - 0.875|; (0.5, 0.6] holds 0.6, right: |1 - 0.6|.
    probabilities = np.array([[0.9, 0.1], [0.15, 0.85], [0.6, 0.4]])
    gold = np.array([0, 0, 0])
    expected = 2 / 3 * 0.375 + 1 / 3 * 0.4
    assert metrics.expected_calibration_error(probabilities, gold, bins=10) == pytest.approx(expected)
    # Predictions that are not the most probable classes have their own probabilities.
    other = metrics.expected_calibration_error(probabilities, gold, np.array([1, 1, 1]), bins=1)
    assert other == pytest.approx((0.1 + 0.85 + 0.4) / 3)


def test_a_probability_of_0_for_the_gold_class_counts_as_the_least_of_float32() -> None:
    assert metrics.log_loss(np.array([[1.0, 0.0]]), np.array([1])) == pytest.approx(-np.log(2**-23))
    assert metrics.log_loss(np.array([[1.0, 0.0]]), np.array([0])) == 0


def test_matthews_correlation_of_the_four_cells_is_the_phi_coefficient() -> None:
    gold = np.repeat([1, 1, 0, 0], [6, 2, 1, 3])
    predicted = np.repeat(
        [1, 0, 1, 0], [6, 2, 1, 3]
    )  # 6 true positives, 2 false negatives, 1 false positive, 3 true negatives
    expected = (6 * 3 - 1 * 2) / np.sqrt((6 + 1) * (6 + 2) * (3 + 1) * (3 + 2))
    assert metrics.scores("classification", gold, predicted)["matthews"] == pytest.approx(expected)


@pytest.mark.parametrize("predicted", [[0, 0, 0], [0, 1, 0]])
def test_one_class_alone_has_no_correlation_and_scores_all_the_same(predicted: list[int]) -> None:
    found = metrics.scores("classification", np.zeros(3, np.int64), np.array(predicted))
    assert found["matthews"] == 0
    assert found["accuracy"] == pytest.approx(np.mean(np.array(predicted) == 0))


def test_metrics_that_the_kind_lacks_are_left_out() -> None:
    three = np.array([0, 1, 2])
    assert set(metrics.scores("classification", three, three)) == {"accuracy", "macro_f1", "matthews"}


@pytest.mark.parametrize(("gold", "predicted"), [([], []), ([1, 0], [1])])
def test_no_examples_and_different_numbers_of_them_are_refused(gold: list[int], predicted: list[int]) -> None:
    with pytest.raises(ValueError, match=r"gold data \("):
        metrics.scores("classification", np.array(gold, np.int64), np.array(predicted, np.int64))


@pytest.mark.parametrize(
    ("labels", "positive"),
    [
        (("0", "1"), 1),
        (("1", "0"), 0),
        (("True", "false"), 0),
        (("no", "YES"), 1),
        (("陰性", "陽性"), 1),
        (("a",), None),
    ],
)
def test_the_positive_class_is_the_one_called_so_or_the_second(labels: tuple[str, ...], positive: int | None) -> None:
    assert metrics.positive_class(labels) == positive
    assert metrics.positive_class((*labels, "x", "y")) is None


@given(SEEDS, st.integers(1, 40), st.integers(2, 5), st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_intervals_of_classes_are_those_of_a_loop_that_scores_every_resample(
    data: int, n: int, n_classes: int, seed: int
) -> None:
    gold, predicted, probabilities = classes(data, n, n_classes)
    random = np.random.default_rng(seed)
    resampled = []
    for _ in range(20):
        drawn = random.integers(0, n, n)
        resampled.append(of_sklearn(gold[drawn], predicted[drawn]))
        resampled[-1]["log_loss"] = metrics.log_loss(probabilities[drawn], gold[drawn])
    found = metrics.intervals("classification", gold, predicted, probabilities, positive=1, resamples=20, seed=seed)
    assert set(found) == set(resampled[0])
    for name, interval in found.items():
        expected = np.quantile([each[name] for each in resampled], [0.025, 0.975])
        assert interval == pytest.approx(expected, abs=1e-9), name


@given(SEEDS, st.integers(2, 30), st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_intervals_of_labels_and_numbers_are_those_of_a_loop(data: int, n: int, seed: int) -> None:
    values = np.random.default_rng(data)
    gold = values.random((n, 3)) < 0.4
    numbers = values.normal(size=n)
    for kind, first, second in (
        ("multilabel", gold, gold ^ (values.random((n, 3)) < 0.2)),
        ("regression", numbers, numbers + values.normal(size=n)),
    ):
        random = np.random.default_rng(seed)
        draws = [random.integers(0, n, n) for _ in range(40)]
        resampled = [metrics.scores(kind, first[drawn], second[drawn]) for drawn in draws]
        found = metrics.intervals(kind, first, second, resamples=40, seed=seed)
        assert set(found) == set(resampled[0])
        for name, interval in found.items():
            defined = [each[name] for each in resampled if each[name] is not None]
            if len(defined) < 0.95 * 40:
                assert interval is None
            else:
                assert interval == pytest.approx(np.quantile(defined, [0.025, 0.975]), abs=1e-9), name


def test_no_resamples_give_no_intervals() -> None:
    same = np.array([0, 1])
    assert metrics.intervals("classification", same, same, resamples=0) == {}


def test_classes_beyond_those_that_occur_cost_nothing() -> None:
    far = np.array([99_999, 99_999, 5])
    found = metrics.intervals("classification", far, far, positive=7, resamples=200)
    assert found["accuracy"] == (1, 1) and found["f1"] == (0, 0)
