"""Linear classifiers against scikit-learn itself, on features made here, and what cannot be learned from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss
from sklearn.model_selection import PredefinedSplit, cross_val_score

from nlptool.errors import RunError
from nlptool.training.classifier import logistic, ridge
from nlptool.training.classifier.choice import TOO_FEW
from nlptool.training.classifier.folds import fold_numbers
from nlptool.training.classifier.linear import fit
from nlptool.training.classifier.scaling import Scaling

N, WIDTH = 240, 12


def features(n: int = N, width: int = WIDTH, seed: int = 0) -> NDArray[np.float32]:
    """Components of falling variance, not centred, as embeddings have them."""
    rng = np.random.default_rng(seed)
    return (0.3 + rng.standard_normal((n, width)) / np.sqrt(1 + np.arange(width))).astype(np.float32)


def classes(rows: NDArray[np.float32], n_classes: int, seed: int = 1) -> NDArray[np.int64]:
    """Classes that depend on the rows, with noise; the first ones are frequent. Each has examples."""
    rng = np.random.default_rng(seed)
    logits = rows @ rng.standard_normal((rows.shape[1], n_classes)) + rng.gumbel(size=(len(rows), n_classes))
    found = np.argmax(logits - 0.7 * np.arange(n_classes), axis=1)
    found[:n_classes] = np.arange(n_classes)
    return found


def scaled(rows: NDArray[np.float32], n_blocks: int) -> NDArray[np.float64]:
    """Centred features in blocks of the mean variance 1, the plain way."""
    parts = np.split(rows.astype(np.float64), n_blocks, axis=1)
    centred = [part - part.mean(axis=0) for part in parts]
    return np.hstack([part / np.sqrt((part**2).mean()) for part in centred])


def exact(c: float, **more: Any) -> LogisticRegression:
    return LogisticRegression(C=c, tol=1e-8, max_iter=10_000, **more)


@pytest.mark.parametrize("n_classes", [2, 3, 13])
@pytest.mark.parametrize("balance", [False, True])
@pytest.mark.parametrize("n_blocks", [1, 4])
def test_probabilities_are_those_of_scikit_learn(n_classes: int, balance: bool, n_blocks: int) -> None:
    rows = features()
    found = classes(rows, n_classes)
    head, choice = fit(rows, found, kind="classification", n_blocks=n_blocks, balance=balance)
    plain = exact(choice.value, class_weight="balanced" if balance else None).fit(scaled(rows, n_blocks), found)
    expected = plain.predict_proba(scaled(rows, n_blocks))
    assert head.scores(rows, "classification") == pytest.approx(expected, abs=1e-5)
    assert head.coefficients.shape == (n_classes, WIDTH)
    assert choice.n_folds == 5


@pytest.mark.parametrize("balance", [False, True])
def test_each_of_several_labels_is_a_regression_of_its_own(balance: bool) -> None:
    rows = features()
    targets = np.stack([classes(rows, 2, seed) for seed in range(2)], axis=1)
    head, choice = fit(rows, targets, kind="multilabel", balance=balance)
    x = scaled(rows, 1)
    for label in range(2):
        plain = exact(choice.value, class_weight="balanced" if balance else None).fit(x, targets[:, label])
        assert head.scores(rows, "multilabel")[:, label] == pytest.approx(plain.predict_proba(x)[:, 1], abs=1e-5)


@pytest.mark.parametrize(("n", "width"), [(N, WIDTH), (20, 60)])
def test_numbers_are_those_of_scikit_learn(n: int, width: int) -> None:
    rows = features(n, width)
    targets = rows[:, 0] * 2 + 3 + np.random.default_rng(5).standard_normal(n) / 3
    head, choice = fit(rows, targets, kind="regression", n_blocks=4)
    plain = Ridge(alpha=choice.value).fit(scaled(rows, 4), targets)
    assert head.scores(rows, "regression")[:, 0] == pytest.approx(plain.predict(scaled(rows, 4)), abs=1e-5)
    assert (choice.parameter, choice.loss) == ("alpha", "mean squared error")


@pytest.mark.parametrize(("n_classes", "balance"), [(2, False), (3, False), (3, True)])
def test_c_is_that_of_a_plain_loop(n_classes: int, balance: bool) -> None:
    rows = features()
    found = classes(rows, n_classes)
    _, choice = fit(rows, found, kind="classification", balance=balance, seed=7)
    folds = fold_numbers(found, None, 5, 7)
    x = scaled(rows, 1)
    weights = len(found) / (n_classes * np.bincount(found))[found] if balance else np.ones(len(found))
    losses = {}
    for c in logistic.C_VALUES:
        sums = 0.0
        for number in range(5):
            inside, outside = folds == number, folds != number
            model = exact(c).fit(x[outside], found[outside], weights[outside])
            of_fold = model.predict_proba(x[inside])
            sums += log_loss(found[inside], of_fold, normalize=False, sample_weight=weights[inside])
        losses[c] = sums / weights.sum()
    assert choice.value == min(losses, key=losses.__getitem__)
    assert choice.losses == pytest.approx({c: losses[c] for c in choice.losses}, rel=5e-3)
    assert list(choice.losses) == list(logistic.C_VALUES[: len(choice.losses)])
    if not balance:
        scores = cross_val_score(exact(choice.value), x, found, cv=PredefinedSplit(folds), scoring="neg_log_loss")
        assert choice.losses[choice.value] == pytest.approx(-scores.mean(), rel=5e-3)


def test_alpha_is_that_of_a_plain_loop() -> None:
    rows = features(60, 30)
    targets = rows[:, 0] + np.random.default_rng(5).standard_normal(60)
    groups = np.arange(60) // 2
    _, choice = fit(rows, targets, kind="regression", groups=groups)
    ranks = np.argsort(np.argsort(targets, kind="stable"), kind="stable")
    folds = PredefinedSplit(fold_numbers(ranks * 10 // 60, groups, 5, 0))
    losses = {
        alpha: -cross_val_score(
            Ridge(alpha=alpha), scaled(rows, 1), targets, cv=folds, scoring="neg_mean_squared_error"
        )
        for alpha in ridge.ALPHAS
    }
    sizes = np.array([len(test) for _, test in folds.split()])
    means = {alpha: float(of_folds @ sizes / 60) for alpha, of_folds in losses.items()}
    assert choice.losses == pytest.approx(means, rel=1e-6)
    assert choice.value == min(means, key=means.__getitem__)


def test_examples_are_judged_while_they_are_held_out() -> None:
    rows = features()
    found = classes(rows, 3)
    _, choice = fit(rows, found, kind="classification")
    assert choice.held_out is not None
    of_truth = choice.held_out[np.arange(N), found]
    assert -np.log(of_truth).mean() == pytest.approx(choice.losses[choice.value], rel=1e-5)
    assert choice.held_out.sum(axis=1) == pytest.approx(np.ones(N), abs=1e-5)


def test_copies_of_an_example_in_a_group_tell_nothing_about_it() -> None:
    """Classes without reason, each example four times: only copies in other folds could make them predictable."""
    rows = np.repeat(features(60, 40), 4, axis=0)
    found = np.repeat(np.random.default_rng(3).integers(0, 2, 60), 4)
    _, apart = fit(rows, found, kind="classification")
    _, together = fit(rows, found, kind="classification", groups=np.repeat(np.arange(60), 4))
    assert min(apart.losses.values()) < 0.5
    assert min(together.losses.values()) > 0.65


def test_it_is_the_same_every_time_and_the_steps_are_told() -> None:
    rows = features()
    found = classes(rows, 3)
    steps: list[tuple[int, int]] = []
    first, _ = fit(rows, found, kind="classification", progress=lambda done, total: steps.append((done, total)))
    second, _ = fit(rows, found, kind="classification")
    assert np.array_equal(first.coefficients, second.coefficients)
    assert steps == sorted(steps)
    assert steps[-1][0] == steps[-1][1]


def test_a_choice_is_told_as_json() -> None:
    _, choice = fit(features(), classes(features(), 2), kind="classification")
    told = choice.as_dict()
    assert told["parameter"] == "C"
    assert told["value"] == choice.value
    assert told["folds"] == 5
    assert told["losses"][0] == {"C": 1e-4, "loss": choice.losses[1e-4]}


def test_scaling_makes_the_mean_variance_of_each_block_1() -> None:
    rows = features() * np.repeat(np.array([1, 100, 0.01, 1], np.float32), WIDTH // 4)
    rows[:, -3:] = 0.7  # a block that is constant
    found = Scaling.of(rows, 4)(rows, np.float64)
    assert found.mean(axis=0) == pytest.approx(np.zeros(WIDTH), abs=1e-6)
    assert found.var(axis=0).reshape(4, -1).mean(axis=1) == pytest.approx([1, 1, 1, 0])


def test_many_rows_are_scaled_as_few() -> None:
    rows = features(10_000)
    assert Scaling.of(rows, 1)(rows, np.float64) == pytest.approx(scaled(rows, 1), abs=1e-9)


def test_a_class_with_one_example_is_learned_and_not_judged() -> None:
    rows = features()
    found = classes(rows, 3)
    found[found == 2] = 0
    found[17] = 2
    head, choice = fit(rows, found, kind="classification")
    assert head.coefficients.shape == (3, WIDTH)
    assert choice.held_out is not None
    assert np.isnan(choice.held_out[17]).all()
    assert np.isnan(choice.held_out).any(axis=1).sum() == 1
    assert choice.notes == ("examples of classes that have no other ones, which cross-validation does not judge: 1",)


@pytest.mark.parametrize("n", [2, 3, 5])
def test_a_handful_of_examples_gets_the_usual_c(n: int) -> None:
    rows = features(n)
    head, choice = fit(rows, np.arange(n), kind="classification")
    assert choice.value == logistic.USUAL_C
    assert (choice.losses, choice.n_folds, choice.held_out) == ({}, 0, None)
    assert len(choice.notes) == 1
    assert choice.notes[0].startswith("no cross-validation: ")
    assert head.scores(rows, "classification").argmax(axis=1).tolist() == list(range(n))


def test_two_numbers_get_the_usual_alpha() -> None:
    head, choice = fit(features(2), np.array([1.0, 4.0]), kind="regression")
    assert (choice.value, choice.notes, choice.n_folds) == (ridge.USUAL_ALPHA, (TOO_FEW,), 0)
    low, high = head.scores(features(2), "regression")[:, 0]
    assert 1 < low < 2.5 < high < 4


def test_one_group_cannot_be_divided() -> None:
    rows = features()
    _, choice = fit(rows, classes(rows, 2), kind="classification", groups=np.zeros(N, np.int64))
    assert (choice.value, choice.notes) == (logistic.USUAL_C, (TOO_FEW,))


def test_a_class_that_is_all_of_one_group_leaves_the_other_alone() -> None:
    rows = features(40)
    found = np.repeat([0, 1], 20)
    _, choice = fit(rows, found, kind="classification", groups=found)
    assert choice.n_folds == 0
    assert choice.value == logistic.USUAL_C


def test_constant_features_say_nothing() -> None:
    rows = np.ones((N, WIDTH), np.float32)
    found = np.repeat([0, 1], [60, 180])
    head, _ = fit(rows, found, kind="classification")
    assert np.abs(head.coefficients).max() == 0
    assert head.scores(rows[:1], "classification")[0] == pytest.approx([0.25, 0.75], abs=1e-4)


def test_one_feature_is_enough() -> None:
    rows = np.linspace(-1, 1, 40, dtype=np.float32)[:, None]
    head, _ = fit(rows, (rows[:, 0] > 0).astype(np.int64), kind="classification")
    assert head.scores(rows, "classification")[:, 1].tolist() == sorted(head.scores(rows, "classification")[:, 1])
    assert (head.scores(rows, "classification").argmax(axis=1) == (rows[:, 0] > 0)).all()


def test_as_many_features_as_examples() -> None:
    rows = features(48, 48)
    found = classes(rows, 2)
    head, choice = fit(rows, found, kind="classification", n_blocks=4)
    expected = exact(choice.value).fit(scaled(rows, 4), found).predict_proba(scaled(rows, 4))
    assert head.scores(rows, "classification") == pytest.approx(expected, abs=1e-5)


def test_a_thousand_classes() -> None:
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((1000, 16)).astype(np.float32)
    found = np.arange(1200) % 1000
    rows = centres[found] + 0.05 * rng.standard_normal((1200, 16)).astype(np.float32)
    head, choice = fit(rows, found, kind="classification", folds=2)
    assert choice.n_folds == 2
    assert (head.scores(rows, "classification").argmax(axis=1) == found).mean() > 0.9


def test_a_label_that_all_have_and_one_that_none_has() -> None:
    rows = features()
    targets = np.stack([np.ones(N), np.zeros(N), classes(rows, 2)], axis=1)
    head, choice = fit(rows, targets, kind="multilabel")
    scores = head.scores(rows, "multilabel")
    assert scores[:, 0] == pytest.approx(np.full(N, (N + 0.5) / (N + 1)), abs=1e-6)
    assert scores[:, 1] == pytest.approx(np.full(N, 0.5 / (N + 1)), abs=1e-6)
    assert choice.held_out is not None
    assert np.isnan(choice.held_out[:, :2]).all()
    assert not np.isnan(choice.held_out[:, 2]).any()


def test_a_single_label_is_one_output() -> None:
    rows = features()
    head, choice = fit(rows, classes(rows, 2)[:, None], kind="multilabel")
    assert head.coefficients.shape == (1, WIDTH)
    assert choice.held_out is not None
    assert choice.held_out.shape == (N, 1)


@pytest.mark.parametrize(
    ("targets", "kind", "labels", "message"),
    [
        (np.zeros(6, np.int64), "classification", ["yes", "no"], "all 6 examples are of the class 'yes'"),
        (np.array([0, 2, 0, 2, 0, 2]), "classification", [], "the class 1 has no example"),
        (np.array([0, 1, 0, 1, 0, 1]), "classification", ["a", "b", "c"], "the class 'c' has no example"),
        (np.full(6, 2.5), "regression", [], "all 6 examples have the number 2.5"),
        (np.array([0, 1, np.nan, 1, 0, np.inf]), "regression", [], "2 of the numbers to learn are NaN or infinite"),
        (np.zeros(5, np.int64), "classification", [], "6 texts, 5 labels"),
    ],
)
def test_what_cannot_be_learned_from(targets: NDArray[Any], kind: str, labels: list[str], message: str) -> None:
    with pytest.raises(RunError, match=message):
        fit(features(6), targets, kind=kind, labels=labels)


def test_vectors_that_are_no_numbers_are_refused() -> None:
    rows = features()
    rows[3, 2], rows[9, 1] = np.nan, np.inf
    with pytest.raises(RunError, match="the vectors of 2 of 240 examples hold NaN or infinity"):
        fit(rows, classes(features(), 2), kind="classification")


def test_too_many_classes_are_refused_before_they_fill_the_memory() -> None:
    with pytest.raises(RunError, match="100,000 examples of 100,000 classes are too many"):
        fit(features(100_000, 2), np.arange(100_000), kind="classification")
