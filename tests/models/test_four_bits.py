"""Word vectors in four bits: what is stored, what comes back, and what is refused."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import word_models
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from program import invoke, records

from nlptool.errors import ModelError
from nlptool.geometry.top_k import normalize
from nlptool.models.words import four_bits
from nlptool.models.words.saving import save
from nlptool.models.words.vectors import WordVectors
from nlptool.storage import folders

floats = st.floats(width=32, allow_nan=False, allow_infinity=False)
matrices = arrays.arrays(np.float32, st.tuples(st.integers(1, 6), st.integers(1, 7)), elements=floats)


def opened(vectors: np.ndarray) -> WordVectors:
    with tempfile.TemporaryDirectory() as folder:
        save(Path(folder, "v"), [f"w{index}" for index in range(len(vectors))], vectors, precision="int4")
        return WordVectors(Path(folder, "v"))


def cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.sum(normalize(first) * normalize(second), axis=1)


@settings(deadline=None, max_examples=200)
@given(matrices)
@example(np.float32([[3.4e38, 1e38, -3.4e38], [1e-42, 3e-42, 0]]))
def test_lengths_come_back_and_the_search_is_that_in_what_is_stored(vectors: np.ndarray) -> None:
    found = opened(vectors)
    everything = np.arange(len(vectors))
    exact = np.linalg.norm(vectors.astype(np.float64), axis=1)
    units, stored = found.unit(everything), found.vector(everything).astype(np.float64)
    np.testing.assert_allclose(found.norms, exact, rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(units, axis=1), exact > 0, atol=1e-6)
    largest = np.finfo(np.float32).max
    np.testing.assert_allclose(stored, np.clip(units * exact[:, None], -largest, largest), rtol=1e-5, atol=1e-44)
    indices, scores = found.nearest(units, len(vectors))
    one_by_one = [found.nearest(units[[row]], len(vectors)) for row in everything]
    for row, (where, values) in enumerate(zip(indices, scores, strict=True)):
        np.testing.assert_allclose(values, units[where] @ units[row], atol=2e-6)
        np.testing.assert_allclose(one_by_one[row][1][0], values, atol=2e-6)


def test_a_byte_holds_two_dimensions_and_decodes_as_the_format_says(tmp_path: Path) -> None:
    words, vectors = word_models.random(70, 7)
    save(tmp_path / "v", words, vectors, precision="int4")
    about = json.loads((tmp_path / "v" / "vectors.json").read_text())
    codes, columns, scales = (np.load(tmp_path / "v" / f"{name}.npy") for name in ("vectors", "columns", "scales"))
    assert (about["format"], about["precision"], codes.shape, codes.dtype) == (3, "int4", (70, 4), np.uint8)
    both = np.concatenate([codes & 15, codes >> 4], axis=1)[:, :7]
    by_hand = np.asarray(about["levels"])[both] * columns * scales[:, None]
    np.testing.assert_allclose(WordVectors(tmp_path / "v").unit(slice(None)), by_hand, atol=1e-6)


@pytest.mark.parametrize(("dimension", "least"), [(8, 0.96), (50, 0.98), (201, 0.985)])
def test_the_cosine_with_the_vector_that_was_given_is_near_one(dimension: int, least: float) -> None:
    _, vectors = word_models.random(600, dimension)
    found = cosines(opened(vectors).vector(slice(None)), vectors)
    assert found.mean() > 0.995 and found.min() > least


def test_dimensions_of_unequal_size_cost_nothing_and_those_of_zeros_stay_so() -> None:
    _, vectors = word_models.random(600, 60)
    vectors *= np.logspace(0, -2, 60, dtype=np.float32)  # as principal components are
    vectors[:, 7] = 0
    found = opened(vectors).vector(slice(None))
    assert not found[:, 7].any()
    assert cosines(found, vectors).mean() > 0.99


def test_sparse_vectors_keep_their_zeros() -> None:
    generator = np.random.default_rng(3)
    vectors = (generator.random((400, 500)) * (generator.random((400, 500)) < 0.03)).astype(np.float32)
    vectors[:, 0] = 1
    found = opened(vectors).vector(slice(None))
    assert not found[vectors == 0].any()
    assert cosines(found, vectors).min() > 0.9


def test_counts_and_lengths_too_large_for_four_bytes_are_kept(tmp_path: Path) -> None:
    small = np.eye(2, dtype=np.float32)
    save(tmp_path / "s", ["a", "b"], small, counts=np.array([2**32 - 1, 0]), precision="int4")
    assert np.load(tmp_path / "s" / "counts.npy").dtype == np.uint32
    assert np.load(tmp_path / "s" / "norms.npy").dtype == np.float32
    save(tmp_path / "l", ["a", "b"], small * 2e38 + 1e38, counts=np.array([2**32, 0]), precision="int4")
    found = WordVectors(tmp_path / "l")
    assert found.counts is not None and found.counts.tolist() == [2**32, 0]
    np.testing.assert_allclose(found.norms, [np.hypot(3e38, 1e38)] * 2, rtol=1e-6)


def edited(**changes: Any) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        path = folder / "vectors.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return damage


def saved(name: str, array: Any) -> Callable[[Path], None]:
    return lambda folder: np.save(folder / name, array)


def removed(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


@pytest.mark.parametrize(
    "damage",
    [
        edited(levels=None), edited(levels=[1] * 15), edited(levels=[1.5] * 16), edited(levels=[300] * 16),
        edited(levels="x" * 16), edited(dimension=9), edited(dimension=5), edited(dimension="7"), edited(dimension=None),
        edited(precision="int5"),
        saved("vectors.npy", np.zeros((10, 4), np.int8)), saved("vectors.npy", np.zeros((9, 4), np.uint8)),
        saved("vectors.npy", np.zeros(40, np.uint8)), saved("columns.npy", np.ones(6, np.float32)),
        saved("vectors.npy", np.zeros((0, 4), np.uint8)), saved("columns.npy", np.ones(7)),
        saved("columns.npy", np.full(7, np.nan, np.float32)), saved("norms.npy", np.ones(9)),
        saved("scales.npy", np.ones(3, np.float32)), saved("readings.npy", np.ones(9, np.uint16)),
        saved("readings.npy", np.ones(10)), removed("columns.npy"), removed("scales.npy"), removed("words.txt"),
    ],
)  # fmt: skip
def test_a_damaged_folder_is_refused_with_a_reason(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    _, vectors = word_models.random(10, 7)
    folder = word_models.write(tmp_path / "v", vectors, precision="int4")
    damage(folder)
    folders.seal(folder, "vectors.json")  # the sizes of the files are right: what is in them is not
    with pytest.raises(ModelError, match="damaged"):
        WordVectors(folder)
    assert invoke("neighbors", "-m", str(folder), "king").exit_code == 4


@pytest.mark.parametrize("name", ["vectors.npy", "columns.npy", "norms.npy", "scales.npy", "words.txt", "vectors.json"])
@pytest.mark.parametrize("cut", [0, 0.5])
def test_a_folder_that_was_cut_off_is_refused(tmp_path: Path, name: str, cut: float) -> None:
    folder = word_models.write(tmp_path / "v", np.eye(10), precision="int4")
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: int(len(data) * cut)])
    with pytest.raises(ModelError, match="damaged"):
        WordVectors(folder)


def test_what_cannot_be_a_vocabulary_is_refused_before_a_folder_is_there(tmp_path: Path) -> None:
    pair = np.eye(2)
    for words, said in (
        (["a\nb", "c"], "line break"),
        (["a", "\ud800"], "half a character"),
        (["a"], "1 words, 2 vectors"),
    ):
        with pytest.raises(ModelError, match=said):
            save(tmp_path / "v", words, pair)
    with pytest.raises(ModelError, match="differ"):
        save(tmp_path / "v", ["a", "b"], pair, counts=np.array([1, 2, 3]))
    with pytest.raises(ModelError, match="not finite"):
        save(tmp_path / "v", ["a", "b"], np.array([[1, np.nan], [0, 1]]), precision="int4")
    assert not list(tmp_path.iterdir())


def test_every_command_answers_from_what_is_stored(tmp_path: Path) -> None:
    words = [f"word{index}" for index in range(300)]
    words[5] = "New York"
    vectors = np.random.default_rng(8).normal(size=(300, 31)).astype(np.float32)
    save(tmp_path / "whole", words, vectors, tokenizer="whitespace")
    four, whole = str(tmp_path / "four"), str(tmp_path / "whole")
    assert invoke("vectors", "convert", whole, "-o", four, "--precision", "int4").exit_code == 0
    units = WordVectors(Path(four)).unit(slice(None)).astype(np.float64)
    (found,) = records(invoke("neighbors", "-m", four, "New York", "-k", "3", "-f", "jsonl"))
    order = np.argsort(-(units @ units[5]))[1:4]
    assert [answer["word"] for answer in found["neighbors"]] == [words[index] for index in order]
    (found,) = records(invoke("analogy", "-m", four, "New York", "word7", "word9", "-k", "1", "-f", "jsonl"))
    scores = units @ normalize(units[5] - units[7] + units[9])
    scores[[5, 7, 9]] = -1
    assert found["answers"] == [{"word": words[scores.argmax()], "similarity": pytest.approx(scores.max(), abs=1e-6)}]
    done = invoke("vectors", "select", four, "New York")
    assert "rounded to 4 bits" in done.stderr
    np.testing.assert_allclose(records(done)[0]["vector"], WordVectors(Path(four)).vector([5])[0], rtol=1e-6)
    (found,) = records(invoke("vectors", "info", four, "-f", "jsonl"))
    assert (found["precision"], found["dimension"], found["n_words"], found["format"]) == ("int4", 31, 300, 3)
    again = invoke("vectors", "convert", four, "-o", str(tmp_path / "again"))
    assert again.exit_code == 0 and "levels" not in WordVectors(tmp_path / "again").about
    np.testing.assert_allclose(WordVectors(tmp_path / "again").unit(slice(None)), units, atol=1e-6)


def test_training_saves_them(tmp_path: Path) -> None:
    text = "green banana\n" * 9 + "the green house by the sea and the yellow sun\n" * 5
    options = ["--min-count", "1", "--dimension", "9", "--epochs", "2", "--save-dtype", "int4"]
    done = invoke("train", "word2vec", "-o", str(tmp_path / "v"), *options, stdin=text)
    assert done.exit_code == 0, done.stderr
    found = WordVectors(tmp_path / "v")
    assert (found.precision, found.dimension, found.index("banana") is not None) == ("int4", 9, True)


def test_the_two_grids_are_symmetric() -> None:
    for grid, distinct in ((four_bits.DENSE, 16), (four_bits.SPARSE, 15)):
        assert len(grid.levels) == 16 and len(set(grid.levels)) == distinct
        assert sorted({-level for level in grid.levels}) == sorted(set(grid.levels))
