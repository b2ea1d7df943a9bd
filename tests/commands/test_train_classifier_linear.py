"""``train classifier --method linear``, and what ``classify`` makes of its folders."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import labelled_examples as examples
import numpy as np
import pytest
from click.testing import Result
from numpy.typing import NDArray
from program import invoke, records, succeeded

from nlptool import catalog
from nlptool.models.store import locate
from nlptool.storage import safetensors

STATIC = "static-ja-en"
LABELS = ["bird", "cat", "dog"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("place")
    for name in ("texts", "pairs", "scores", "several"):
        examples.write(place / f"{name}.jsonl", getattr(examples, name.upper()))
    return place


@pytest.fixture
def train(place: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """``train(*arguments)`` in a folder with examples of every kind."""
    monkeypatch.chdir(place)
    return lambda *arguments: invoke("train", "classifier", "--base", STATIC, "--threads", "1", *arguments)


def about(folder: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(folder, "classifier.json").read_text())
    return found


def classify(folder: str, texts: Sequence[dict[str, Any]], *options: str) -> list[dict[str, Any]]:
    return records(invoke("classify", "-m", f"./{folder}", *options, stdin=examples.jsonl(texts)))


def vectors(texts: Sequence[str]) -> NDArray[np.float64]:
    lines = "".join(f"{text}\n" for text in texts).encode()
    return np.array([record["embedding"] for record in records(invoke("embed", "-m", STATIC, stdin=lines))])


def logits(folder: str, features: NDArray[np.float64], task: str = "") -> NDArray[np.float64]:
    start = f"{task}/" if task else ""
    coefficients, intercepts = (
        safetensors.read(Path(folder, "head.safetensors"), f"{start}{name}") for name in ("coefficients", "intercepts")
    )
    return features @ coefficients.T.astype(float) + intercepts


def softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(values - values.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def test_few_examples_make_a_linear_classifier_which_is_said(train: Callable[..., Result], place: Path) -> None:
    done = succeeded(train("-o", "topic", "texts.jsonl"))
    assert "--method linear: 42 examples, fewer than 1,000" in done.stderr
    assert not (place / "topic.work").exists()
    found = about("topic")
    assert (found["method"], found["base"]) == ("linear", STATIC)
    assert found["scores"]["accuracy"] == 1.0, "the word for the animal is in the text"
    assert found["tasks"][0]["regularisation"]["parameter"] == "C"
    assert sorted(path.name for path in (place / "topic").iterdir()) == [
        "README.md", "classifier.json", "curves.jsonl", "head.safetensors",
    ]  # fmt: skip
    assert "static-ja-en" in (place / "topic" / "README.md").read_text()


def test_probabilities_are_those_of_the_head_on_the_embeddings(train: Callable[..., Result]) -> None:
    succeeded(train("-o", "topic2", "texts.jsonl"))
    texts = [record["text"] for record in examples.TEXTS]
    expected = softmax(logits("topic2", vectors(texts)))
    found = classify("topic2", [{"text": text} for text in texts])
    shares = np.array([[record["probabilities"][label] for label in LABELS] for record in found])
    np.testing.assert_allclose(shares, expected, atol=1e-4)
    assert [record["label"] for record in found] == [record["label"] for record in examples.TEXTS]


def test_pairs(train: Callable[..., Result]) -> None:
    succeeded(train("-o", "same", "pairs.jsonl"))
    u, v = (vectors([record[side] for record in examples.PAIRS]) for side in ("first", "second"))
    expected = softmax(logits("same", np.hstack([u, v, np.abs(u - v), u * v])))
    found = classify("same", examples.PAIRS)
    shares = np.array([[record["probabilities"][label] for label in ("other", "same")] for record in found])
    np.testing.assert_allclose(shares, expected, atol=1e-4)
    assert [record["gold"] for record in found] == [record["label"] for record in examples.PAIRS]


def test_several_tasks_of_all_kinds(train: Callable[..., Result]) -> None:
    tasks = ("--task", "topic=texts.jsonl", "--task", "score=scores.jsonl", "--task", "tags=several.jsonl")
    done = succeeded(train("-o", "tasks", *tasks))
    assert "on dev topic accuracy 1.0000, score spearman" in done.stderr
    texts = [record["text"] for record in examples.TEXTS]
    features = vectors(texts)
    given = [{"text": text} for text in texts]
    values = [record["value"] for record in classify("tasks", given, "--task", "score")]
    np.testing.assert_allclose(values, logits("tasks", features, "score")[:, 0], atol=1e-2)
    assert np.abs(np.array(values) - [record["score"] for record in examples.SCORES]).mean() < 5
    tags = classify("tasks", given, "--task", "tags")
    expected = 1 / (1 + np.exp(-logits("tasks", features, "tags")))
    names = ["bird", "cat", "dog", "stage"]
    shares = [[record["probabilities"][name] for name in names] for record in tags]
    np.testing.assert_allclose(shares, expected, atol=1e-4)
    assert [sorted(record["labels"]) for record in tags] == [sorted(record["labels"]) for record in examples.SEVERAL]


def test_a_folder_as_base_is_found_from_elsewhere_and_its_lack_is_said(
    train: Callable[..., Result], place: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shutil.copytree(locate.packaged(catalog.KNOWN[STATIC]), place / "encoder")
    succeeded(train("-o", "moved", "--base", "./encoder", "texts.jsonl"))
    expected = classify("moved", examples.TEXTS)
    monkeypatch.chdir(tmp_path)
    found = records(invoke("classify", "-m", str(place / "moved"), stdin=examples.jsonl(examples.TEXTS)))
    assert [record["probabilities"] for record in found] == [record["probabilities"] for record in expected]
    shutil.move(place / "encoder", place / "gone")
    done = invoke("classify", "-m", str(place / "moved"), stdin=examples.jsonl(examples.TEXTS))
    assert done.exit_code == 4
    assert done.stdout == ""
    assert str(place / "encoder") in done.stderr
    assert "moved" in done.stderr


def test_the_same_seed_gives_the_same_file(train: Callable[..., Result], place: Path) -> None:
    for name in ("one", "other"):
        succeeded(train("-o", name, "texts.jsonl", "--balance", "--seed", "4"))
    assert (place / "one/head.safetensors").read_bytes() == (place / "other/head.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--base", "nowhere"), 4, "nowhere"),
        (("--base", "bert-mini-ja"), 4, "bert-mini-ja"),
        (("--patience", "2", "--method", "linear"), 2, "--method linear makes no use of --patience"),
        (("--kind", "regression"), 1, "a regression needs numbers"),
        (("--label", "text"), 1, "no text"),
    ],
)
def test_what_is_refused(
    train: Callable[..., Result], place: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    done = train("-o", "refused", *arguments, "texts.jsonl")
    assert (done.exit_code, message in done.stderr) == (code, True), done.stderr
    assert not (place / "refused").exists()
    assert not (place / "refused.work").exists()


def test_a_damaged_head_or_manifest_is_said(train: Callable[..., Result], place: Path) -> None:
    succeeded(train("-o", "whole", "texts.jsonl"))

    def said(change: Callable[[Path], object]) -> str:
        shutil.rmtree(place / "damaged", ignore_errors=True)
        shutil.copytree(place / "whole", place / "damaged")
        change(place / "damaged")
        done = invoke("classify", "-m", "./damaged", stdin="猫\n".encode())
        assert (done.exit_code, done.stdout) == (4, "")
        return done.stderr

    assert "head.safetensors is not there" in said(lambda folder: (folder / "head.safetensors").unlink())
    assert "damaged" in said(lambda folder: (folder / "head.safetensors").write_bytes(b"\x08"))
    manifest = about("whole")
    for change, message in (
        ({"base": None}, "it names no encoder"),
        ({"method": "magic"}, "its method is 'magic'"),
        ({"tasks": []}, "it has no tasks"),
        ({"base": "modern-ja-200d"}, ""),
        ({"tasks": [{**manifest["tasks"][0], "labels": ["a", "b"]}]}, "the task has 2 outputs"),
        ({"tasks": [{**manifest["tasks"][0], "n_texts": 2}]}, "it is another encoder"),
    ):
        changed = json.dumps(manifest | change)
        assert message in said(lambda folder, text=changed: (folder / "classifier.json").write_text(text))
