"""``train classifier --method finetune``: the folders that it writes, and what it reads, judges and says."""

from __future__ import annotations

import json
import re
import shutil
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import labelled_examples as examples
import masked_models
import numpy as np
import pytest
import torch
import transformers
from click.testing import Result
from numpy.typing import NDArray
from program import Start, invoke, records, succeeded
from safetensors.torch import load_file, save_file
from sentence_encoders import small_model

from nlptool.errors import RunError
from nlptool.models.heads.tokenizer import ModelInput
from nlptool.tasks.train import classifier as train_task
from nlptool.training import loop
from nlptool.training.checkpoint import Checkpoint, TrainingState
from nlptool.training.finetuning import first_heads
from nlptool.training.finetuning.examples import Rows

KINDS = ("bert", "roberta", "distilbert", "albert", "modernbert", "xlm-roberta", "bert-japanese")
FEW = (
    "--method", "finetune", "--max-length", "32", "--batch-size", "8", "--max-steps", "2", "--learning-rate", "0.001",
    "--threads", "1", "--device", "cpu",
)  # fmt: skip
TASKS = ("--task", "animal=texts.jsonl", "--task", "same=pairs.jsonl", "--task", "score=scores.jsonl")

Texts = Sequence[tuple[str, ...]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small BERT and examples of every kind."""
    place = tmp_path_factory.mktemp("place")
    masked_models.save("bert", place / "base")
    for name in ("texts", "pairs", "scores", "several"):
        examples.write(place / f"{name}.jsonl", getattr(examples, name.upper()))
    return place


@pytest.fixture
def train(place: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """``train(*arguments)`` in that folder."""
    monkeypatch.chdir(place)

    def train(*arguments: str, stdin: bytes = b"") -> Result:
        return invoke("train", "classifier", *FEW, *arguments, stdin=stdin)

    return train


def about(folder: str | Path) -> dict[str, Any]:
    """The manifest of a folder."""
    found: dict[str, Any] = json.loads((Path(folder) / "classifier.json").read_text(encoding="utf-8"))
    return found


def weights(folder: str | Path) -> dict[str, bytes]:
    """All that a training has learned."""
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in sorted(Path(folder).rglob("*.safetensors"))
    }  # fmt: skip


def classified(folder: str | Path, texts: Texts, *options: str) -> list[dict[str, Any]]:
    """What ``nlptool classify`` says of texts or pairs."""
    lines = "".join("\t".join(some) + "\n" for some in texts).encode()
    return records(invoke("classify", "-m", str(Path(folder).absolute()), "--device", "cpu", *options, stdin=lines))


def by_transformers(folder: Path, texts: Texts) -> NDArray[np.float32]:
    """The logits (N, K) that transformers gives for a folder in which no tensor is missing."""
    model, said = transformers.AutoModelForSequenceClassification.from_pretrained(folder, output_loading_info=True)
    assert not said["missing_keys"]
    assert not said["unexpected_keys"]
    assert not said["mismatched_keys"]
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model.eval()
    with torch.no_grad():
        return np.stack([
            model(**tokenizer(*some, return_tensors="pt", truncation=True, max_length=32)).logits[0].numpy()
            for some in texts
        ])  # fmt: skip


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def probabilities(found: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> NDArray[np.float64]:
    return np.array([[record["probabilities"][label] for label in labels] for record in found])


SINGLE: Texts = [("猫が好きです。",), ("The cat sings on stage.",), ("A bird. " * 30,)]
PAIR: Texts = [("犬", "The dog eats."), ("The cat sleeps. " * 20, "鳥が鳴く。")]


@pytest.mark.parametrize("kind", KINDS)
def test_transformers_loads_the_folder_and_gives_the_same_probabilities(
    kind: str, train: Callable[..., Result], place: Path
) -> None:
    masked_models.save(kind, place / "bases" / kind)
    base = place / "bases" / kind / "tokenizer_config.json"
    if kind == "bert-japanese":  # what its dictionary is then depends on the release of transformers
        config = json.loads(base.read_text())
        del config["mecab_kwargs"]
        base.write_text(json.dumps(config))
    for name, texts, labels in (("texts", SINGLE, sorted(examples.ANIMALS)), ("pairs", PAIR, ["other", "same"])):
        folder = place / f"{kind}-{name}"
        succeeded(train("--base", f"./bases/{kind}", f"{name}.jsonl", "-o", str(folder)))
        assert about(folder)["tasks"][0]["labels"] == labels
        expected = softmax(by_transformers(folder, texts))
        assert np.abs(expected - 1 / len(labels)).max() > 0.005, "the head says something"
        found = classified(folder, texts, "--engine", "onnx" if kind == "bert" else "torch")
        np.testing.assert_allclose(probabilities(found, labels), expected, atol=1e-4)
        assert [record["label"] for record in found] == [labels[row] for row in expected.argmax(1)]
        assert [record["nlptool"]["classify"]["truncated"] for record in found] == [False] * (len(texts) - 1) + [True]
        if kind == "bert-japanese":
            config = json.loads((folder / "tokenizer_config.json").read_text())
            assert config["mecab_kwargs"]["mecab_dic"] in ("unidic_lite", "unidic", "ipadic")


def test_each_task_of_several_is_a_folder_of_transformers(train: Callable[..., Result], place: Path) -> None:
    done = succeeded(train("--base", "base", *TASKS, "-o", "tasks"))
    for said in ("task animal: examples: 42, to judge by: 6; labels: bird, cat, dog", "task score: --kind regression"):
        assert said in done.stderr
    assert {task["name"]: (task["kind"], task["n_texts"]) for task in about("tasks")["tasks"]} == {
        "animal": ("classification", 1), "same": ("classification", 2), "score": ("regression", 1),
    }  # fmt: skip
    for name, texts, labels in (("animal", SINGLE, sorted(examples.ANIMALS)), ("same", PAIR, ["other", "same"])):
        expected = softmax(by_transformers(place / "tasks" / name, texts))
        np.testing.assert_allclose(
            probabilities(classified("tasks", texts, "--task", name), labels), expected, atol=1e-4
        )
        alone = classified(place / "tasks" / name, texts, "--engine", "torch")
        np.testing.assert_allclose(probabilities(alone, labels), expected, atol=1e-4)
    expected = by_transformers(place / "tasks" / "score", SINGLE)[:, 0]
    found = [record["value"] for record in classified("tasks", SINGLE, "--task", "score")]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-3)
    encoders = [load_file(place / "tasks" / name / "model.safetensors") for name in ("animal", "same", "score")]
    shared = [name for name in encoders[0] if name.startswith("bert.")]
    assert all(torch.equal(encoders[0][name], other[name]) for name in shared for other in encoders[1:])


def test_values_are_in_the_unit_of_the_scores(train: Callable[..., Result], place: Path) -> None:
    options = ("--max-steps", "300", "--evaluations", "2", "--learning-rate", "0.003")
    succeeded(train("--base", "base", "scores.jsonl", "-o", "numbers", *options))
    texts = [(record["text"],) for record in examples.SCORES]
    gold = np.array([record["score"] for record in examples.SCORES])
    found = np.array([record["value"] for record in classified("numbers", texts, "--engine", "torch")])
    np.testing.assert_allclose(found, by_transformers(place / "numbers", texts)[:, 0], rtol=1e-5)
    assert abs(found.mean() - gold.mean()) < 40  # and not near 0
    assert np.corrcoef(found, gold)[0, 1] > 0.8
    config = json.loads((place / "numbers" / "config.json").read_text())
    assert config["problem_type"] == "regression"
    scores = about("numbers")["scores"]
    assert 0 < scores["mae"] < 40, "of the scores, not of their standard deviations"


def test_several_labels(train: Callable[..., Result], place: Path) -> None:
    done = succeeded(train("--base", "base", "several.jsonl", "-o", "several"))
    assert "--kind multilabel: label is a list" in done.stderr
    labels = ["bird", "cat", "dog", "stage"]
    assert about("several")["tasks"][0]["labels"] == labels
    expected = 1 / (1 + np.exp(-by_transformers(place / "several", SINGLE)))
    found = classified("several", SINGLE, "--threshold", "0.4", "--engine", "torch")
    np.testing.assert_allclose(probabilities(found, labels), expected, atol=1e-4)
    for record, row in zip(found, expected, strict=True):
        chosen = sorted(
            (label for label, p in zip(labels, row, strict=True) if p >= 0.4),
            key=lambda label: -row[labels.index(label)],
        )
        assert record["labels"] == chosen
        assert list(record["probabilities"].values()) == sorted(record["probabilities"].values(), reverse=True)
    config = json.loads((place / "several" / "config.json").read_text())
    assert config["problem_type"] == "multi_label_classification"


@pytest.mark.parametrize("normalize", [False, True])
def test_a_sentence_encoder_stays_one_whose_vectors_the_heads_read(
    normalize: bool, train: Callable[..., Result], place: Path
) -> None:
    """The two texts of a pair are read by themselves: u, v, |u - v|, u * v."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    small_model(place / f"mean-{normalize}", Pooling(32, pooling_mode="mean"), normalize=normalize)
    succeeded(train("--base", f"mean-{normalize}", *TASKS, "-o", "mean-tasks"))
    assert about("mean-tasks")["pooling"] == "sentence"
    encoder = SentenceTransformer(str(place / "mean-tasks"), device="cpu")
    heads = load_file(place / "mean-tasks" / "head.safetensors")

    def logits(name: str, features: Any) -> Any:
        return features @ heads[f"{name}/coefficients"].numpy().T + heads[f"{name}/intercepts"].numpy()

    alone = encoder.encode([text for (text,) in SINGLE])
    found = classified("mean-tasks", SINGLE, "--task", "animal")
    expected = softmax(logits("animal", alone))
    np.testing.assert_allclose(probabilities(found, sorted(examples.ANIMALS)), expected, atol=1e-4)
    values = [record["value"] for record in classified("mean-tasks", SINGLE, "--task", "score")]
    np.testing.assert_allclose(values, logits("score", alone)[:, 0], rtol=1e-4)
    first, second = (encoder.encode([pair[side] for pair in PAIR]) for side in (0, 1))
    features = np.concatenate([first, second, np.abs(first - second), first * second], axis=1)
    (task,) = (task for task in about("mean-tasks")["tasks"] if task["name"] == "same")
    found = classified("mean-tasks", PAIR, "--task", "same")
    np.testing.assert_allclose(probabilities(found, task["labels"]), softmax(logits("same", features)), atol=1e-4)


def test_heads_of_a_sentence_encoder_begin_as_linear_classifiers(train: Callable[..., Result], place: Path) -> None:
    from sentence_transformers.sentence_transformer.modules import Pooling

    small_model(place / "unit", Pooling(32, pooling_mode="mean"), normalize=True)
    tasks = ("--base", "./unit", *TASKS)
    unchanged = ("--max-steps", "1", "--learning-rate", "1e-12", "--save-dtype", "float32")
    succeeded(train(*tasks, *unchanged, "-o", "unit-first"))
    succeeded(train(*tasks, *unchanged, "--heads", "random", "-o", "unit-random"))
    succeeded(invoke("train", "classifier", "--method", "linear", *tasks, "-o", "unit-linear"))
    first, random, linear = (
        load_file(place / f"unit-{name}" / "head.safetensors") for name in ("first", "random", "linear")
    )
    assert sorted(first) == sorted(linear)
    for name in ("animal/coefficients", "same/coefficients", "score/coefficients"):
        alike = [
            torch.cosine_similarity(some[name].flatten(), linear[name].flatten(), dim=0) for some in (first, random)
        ]
        assert alike[0] > 0.97  # in a training of few examples the strength of regularisation may be another
        assert alike[1] < 0.5
    assert about("unit-first")["options"]["heads"] == "linear"


def test_of_many_examples_a_random_choice_is_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    row = ModelInput([1, 2], [0, 0])
    rows = Rows([(row,)] * 50, np.arange(50, dtype=np.float32))
    monkeypatch.setattr(first_heads, "MOST_EXAMPLES", 20)
    some = first_heads._some(rows, 1)
    assert len(some.inputs) == len(set(some.targets.tolist())) == 20
    assert some.targets.tolist() != list(range(20))
    assert first_heads._some(rows, 1).targets.tolist() == some.targets.tolist()
    assert first_heads._some(rows, 2).targets.tolist() != some.targets.tolist()


def test_training_and_classification_read_pairs_alike(train: Callable[..., Result], place: Path) -> None:
    """The score that the training had on dev is that of the folder which it wrote."""
    from sentence_transformers.sentence_transformer.modules import Pooling

    small_model(place / "mean-2", Pooling(32, pooling_mode="mean"), normalize=False)
    options = ("--dev", "pairs.jsonl", "--max-steps", "12", "--learning-rate", "1e-3")
    for base in ("base", "mean-2"):
        succeeded(train("--base", base, "pairs.jsonl", "-o", f"{base}-alike", *options))
        (found,) = records(
            invoke("evaluate", "classification", "-m", str(place / f"{base}-alike"), str(place / "pairs.jsonl"))
        )
        assert found["log_loss"] == pytest.approx(about(f"{base}-alike")["scores"]["log_loss"], abs=1e-3)


def test_the_folder_says_how_it_came_about(train: Callable[..., Result], place: Path) -> None:
    options = ("--max-steps", "12", "--evaluations", "3", "--plot", "curves.svg")
    done = succeeded(train("--base", "base", "texts.jsonl", "-o", "told", *options))
    assert "texts.jsonl is read with --text text --label label" in done.stderr
    assert "--kind classification: 3 different labels" in done.stderr
    assert re.search(r"epoch [\d.]+: on dev accuracy \d\.\d{4}", done.stderr)
    assert re.search(r"told: on dev accuracy \d\.\d{4}\n$", done.stderr)
    assert not (place / "told.work").exists()
    found = about("told")
    assert found["method"] == "finetune"
    assert (found["base"], found["pooling"], found["max_length"], found["n_steps"]) == ("base", "cls", 32, 12)
    (task,) = found["tasks"]
    assert task["n_examples"] == 42
    assert task["n_dev_examples"] == 6
    assert task["n_examples_of_label"] == {"bird": 14, "cat": 14, "dog": 14}
    assert found["options"]["learning_rate"] == 0.001
    lines = [json.loads(line) for line in (place / "told" / "curves.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [4, 8, 12]
    best = max(lines, key=lambda line: line["dev_score"])
    assert {f"dev_{name}": value for name, value in found["scores"].items()}.items() <= best.items()
    card = (place / "told" / "README.md").read_text()
    for said in ("pipeline_tag: text-classification", "bird, cat, dog", "42 examples, 6 of dev", "nlptool classify"):
        assert said in card
    for name in ("loss", "accuracy", "epochs"):
        assert f"<!-- {name} -->" in (place / "curves.svg").read_text(), name
    assert str(place) not in "".join(path.read_text() for path in (place / "told").glob("*.[jm][sd]*"))


def test_no_text_of_dev_is_learned_from(
    monkeypatch: pytest.MonkeyPatch, train: Callable[..., Result], place: Path
) -> None:
    """Also where sentences are repeated, within a task and across tasks."""
    animals = [record["text"] for record in examples.TEXTS]
    repeated = [
        {"first": animals[number], "second": animals[number + 1], "label": "ab"[number % 2]}
        for number in range(47) if number % 6 != 5
    ]  # fmt: skip
    examples.write(place / "repeated.jsonl", repeated)
    read: list[Any] = []
    corpus_read = train_task.classifier_corpus.read
    monkeypatch.setattr(
        train_task.classifier_corpus, "read", lambda *given: read.extend(corpus_read(*given)) or read[-2:]
    )
    succeeded(train(
        "--base", "base", "--task", "one=texts.jsonl", "--task", "two=repeated.jsonl", "--dev", "0.25", "-o", "apart"
    ))  # fmt: skip
    learned, judged = (
        {text for task in read for example in getattr(task, part) for text in example.texts}
        for part in ("train", "dev")
    )
    assert all(task.dev and task.train for task in read)
    assert not learned & judged
    assert learned | judged == {*animals}


def test_a_dev_file(train: Callable[..., Result], place: Path) -> None:
    dev = [*examples.TEXTS[:3], {"text": "A new one.", "label": "dog"}, {"text": "A fish.", "label": "fish"}]
    examples.write(place / "dev.jsonl", dev)
    done = succeeded(train("--base", "base", "texts.jsonl", "--dev", "dev.jsonl", "-o", "judged"))
    assert "dev examples with labels that the training does not have, left out: 1" in done.stderr
    assert "3 of 4 dev examples have a text that is learned from, too" in done.stderr
    assert (about("judged")["tasks"][0]["n_examples"], about("judged")["tasks"][0]["n_dev_examples"]) == (48, 4)


def test_a_training_ends_early_and_keeps_its_best_weights(train: Callable[..., Result], place: Path) -> None:
    rng = np.random.default_rng(0)
    senseless = [{**record, "label": "ab"[rng.integers(2)]} for record in examples.TEXTS]
    examples.write(place / "senseless.jsonl", senseless)
    options = ("--base", "base", "senseless.jsonl", "--dev", "0.3", "--max-steps", "60", "--evaluations", "60")
    succeeded(train(*options, "--patience", "3", "-o", "early"))
    lines = [json.loads(line) for line in (place / "early" / "curves.jsonl").read_text().splitlines()]
    scores = [line["dev_score"] for line in lines]
    best = scores.index(max(scores))
    assert len(scores) == best + 4 < 60
    assert about("early")["scores"]["accuracy"] == lines[best]["dev_accuracy"]
    dev_scores = about("early")["scores"]
    succeeded(train(*options, "--keep", "last", "-o", "last"))
    lines = [json.loads(line) for line in (place / "last" / "curves.jsonl").read_text().splitlines()]
    assert len(lines) == 60
    assert about("last")["scores"]["loss"] == lines[-1]["dev_loss"]
    assert about("last")["scores"] != dev_scores


def stopped(run: Callable[[], Result], n_steps: int) -> None:
    """Let a training end, as if it had gone wrong, when its checkpoint has so many steps."""
    save = Checkpoint.save

    def save_and_stop(checkpoint: Checkpoint, state: TrainingState) -> None:
        save(checkpoint, state)
        if state.step == n_steps:
            raise RunError("stopped by the test")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "_CHECKPOINT_SECONDS", -1)
        patch.setattr(Checkpoint, "save", save_and_stop)
        assert "stopped by the test" in run().stderr


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("one", ("texts.jsonl", "--balance", "--dropout", "0.2")),
        ("patient", ("texts.jsonl", "--patience", "4", "--label-smoothing", "0.1", "--layer-decay", "0.8")),
        ("tasks", (*TASKS, "--gradient-accumulation", "2")),
        ("muon", ("pairs.jsonl", "--optimizer", "muon", "--freeze", "1")),
    ],
)
def test_an_interrupted_training_ends_as_one_that_was_not(
    name: str, options: tuple[str, ...], train: Callable[..., Result], place: Path
) -> None:
    options = ("--base", "base", *options, "--max-steps", "9", "--evaluations", "9")
    succeeded(train(*options, "-o", f"{name}-whole"))
    stopped(lambda: train(*options, "-o", f"{name}-stopped"), 4)
    assert not (place / f"{name}-stopped").exists()
    done = succeeded(train(*options, "-o", f"{name}-stopped", "--resume"))
    assert "going on after 4 of 9 steps" in done.stderr
    assert weights(f"{name}-stopped") == weights(f"{name}-whole")
    one, other = (about(f"{name}-{end}") for end in ("stopped", "whole"))
    timed = {"seconds": 0, "files": {}, "sha256": {}}  # the card says how long it took
    assert one | timed == other | timed


def test_another_training_is_not_gone_on_with(train: Callable[..., Result], place: Path) -> None:
    options = ("--base", "base", "texts.jsonl", "--max-steps", "6", "-o", "other")
    stopped(lambda: train(*options), 3)
    for more, said in (
        (("--seed", "7"), "--seed was not given, is now 7"),
        (("--balance",), "--balance"),
        (("--max-length", "16"), "--max-length"),
    ):
        done = train(*options, *more, "--resume")
        assert done.exit_code == 2, done.stderr
        assert said in done.stderr
    shutil.rmtree(place / "other.work")


def test_an_interrupt_of_the_real_program_and_its_resume(
    train: Callable[..., Result], place: Path, start: Start
) -> None:
    options = ("--base", "base", "texts.jsonl", "--max-steps", "200", "--evaluations", "1", "-o", "halted")
    process = start("train", "classifier", *FEW, *options, "--progress", "always", cwd=place)
    assert process.stderr is not None
    shown = b""
    while b"training" not in shown and (chunk := process.stderr.read(4096)):
        shown += chunk
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate()
    assert process.returncode == -signal.SIGINT
    assert "stopping; what is done stays in halted.work: --resume" in rest.decode()
    assert not (place / "halted").exists()
    assert [*(place / "halted.work").glob("classifier-*.safetensors")]
    assert re.search(r"going on after \d+ of 200 steps", succeeded(train(*options, "--resume")).stderr)
    assert not (place / "halted.work").exists()


def test_a_loss_that_is_no_number_stops_the_training(train: Callable[..., Result], place: Path) -> None:
    shutil.copytree(place / "base", place / "vast")
    tensors = load_file(place / "vast" / "model.safetensors")
    tensors["bert.encoder.layer.1.output.dense.weight"] *= 1e38
    save_file(tensors, place / "vast" / "model.safetensors", {"format": "pt"})
    done = train("--base", "vast", "texts.jsonl", "--max-steps", "500", "--evaluations", "1", "-o", "nan")
    assert done.exit_code == 1
    assert "the loss or its gradient is not finite in step 1\n" in done.stderr
    assert "a smaller --learning-rate" in done.stderr
    assert not (place / "nan").exists()
    assert not (place / "nan.work").exists()


def test_a_name_of_the_base_is_kept_without_its_place(train: Callable[..., Result], place: Path) -> None:
    succeeded(train("--base", str(place / "base"), "texts.jsonl", "-o", "whence"))
    assert about("whence")["base"] == "base"
    assert about("whence")["options"]["base"] == "base"


def line(**record: Any) -> bytes:
    return json.dumps(record).encode() + b"\n"


TEXT_FILE = examples.jsonl(examples.TEXTS)


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "message"),
    [
        ((), b"", 1, "no examples are too little to learn from"),
        ((), line(text="a", label="b"), 1, "one example is too little to learn from"),
        ((), line(text="a", label="b") + line(text="c", label="b"), 1, "the examples have one class alone, `b`"),
        (("--dev", "0"), line(text="a", label=1.5) + line(text="b", label=1.5), 1, "all scores are the same"),
        (("--kind", "regression"), TEXT_FILE, 1, "a regression needs numbers, and 48 of 48 labels are none: `cat`"),
        (("--kind", "classification"), b"".join(line(text=f"t{n}", label=n + 0.5) for n in range(40)), 1, "--kind regression"),
        (("--kind", "classification"), examples.jsonl(examples.SEVERAL), 1, "48 of 48 labels are lists"),
        ((), line(text="a", label="") * 3, 1, "the label is empty"),
        ((), line(text="a", label=None) * 3, 1, "the label is null"),
        ((), line(text="a", label={"b": 1}) * 3, 1, "the label is an object"),
        ((), line(words="a", label="b") * 3, 1, "its fields: `words`, `label`"),
        ((), line(text="a", kind="b") * 3, 1, "its fields: `text`, `kind`"),
        ((), line(first="a", second="", label="b") * 3, 1, "empty"),
        ((), b"".join(line(text=f"t{n}", label=f"l{n}") for n in range(1200)), 1, "1,200 different labels"),
        (("--dev", "none.jsonl"), TEXT_FILE, 1, "none.jsonl"),
        (("--dev", "/dev/null"), TEXT_FILE, 1, "/dev/null has no examples to judge by"),
        (("--dev", "2"), TEXT_FILE, 2, "a share is 0 to 0.9"),
        (("--dev", "pairs.jsonl"), TEXT_FILE, 1, "pairs.jsonl"),
        (("none.jsonl",), b"", 1, "none.jsonl"),
        (("--task", "a=texts.jsonl", "--task", "a=pairs.jsonl"), b"", 2, "two tasks are called a"),
        (("--task", "texts.jsonl"), b"", 2, "--task takes NAME=FILE"),
        (("--task", "a/b=texts.jsonl"), b"", 2, "'a/b' cannot"),
        (("--task", "config.json=texts.jsonl"), b"", 2, "'config.json' cannot"),
        (("--task", "a=texts.jsonl", "pairs.jsonl"), b"", 2, "pairs.jsonl belongs to none"),
        (("--task", "a=none.jsonl"), b"", 1, "none.jsonl"),
        (("--task", "a=texts.jsonl", "--label", "b=x"), b"", 1, "`text`, `label`"),
        (("--label", "animal"), TEXT_FILE, 1, "its fields: `text`, `label`"),
        (("--text", "a", "--first", "b", "--second", "c"), TEXT_FILE, 2, "--text names the text of an example that has one"),
        (("--first", "b"), TEXT_FILE, 2, "--first and --second go together"),
        (("--columns", "glue:colla"), TEXT_FILE, 2, "no columns are known of `glue:colla`\n  did you mean glue:cola?"),
        (("--kind", "classes"), TEXT_FILE, 2, "--kind is one of"),
        (("--metric", "bleu"), TEXT_FILE, 2, "--metric is one of"),
        (("--metric", "pearson"), TEXT_FILE, 2, "pearson is no metric of a classification of 3 classes"),
        (("--metric", "f1", "--kind", "multilabel"), examples.jsonl(examples.SEVERAL), 2, "f1 is no metric of a multilabel"),
        (("--task-sampling", "equal"), TEXT_FILE, 2, "a training on one task makes no use of --task-sampling"),
        (("--dev", "0", "--patience", "2"), TEXT_FILE, 2, "--dev 0 makes no use of --patience"),
        (("--keep", "last", "--patience", "2"), TEXT_FILE, 2, "--patience needs a score"),
        (("--freeze", "3"), TEXT_FILE, 4, "base has 2 layers: --freeze 3 is more than all of them"),
        (("--max-length", "4"), TEXT_FILE, 2, "--max-length"),
        (("--base", "nowhere"), TEXT_FILE, 4, "nowhere"),
        (("--base", "nobody/none", "--offline"), TEXT_FILE, 4, "nobody/none"),
        (("--heads", "linear"), TEXT_FILE, 2, "--heads linear reads the vectors of a sentence encoder: --pooling sentence"),
        (("--base", "static-ja-en"), TEXT_FILE, 4, "static-ja-en"),
        (("--method", "linear", "--freeze", "1"), TEXT_FILE, 2, "--method linear makes no use of --batch-size"),
        (("--field", "text"), TEXT_FILE, 2, "--field"),
        (("-o", "texts.jsonl"), TEXT_FILE, 1, "texts.jsonl is a file, and is not replaced"),
        (("-o", "base"), TEXT_FILE, 1, "base"),
        (("--plot", "curves.txt"), TEXT_FILE, 1, "curves.txt"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_with_a_reason(
    train: Callable[..., Result], place: Path, arguments: tuple[str, ...], stdin: bytes, code: int, message: str
) -> None:
    done = train("--base", "base", "-o", "refused", *arguments, stdin=stdin)
    assert "Traceback" not in done.stderr
    assert (done.exit_code, message in done.stderr) == (code, True), done.stderr
    assert not (place / "refused").exists()
    assert not (place / "refused.work").exists()


def test_doubtful_examples_are_said(train: Callable[..., Result]) -> None:
    doubtful = [
        {"text": examples.TEXTS[0]["text"], "label": "dog"},
        {"text": "A lone whale.", "label": "whale"},
        {"text": "No label.", "label": ""},
        {"text": " ", "label": "cat"},
    ]
    done = train("--base", "base", "-o", "doubtful", "texts.jsonl", "-", stdin=examples.jsonl(doubtful))
    assert done.exit_code == 3, done.stderr
    assert "texts that stand there with different labels: 1; all of them are learned from" in done.stderr
    assert "labels with a single example, which can hardly be learned: whale" in done.stderr
    assert "<stdin>:3: the label is empty" in done.stderr
    assert "2 of 52 records failed" in done.stderr
    assert about("doubtful")["tasks"][0]["labels"] == ["bird", "cat", "dog", "whale"]
