"""Word vectors come back bit for bit, from whatever they were trained with or read from, and the search in them is that in
unit vectors."""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import word_models
from gensim.models import FastText, KeyedVectors
from gensim.models.fasttext import save_facebook_model
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from program import invoke, records

import nlptool.models.words.saving
from nlptool import catalog
from nlptool.models.words import loading as word_loading
from nlptool.models.words.formats import read as word_files
from nlptool.models.words.vectors import WordVectors
from nlptool.storage import packages

floats = st.floats(width=32, allow_nan=False, allow_infinity=False)
matrices = arrays.arrays(np.float32, st.tuples(st.integers(1, 6), st.integers(1, 5)), elements=floats)


def opened(vectors: np.ndarray, precision: str = "float32") -> WordVectors:
    with tempfile.TemporaryDirectory() as folder:
        words = [f"w{index}" for index in range(len(vectors))]
        return WordVectors(word_models.write(Path(folder, "v"), vectors, words, precision=precision))


def selected(model: str | Path, *words: str) -> np.ndarray:
    """What ``vectors select`` prints, read back as float32."""
    found = records(invoke("vectors", "select", str(model), *words))
    return np.asarray([record["vector"] for record in found], np.float32)


@settings(deadline=None, max_examples=200)
@given(matrices)
def test_a_folder_keeps_every_bit_of_float32(vectors: np.ndarray) -> None:
    found = opened(vectors)
    assert found.vector(np.arange(len(vectors))).tobytes() == vectors.tobytes()  # 0.0 is not -0.0
    assert found.vector(slice(None)).tobytes() == vectors.tobytes()
    assert found.loss == ""


@settings(deadline=None, max_examples=200)
@given(matrices)
def test_cosines_are_right_however_short_or_long_the_vectors_are(vectors: np.ndarray) -> None:
    found = opened(vectors)
    exact = vectors.astype(np.float64)
    lengths = np.linalg.norm(exact, axis=1, keepdims=True)
    units = np.divide(exact, lengths, out=np.zeros_like(exact), where=lengths > 0)
    np.testing.assert_allclose(found.unit(np.arange(len(vectors))), units, atol=1e-6)
    indices, cosines = found.nearest(units.astype(np.float32), len(vectors))
    for row, (where, values) in enumerate(zip(indices, cosines, strict=True)):
        np.testing.assert_allclose(values, units[where] @ units[row], atol=2e-6)


def test_vectors_below_and_above_what_float32_can_square_have_the_cosines_of_others() -> None:
    shape = np.float32([[3, 4, 0], [4, 3, 0], [0, 0, 1]])
    plain = opened(shape).nearest(np.eye(3, dtype=np.float32), 3)
    for factor in (1e-44, 1e-38, 1e-25, 1e25, 8e37):
        found = opened((shape * factor).astype(np.float32)).nearest(np.eye(3, dtype=np.float32), 3)
        assert found[0].tolist() == plain[0].tolist()
        np.testing.assert_allclose(
            found[1], plain[1], atol=0.1 if factor == 1e-44 else 1e-6
        )  # 1e-44 is 7 least numbers


def test_whole_numbers_of_eleven_bits_survive_float16_and_no_number_is_too_large_for_it() -> None:
    counts = np.float32([[9, 0, 2047], [1, -1024, 3]])
    assert opened(counts, "float16").vector([0, 1]).tolist() == counts.tolist()
    large = np.float32([[3e38, 1e38], [1e-40, 2e-40]])
    np.testing.assert_allclose(opened(large, "float16").vector([0, 1]), large, rtol=5e-4)


def test_int8_restores_the_length_and_is_the_same_when_written_again(tmp_path: Path) -> None:
    words, given = word_models.random(50, 20)
    given[3] = 0
    first = WordVectors(word_models.write(tmp_path / "a", given, words, precision="int8"))
    rounded = first.vector(slice(None))
    largest = np.abs(given).max(axis=1, keepdims=True)
    assert np.abs(rounded - given).max() > 0
    assert (np.abs(rounded - given) <= 0.005 * largest).all()
    np.testing.assert_allclose(np.linalg.norm(rounded, axis=1), np.linalg.norm(given, axis=1), rtol=1e-6)
    again = WordVectors(word_models.write(tmp_path / "b", rounded, words, precision="int8"))
    np.testing.assert_allclose(again.vector(slice(None)), rounded, rtol=1e-6)


@pytest.mark.parametrize("int8", [False, True])
def test_folders_of_the_first_format_are_read_and_say_what_they_are(tmp_path: Path, int8: bool) -> None:
    words, given = word_models.random(200, 12)
    folder = word_models.write_unit_vectors(tmp_path / "old", given, words, int8=int8)
    old = WordVectors(folder)
    error = np.abs(old.vector(slice(None)) - given).max(axis=1) / np.abs(given).max(axis=1)
    assert error.max() < (0.005 if int8 else 1e-6)
    np.testing.assert_allclose(np.linalg.norm(old.unit(slice(None)), axis=1), 1, atol=1e-6)
    new = WordVectors(word_models.write(tmp_path / "new", given, words))
    assert (old.nearest(new.unit([7]), 1)[0], new.nearest(old.unit([7]), 1)[0]) == (7, 7)
    if not int8:
        np.testing.assert_array_equal(old.nearest(new.unit([7, 9]), 20)[0], new.nearest(new.unit([7, 9]), 20)[0])
    done = invoke("vectors", "select", str(folder), "w3")
    said = "rounded to 8 bits" if int8 else "by an older nlptool"
    assert said in done.stderr and done.exit_code == 0
    assert invoke("vectors", "select", "-q", str(folder), "w3").stderr == ""
    assert invoke("vectors", "convert", str(folder), "-o", str(tmp_path / "c")).exit_code == 0
    assert WordVectors(tmp_path / "c").vector(slice(None)).tobytes() == old.vector(slice(None)).tobytes()


def test_the_built_in_japanese_vectors_say_that_they_are_rounded() -> None:
    done = invoke("vectors", "select", "aozora-100d", "猫")
    assert "aozora-100d: its numbers are rounded to 8 bits" in done.stderr


TEXT = "green banana\n" * 9 + "green apple\n" * 4 + "the green house by the sea and the yellow sun\n" * 5


@pytest.mark.parametrize(
    "options",
    [
        ("--method", "counts"),
        ("--method", "counts", "--center"),
        ("--method", "ppmi"),
        ("--method", "svd", "--dimension", "3"),
        ("--method", "skipgram", "--dimension", "7", "--epochs", "2"),
        ("--method", "cbow", "--dimension", "7", "--epochs", "2"),
        ("--method", "skipgram", "--dimension", "7", "--epochs", "2", "--subwords", "2-3", "--buckets", "50"),
    ],
)
def test_what_is_trained_is_what_is_printed_and_converted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    trained: list[Any] = []
    write = nlptool.models.words.saving.write

    def watched(folder: Path, parts: Any) -> None:
        trained.append((list(parts.words), np.array(parts.vectors, np.float32)))
        write(folder, parts)

    monkeypatch.setattr(nlptool.models.words.saving, "write", watched)
    folder = tmp_path / "v"
    done = invoke("train", "-o", str(folder), "--min-count", "1", "--deterministic", *options, stdin=TEXT)
    assert done.exit_code == 0, done.stderr
    ((words, vectors),) = trained
    assert selected(folder, *words).tobytes() == vectors.tobytes()
    for format, binary in (("word2vec", True), ("word2vec-text", False)):
        target = str(tmp_path / format)
        assert invoke("vectors", "convert", str(folder), "--to", format, "-o", target).exit_code == 0
        assert KeyedVectors.load_word2vec_format(target, binary=binary).vectors.tobytes() == vectors.tobytes()


def test_nine_bananas_are_nine(tmp_path: Path) -> None:
    folder = str(tmp_path / "v")
    done = invoke("train", "-o", folder, "--method", "counts", "--min-count", "1", "--contexts", "green", stdin=TEXT)
    assert done.exit_code == 0, done.stderr
    lines = invoke("vectors", "select", folder, "banana", "apple", "house").stdout
    assert [line.partition('"vector":')[2] for line in lines.splitlines()] == ["[9.0]}", "[4.0]}", "[5.0]}"]


@pytest.fixture(scope="module")
def fasttext(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    corpus = [["猫", "が", "鳴く"], ["犬", "が", "吠える"]] * 20
    model = FastText(corpus, vector_size=6, min_count=1, bucket=97, min_n=1, max_n=3, epochs=1, seed=1, workers=1)
    path = tmp_path_factory.mktemp("fasttext") / "m.bin"
    save_facebook_model(model, str(path))
    return path.read_bytes()


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("format", ["binary", "text", "glove", "fasttext"])
def test_what_a_file_holds_is_what_is_printed_and_converted(
    tmp_path: Path, fasttext: bytes, format: str, compress: Any
) -> None:
    path = tmp_path / "file"
    if format == "fasttext":
        data = fasttext
    else:
        peer = KeyedVectors(9)
        vectors = np.random.default_rng(5).standard_normal((40, 9)) * np.logspace(-9, 9, 40)[:, None]
        vectors[:4] *= [[0], [1e-25], [1e-32], [1e25]]
        peer.add_vectors([f"語{index}" for index in range(40)], vectors.astype(np.float32))
        peer.save_word2vec_format(str(path), binary=format == "binary", write_header=format != "glove")
        data = path.read_bytes()
    path.write_bytes(compress(data))
    read = word_files.read(path)
    assert selected(path, *read.words).tobytes() == read.vectors.tobytes()
    if format != "fasttext":
        assert read.vectors.tobytes() == peer.vectors.tobytes()
    assert invoke("vectors", "convert", str(path), "-o", str(tmp_path / "folder")).exit_code == 0
    assert selected(tmp_path / "folder", *read.words).tobytes() == read.vectors.tobytes()


def test_the_vectors_of_the_glove_package_are_those_of_its_array() -> None:
    package = packages.package_folder(catalog.KNOWN["glove-6b-50d"].package)
    assert package is not None
    array = np.load(package / "data" / "glove_6B_50d_emb.npy", mmap_mode="r")
    vectors = word_loading.open_vectors("glove-6b-50d")
    assert vectors.loss == ""
    assert vectors.vector(slice(None)).tobytes() == np.asarray(array).tobytes()
