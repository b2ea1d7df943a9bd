"""Heads of linear classifiers: the features of pairs, what scores mean, and files, whole and damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nlptool.errors import ModelError
from nlptool.models.classifiers import linear
from nlptool.models.classifiers.linear import LinearHead
from nlptool.storage import safetensors


def head(n_outputs: int = 3, n_features: int = 4, seed: int = 0) -> LinearHead:
    rng = np.random.default_rng(seed)
    return LinearHead(
        rng.standard_normal((n_outputs, n_features)).astype(np.float32),
        rng.standard_normal(n_outputs).astype(np.float32),
    )


def test_the_features_of_a_pair_are_u_v_their_distances_and_their_products() -> None:
    first, second = np.array([[1, -2], [0.5, 3]], np.float32), np.array([[4, 2], [0.5, -1]], np.float32)
    features = linear.pair_features(first, second)
    assert features.tolist() == [[1, -2, 4, 2, 3, 4, 4, -4], [0.5, 3, 0.5, -1, 0, 4, 0.25, -3]]
    assert features.dtype == np.float32
    assert linear.pair_features(first[:0], second[:0]).shape == (0, 8)


def test_scores_of_a_classification_are_a_softmax() -> None:
    of_two = LinearHead(np.array([[0, 0], [1, -1]], np.float32), np.array([0, 0.5], np.float32))
    scores = of_two.scores(np.array([[2, 1], [-300, 300]], np.float32), "classification")
    assert scores[0] == pytest.approx([1 / (1 + np.exp(1.5)), 1 / (1 + np.exp(-1.5))], abs=1e-6)
    assert scores[1].tolist() == [1, 0]
    assert scores.dtype == np.float32


def test_scores_of_labels_and_of_numbers() -> None:
    one = LinearHead(np.array([[2, 0]], np.float32), np.array([-1], np.float32))
    features = np.array([[0.5, 7], [100, 0], [-100, 0]], np.float32)
    assert one.scores(features, "multilabel").ravel() == pytest.approx([0.5, 1, 0])
    assert one.scores(features, "regression").ravel().tolist() == [0, 199, -201]


def test_heads_come_back_as_they_were_saved(tmp_path: Path) -> None:
    path = tmp_path / "head.safetensors"
    linear.save(path, {"topic": head(13, 8), "score": head(1, 32, seed=1)})
    assert sorted(safetensors.header(path)) == [
        "score/coefficients", "score/intercepts", "topic/coefficients", "topic/intercepts",
    ]  # fmt: skip
    for name, expected in (("topic", head(13, 8)), ("score", head(1, 32, seed=1))):
        found = linear.load(path, name, n_outputs=len(expected.intercepts), n_features=expected.n_features)
        assert np.array_equal(found.coefficients, expected.coefficients)
        assert np.array_equal(found.intercepts, expected.intercepts)


def test_the_head_of_one_task_has_no_name(tmp_path: Path) -> None:
    path = tmp_path / "head.safetensors"
    linear.save(path, {"": head()})
    assert sorted(safetensors.header(path)) == ["coefficients", "intercepts"]
    assert linear.load(path, "", n_outputs=3).n_features == 4


def test_a_head_of_another_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "head.safetensors"
    linear.save(path, {"": head()})
    with pytest.raises(ModelError, match="the task has 2 outputs"):
        linear.load(path, "", n_outputs=2)
    with pytest.raises(ModelError, match="trained on 4 features, and the encoder gives 16: it is another encoder"):
        linear.load(path, "", n_outputs=3, n_features=16)
    with pytest.raises(ModelError, match="has no tensor topic/coefficients"):
        linear.load(path, "topic", n_outputs=3)
    with pytest.raises(ModelError, match="is not there"):
        linear.load(tmp_path / "none.safetensors", "", n_outputs=3)


@pytest.mark.parametrize(
    ("coefficients", "intercepts", "message"),
    [
        (np.zeros((2, 3), np.float64), np.zeros(2, np.float32), "no float32 matrix"),
        (np.zeros((2, 3), np.float32), np.zeros(2, np.int64), "no float32 matrix"),
        (np.zeros(6, np.float32), np.zeros(2, np.float32), "no float32 matrix"),
        (np.zeros((2, 3), np.float32), np.zeros((2, 1), np.float32), "the task has 2 outputs"),
        (np.zeros((2, 0), np.float32), np.zeros(2, np.float32), "the task has 2 outputs"),
        (np.full((2, 3), np.nan, np.float32), np.zeros(2, np.float32), "no finite number"),
        (np.zeros((2, 3), np.float32), np.full(2, np.inf, np.float32), "no finite number"),
    ],
)
def test_a_file_with_other_arrays_is_damaged(
    tmp_path: Path, coefficients: NDArray[np.generic], intercepts: NDArray[np.generic], message: str
) -> None:
    path = tmp_path / "head.safetensors"
    safetensors.write_arrays(path, {"coefficients": coefficients, "intercepts": intercepts})
    with pytest.raises(ModelError, match=message):
        linear.load(path, "", n_outputs=2)


@given(st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_is_a_model_error_or_still_a_head(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "head.safetensors"
    linear.save(path, {"": head()})
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content)
    try:
        found = linear.load(path, "", n_outputs=3, n_features=4)
    except ModelError:
        return
    assert found.coefficients.shape == (3, 4)
    assert np.isfinite(found.coefficients).all()
    assert np.isfinite(found.intercepts).all()
