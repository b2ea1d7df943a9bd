"""Folders of models, word vectors and indexes whose files are damaged: they are refused with what is wrong, by every command."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from program import invoke

NESTED = "[" * 100_000
NO_OBJECTS = {
    "nested": (NESTED, "its brackets are nested too deep"),
    "nested objects": ('{"a":' * 100_000, "its brackets are nested too deep"),
    "empty": ("", "Expecting value"),
    "array": ("[]", "it holds an array where an object is needed"),
    "no UTF-8": ("\udcff{", "it is not UTF-8"),
}


def write(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8", "surrogateescape"))


def refused(*arguments: str, code: int, stdin: str = "") -> str:
    """Run a command that must end with ``code`` and no result; return its message, in which nothing is a bug of ours."""
    done = invoke(*arguments, stdin=stdin)
    assert (done.exit_code, done.stdout) == (code, ""), done.stderr
    assert "internal error" not in done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Word vectors ``words`` and an index ``corpus``."""
    made = tmp_path_factory.mktemp("folders")
    text = "猫 が 鳴く 犬 が 走る\n" * 200
    assert invoke("train", "word2vec", "-q", "-o", str(made / "words"), stdin=text).exit_code == 0
    built = invoke("index", "build", "-q", "-m", "static-ja-en", "-o", str(made / "corpus"), stdin="猫が鳴く\n")
    assert built.exit_code == 0, built.stderr
    return made


@pytest.mark.parametrize("content", NO_OBJECTS)
def test_manifests_that_are_no_objects(folders: Path, tmp_path: Path, content: str) -> None:
    text, reason = NO_OBJECTS[content]
    for name, manifest in (("words", "vectors.json"), ("corpus", "index.json")):
        shutil.copytree(folders / name, tmp_path / name)
        write(tmp_path / name / manifest, text)
    words, corpus = str(tmp_path / "words"), str(tmp_path / "corpus")
    for arguments in (["neighbors", "-m", words, "猫"], ["vectors", "info", words], ["embed", "-m", words]):
        assert f"vectors.json is damaged: {reason}" in refused(*arguments, code=4, stdin="猫\n")
    for arguments in (["search", "猫", "--corpus", corpus], ["index", "info", corpus], ["index", "update", corpus]):
        assert f"index.json is damaged: {reason}" in refused(*arguments, code=4)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("tokenizer", ["words"], "its tokenizer is an array, not a string"),
        ("dictionary", 1, "its dictionary is a whole number, not a string"),
        ("n_tokens", "many", "its n_tokens is a string, not a whole number"),
        ("format", "1", "it is of format '1'"),
        ("format", 99, "of format 99, written by a newer nlptool"),
        ("files", [], "files are missing or cut off"),
    ],
)
def test_fields_of_word_vectors_of_other_types(
    folders: Path, tmp_path: Path, field: str, value: object, reason: str
) -> None:
    shutil.copytree(folders / "words", tmp_path / "words")
    path = tmp_path / "words" / "vectors.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))
    assert reason in refused("neighbors", "-m", str(tmp_path / "words"), "猫", code=4)


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("vectors.npy", np.zeros((0, 100), np.float32), "vectors.npy holds no vectors"),
        ("vectors.npy", np.array(["a", "b"]), "vectors.npy holds no vectors"),
        ("vectors.npy", np.zeros((5, 3), np.complex64), "vectors.npy holds no vectors"),
        ("norms.npy", np.array(["a"] * 5), "norms.npy holds <U1"),
        ("counts.npy", np.zeros(5), "counts.npy holds float64"),
        ("counts.npy", np.zeros(4, np.int64), "different numbers of words"),
        ("subwords.npy", np.zeros((9, 3), np.float32), "subwords.npy holds no vectors of the words' dimension"),
        ("subwords.npy", np.zeros((9, 100), np.float32), "min_n"),
    ],
)
def test_arrays_of_word_vectors_that_are_none(
    folders: Path, tmp_path: Path, name: str, values: np.ndarray, reason: str
) -> None:
    shutil.copytree(folders / "words", tmp_path / "words")
    np.save(tmp_path / "words" / name, values)
    manifest = tmp_path / "words" / "vectors.json"
    about = json.loads(manifest.read_text())
    about["files"][name] = (tmp_path / "words" / name).stat().st_size
    manifest.write_text(json.dumps(about))
    assert reason in refused("neighbors", "-m", str(tmp_path / "words"), "猫又", code=4)
