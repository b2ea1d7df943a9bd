"""Classifiers of every architecture give transformers' logits, in onnxruntime and in torch."""

from __future__ import annotations

import json
from pathlib import Path

import classifier_models
import numpy as np
import pytest

from nlptool.errors import ModelError, RunError
from nlptool.models.classifiers import loading, outputs
from nlptool.models.heads import folder as heads_folder
from nlptool.models.heads.task import Task
from nlptool.specs import ClassifierSpec

TEXTS = [
    ("猫が好きです。",),
    ("a cat and a dog", "The cat sleeps."),
    ("long and " * 60,),
    ("x",),
    ("first " * 80, "second one"),
]


def probabilities(logits: list[list[float]]) -> np.ndarray:
    powers = np.exp(np.asarray(logits) - np.max(logits, axis=1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


@pytest.mark.parametrize("kind", classifier_models.CLASSES)
def test_probabilities_are_those_of_transformers(kind: str, tmp_path: Path) -> None:
    folder = classifier_models.save(kind, tmp_path / kind)
    expected = probabilities(classifier_models.logits(folder, TEXTS))
    assert np.ptp(expected, axis=0).max() > 0.05, "the texts differ"
    for engine in ("onnx", "torch"):
        spec = ClassifierSpec(str(folder), engine=engine, max_length=classifier_models.MAX_LENGTH, device="cpu")
        classifier = loading.locate(spec).open()
        assert classifier.engine == engine
        (task,) = classifier.tasks.values()
        assert task.labels == classifier_models.LABELS
        found = classifier.outputs(TEXTS, task)
        np.testing.assert_allclose(found.scores, expected, atol=1e-4)
        assert [entry["truncated"] for entry in found.entries] == [False, False, True, False, True]


def test_a_long_text_in_chunks_is_their_mean(tmp_path: Path) -> None:
    folder = classifier_models.save("bert", tmp_path / "bert")
    text = "one two three four five six seven eight nine ten eleven twelve. " * 8
    located = loading.locate(ClassifierSpec(str(folder), chunk=True, device="cpu"))
    classifier = located.open()
    (task,) = classifier.tasks.values()
    (whole,), (entry,) = (found := classifier.outputs([(text,)], task)).scores, found.entries
    tokenizer = classifier._tokenizer
    (read,) = tokenizer.read([(text,)])
    each = [outputs.scores(classifier._logits([chunk], task), task.kind)[0] for chunk in read.chunks]
    lengths = [len(chunk.ids) for chunk in read.chunks]
    assert entry["n_chunks"] == len(lengths) > 2
    assert not entry["truncated"]
    np.testing.assert_allclose(whole, np.average(each, axis=0, weights=lengths), atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "logits", "expected"),
    [
        ("classification", [[0.0, np.log(3.0)]], [[0.25, 0.75]]),
        ("classification", [[1000.0, -1000.0]], [[1.0, 0.0]]),
        ("multilabel", [[0.0, np.log(3.0), -1000.0, 1000.0]], [[0.5, 0.75, 0.0, 1.0]]),
        ("regression", [[3.5]], [[3.5]]),
    ],
)
def test_what_logits_mean(kind: str, logits: list[list[float]], expected: list[list[float]]) -> None:
    found = outputs.scores(np.asarray(logits, np.float32), kind)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_tasks_of_a_model_of_the_hub(tmp_path: Path) -> None:
    def tasks(**config: object) -> tuple[Task, ...]:
        about = {"architectures": ["BertForSequenceClassification"], "model_type": "bert", **config}
        (tmp_path / "config.json").write_text(json.dumps(about))
        return heads_folder.tasks(tmp_path, "model", heads_folder.CLASSIFIER)

    assert tasks(id2label={"1": "b", "0": "a"}) == (Task("", "classification", 0, ("a", "b"), "accuracy"),)
    assert tasks() == (Task("", "classification", 0, ("LABEL_0", "LABEL_1"), "accuracy"),)
    assert tasks(id2label={"0": "LABEL_0"}) == (Task("", "regression", 0, (), "spearman"),)
    several = tasks(id2label={"0": "a", "1": "b"}, problem_type="multi_label_classification")
    assert several == (Task("", "multilabel", 0, ("a", "b"), "micro_f1"),)
    with pytest.raises(ModelError, match="two of its labels have one name"):
        tasks(id2label={"0": "a", "1": "a"})
    with pytest.raises(ModelError, match="gives 2 numbers for a text"):
        tasks(id2label={"0": "a", "1": "b"}, problem_type="regression")


@pytest.mark.parametrize(
    ("architecture", "reason", "hint"),
    [
        ("BertForMaskedLM", "trained for masked words", "train classifier --method finetune --base model"),
        ("BertForPreTraining", "trained for masked words", "train classifier --method finetune --base model"),
        ("GPT2LMHeadModel", "trained to write on", "generate -m model"),
        ("BertForTokenClassification", "trained for tags of words", "train classifier --method finetune --base model"),
    ],
)
def test_other_models_are_refused(architecture: str, reason: str, hint: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"architectures": [architecture], "model_type": "bert"}))
    with pytest.raises(ModelError, match=reason) as error:
        heads_folder.tasks(tmp_path, "model", heads_folder.CLASSIFIER)
    assert hint in str(error.value.hint)


@pytest.mark.parametrize(
    "manifest",
    [
        {"method": "magic", "tasks": []},
        {"method": "finetune"},
        {"method": "finetune", "tasks": []},
        {"method": "finetune", "tasks": [{"name": ""}]},
        {
            "method": "finetune",
            "tasks": [{"name": "", "kind": "classification", "n_texts": 1, "labels": ["a"], "metric": ""}],
        },
        {"method": "finetune", "tasks": [{"name": "", "kind": "regression", "n_texts": 3, "labels": [], "metric": ""}]},
        {
            "method": "finetune",
            "tasks": 2 * [{"name": "a", "kind": "regression", "n_texts": 1, "labels": [], "metric": ""}],
        },
        {
            "method": "finetune",
            "tasks": [{"name": "a", "kind": "multilabel", "n_texts": 1, "labels": "ab", "metric": ""}],
        },
    ],
)
def test_damaged_manifests(manifest: dict[str, object], tmp_path: Path) -> None:
    (tmp_path / "classifier.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="is damaged"):
        heads_folder.tasks(tmp_path, "model", heads_folder.CLASSIFIER)


def test_no_room_for_a_pair(tmp_path: Path) -> None:
    folder = classifier_models.save("bert", tmp_path / "bert")
    with pytest.raises(RunError, match="--max-length 4 leaves no room"):
        loading.locate(ClassifierSpec(str(folder), max_length=4, device="cpu")).open()
