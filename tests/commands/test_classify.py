"""``classify``: what each record gets, whatever its form, its neighbours in the batch and the model."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import classifier_models
import labelled_examples as examples
import masked_models
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from interruptions import interrupted, resumed_after_every_list
from numpy.typing import NDArray
from program import Run, invoke, records, succeeded

from nlptool.errors import RecordError
from nlptool.models.classifiers.outputs import Outputs
from nlptool.models.heads.task import Task
from nlptool.records.record import Record
from nlptool.tasks.classify import checked, classify

LABELS = classifier_models.LABELS  # bad, good, so-so
TWO = Task("", "classification", 1, ("yes", "no"), "accuracy")


class Fake:
    """A classifier small enough to check by hand: the probability of the first label is the share of the letter a."""

    name, engine, device = "fake", "onnx", "cpu"

    def __init__(self, *tasks: Task) -> None:
        self.tasks = {task.name: task for task in tasks or (TWO,)}

    def outputs(self, texts: Sequence[tuple[str, ...]], task: Task) -> Outputs:
        if any("boom" in text for some in texts for text in some):
            raise ValueError("no booms")
        share = np.array([sum(text.count("a") for text in some) / sum(map(len, some)) for some in texts], np.float32)
        rows = np.stack([share, 1 - share], 1) if task.kind != "regression" else share[:, None]
        rows[["nan" in some[0] for some in texts]] = np.nan
        errors = {n: RecordError("NoVector", "unknown") for n, some in enumerate(texts) if "?" in some[0]}
        return Outputs(rows, [{"n_tokens": len(some[0])} for some in texts], errors)


def one_text(record: Record) -> tuple[str, ...]:
    return (record.text,)


def said(texts: Sequence[str], task: Task = TWO, **options: Any) -> list[Record]:
    given = [Record(text, "x", line) for line, text in enumerate(texts, 1)]
    (done,) = classify([given], Fake(task), task, one_text, **options)  # type: ignore[arg-type]
    return done


def test_each_record_gets_its_class_and_failures_stay_in_their_place() -> None:
    done = said(["aab", "nan", "b", "", "what?", "a boom", "\u3000", "a"])
    assert [record.results.get("label") for record in done] == [
        b'"yes"',
        None,
        b'"no"',
        None,
        None,
        None,
        None,
        b'"yes"',
    ]
    assert done[2].results["probabilities"] == b'{"no":1.0,"yes":0.0}'
    assert done[0].entry == {"model": "fake", "n_tokens": 3}
    errors = [record.error.type if record.error else None for record in done]
    assert errors == [None, "NotFinite", None, "EmptyText", "NoVector", "ModelFailed", "EmptyText", None]


def test_k_and_threshold() -> None:
    several = Task("", "multilabel", 1, ("x", "y"), "micro_f1")
    assert said(["aab"], k=1)[0].results["probabilities"] == b'{"yes":0.6666667}'
    for threshold, labels in ((0.5, b'["x"]'), (0.3, b'["x","y"]'), (0.7, b"[]"), (0.0, b'["x","y"]')):
        (record,) = said(["aab"], several, threshold=threshold)
        assert record.results["labels"] == labels
    numbers = Task("", "regression", 1, (), "spearman")
    assert said(["aabb"], numbers)[0].results == {"value": b"0.5"}


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (("",), "the text is empty"), (("a", " "), "the second text is empty"), (("\u3000", "b"), "the first text is empty"),
        (("", ""), "both texts are empty"), (("a\ud800",), "half a character"),
    ],
)  # fmt: skip
def test_texts_that_are_none(texts: tuple[str, ...], message: str) -> None:
    with pytest.raises(RecordError, match=message):
        checked(texts)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a classifier of transformers, a linear one with two tasks, and examples."""
    place = tmp_path_factory.mktemp("place")
    classifier_models.save("bert", place / "bert")
    for name in ("texts", "pairs", "scores", "several"):
        examples.write(place / f"{name}.jsonl", getattr(examples, name.upper()))
    tasks = [
        f"{name}={place / file}.jsonl"
        for name, file in (("topic", "texts"), ("same", "pairs"), ("tags", "several"), ("score", "scores"))
    ]
    given = [part for task in tasks for part in ("--task", task)]
    succeeded(
        invoke("train", "classifier", "--base", "static-ja-en", *given, "--dev", "0", "-o", str(place / "linear"))
    )
    return place


@pytest.fixture(autouse=True)
def there(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)


BERT = ("classify", "-m", "./bert", "--threads", "1")
TOPIC = ("classify", "-m", "./linear", "--task", "topic")
SAME = ("classify", "-m", "./linear", "--task", "same")


def expected(texts: Sequence[tuple[str, ...]], place: Path) -> NDArray[np.float64]:
    logits = np.asarray(classifier_models.logits(place / "bert", list(texts)))
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def test_text_and_pairs_by_a_model_that_does_not_say_which_it_reads(place: Path) -> None:
    given = [
        {"id": 1, "label": "bad", "text": "The cat sleeps."},
        {"text": "猫が好き", "label": None, "big": 12345678901234567890},
    ]
    found = records(invoke(*BERT, stdin=examples.jsonl(given)))
    shares = np.array([[record["probabilities"][label] for label in LABELS] for record in found])
    np.testing.assert_allclose(shares, expected([(each["text"],) for each in given], place), atol=1e-4)
    assert [list(record) for record in found] == [
        ["id", "gold", "text", "label", "probabilities", "nlptool"], ["text", "gold", "big", "label", "probabilities", "nlptool"],
    ]  # fmt: skip
    assert found[1]["big"] == 12345678901234567890
    assert [record["gold"] for record in found] == ["bad", None]
    assert found[0]["nlptool"]["classify"].keys() == {"model", "n_tokens", "n_unknown", "truncated"}
    two = [("The cat", "sleeps here."), ("猫", "犬")]
    lines = "".join(f"{one}\t{other}\n" for one, other in two).encode()
    found = records(invoke(*BERT, "--first", "1", "--second", "2", stdin=lines))
    shares = np.array([[record["probabilities"][label] for label in LABELS] for record in found])
    np.testing.assert_allclose(shares, expected(two, place), atol=1e-4)


def test_a_pair_of_a_task_of_pairs_comes_in_every_form() -> None:
    pair = ("The cat sings on stage.", "猫が1の1で鳴く。")
    one = records(invoke(*SAME, stdin="\t".join(pair).encode() + b"\n"))[0]["probabilities"]
    for options, stdin in (
        ((), json.dumps({"premise": pair[0], "hypothesis": pair[1]})),
        ((), json.dumps({"first": pair[0], "second": pair[1]})),
        ((), json.dumps({"sentence1": pair[0], "sentence2": pair[1]})),
        (("--first", "a", "--second", "/b/0"), json.dumps({"a": pair[0], "b": [pair[1]]})),
        (("-I", "csv"), f"sentence1,sentence2\n{','.join(pair)}\n"),
        (("-I", "tsv", "--header"), "first\tsecond\n" + "\t".join(pair) + "\n"),
    ):
        found = records(invoke(*SAME, *options, stdin=stdin.encode()))
        assert found[0]["probabilities"] == one, options


def test_the_text_has_any_of_its_usual_names() -> None:
    (one,) = records(invoke(*TOPIC, stdin=b"The cat sings.\n"))
    for options, stdin in (
        ((), '{"sentence":"The cat sings."}'),
        ((), '{"id":"review","review":"The cat sings.","content":"dog"}'),
        (("-I", "csv"), "id,sentence\n1,The cat sings.\n"),
        (("--field", "x"), '{"x":"The cat sings.","text":"dog"}'),
    ):
        (found,) = records(invoke(*TOPIC, *options, stdin=stdin.encode() + b"\n"))
        assert found["probabilities"] == one["probabilities"], options
    table = invoke(*TOPIC, "-f", "table", stdin=b'{"sentence":"The cat sings."}\n').stdout
    assert "The cat sings." in table
    (found,) = records(invoke("classify", "--labels", "cat,dog", stdin=b'{"sentence":"The cat sings."}\n'))
    assert found["label"] == "cat"
    for stdin, message in (
        ('{"sentence":3}', "holds a number, not a string"), ('{"text":"","sentence":"a"}', "the text is empty"),
        ('{"words":"a"}', "the record has no field `text`"),
    ):  # fmt: skip
        (found,) = records(invoke(*TOPIC, stdin=stdin.encode()), 3)
        assert message in found["nlptool"]["error"]["message"]


def test_records_that_fail_in_the_middle() -> None:
    lines = b'{"first":"a cat","second":"dogs"}\n{"first":"a cat","second":""}\n{"first":"a"}\n\xff\t\xff\n'
    lines += b'{"first":"x","second":3}\n'
    lines += b'{"first":"the bird","second":"a dog"}\n'
    done = invoke(*SAME, stdin=lines)
    found = records(done, 3)
    assert [record.get("label") is not None for record in found] == [True, False, False, False, False, True]
    messages = [record["nlptool"].get("error", {}).get("message", "") for record in found]
    for part, message in zip(
        ("", "the second text is empty", "no two texts", "", "no two texts", ""), messages, strict=True
    ):
        assert part in message
    assert "4 of 6 records failed" in done.stderr
    assert len(records(invoke(*SAME, "--on-error", "skip", stdin=lines), 3)) == 2
    assert invoke(*SAME, "--on-error", "fail", stdin=lines).exit_code == 1


def test_every_format() -> None:
    lines = b'The cat sings on stage.\nA dog, a "dog".\n'
    found = records(invoke(*TOPIC, stdin=lines))
    labels = [record["label"] for record in found]
    assert labels == ["cat", "dog"]
    table = invoke(*TOPIC, "-f", "table", stdin=lines).stdout
    assert table.split()[:3] == ["label", "probability", "text"]
    assert "cat" in table
    for form, delimiter in (("csv", ","), ("tsv", "\t")):
        rows = list(csv.DictReader(io.StringIO(invoke(*TOPIC, "-f", form, stdin=lines).stdout), delimiter=delimiter))
        assert [row["label"] for row in rows] == labels
        assert [json.loads(row["probabilities"]) for row in rows] == [record["probabilities"] for record in found]
    succeeded(invoke(*TOPIC, "-o", "out.parquet", stdin=lines))
    (back,) = [records(invoke("embed", "-m", "static-ja-en", "--drop-input", "--id-field", "label", "out.parquet"))]
    assert [record["label"] for record in back] == labels
    several = records(invoke("classify", "-m", "./linear", "--task", "tags", stdin=lines))
    assert several[0]["labels"][0] in ("cat", "stage")
    table = invoke("classify", "-m", "./linear", "--task", "tags", "-f", "table", stdin=lines).stdout
    assert ", ".join(several[0]["labels"]) in table
    value = records(invoke("classify", "-m", "./linear", "--task", "score", stdin=lines))
    assert isinstance(value[0]["value"], float)
    assert value[0]["nlptool"]["classify"]["task"] == "score"
    pairs = invoke(*SAME, "-f", "table", stdin=b"a cat\ta dog\n").stdout
    assert pairs.split()[:4] == ["label", "probability", "first", "second"]
    assert "a dog" in pairs


def test_a_long_text_is_truncated_and_said_or_read_in_chunks(place: Path) -> None:
    text = "The cat sleeps in the garden. " * 40
    done = invoke(*BERT, "--max-length", "32", stdin=text.encode())
    (record,) = records(done)
    assert record["nlptool"]["classify"]["truncated"] is True
    assert record["nlptool"]["classify"]["n_tokens"] == 32
    assert "texts longer than the model takes, of which it read a part: 1" in done.stderr
    done = invoke(*BERT, "--max-length", "32", "--on-long", "chunk", stdin=text.encode())
    (record,) = records(done)
    assert record["nlptool"]["classify"]["truncated"] is False
    assert record["nlptool"]["classify"]["n_chunks"] > 5
    assert sum(record["probabilities"].values()) == pytest.approx(1, abs=1e-5)


@pytest.fixture(scope="module")
def opened(place: Path) -> Any:
    from nlptool.models.classifiers import loading
    from nlptool.specs import ClassifierSpec

    return loading.locate(ClassifierSpec(str(place / "bert"), device="cpu", threads=1)).open()


@given(
    texts=st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=60), min_size=1, max_size=12),
    order=st.randoms(),
)
@settings(max_examples=25)
def test_neighbours_in_a_batch_change_nothing(texts: list[str], order: Any, opened: Any) -> None:
    (task,) = opened.tasks.values()
    whole = opened.outputs([(text,) for text in texts], task).scores
    np.testing.assert_allclose(whole.sum(1), 1, atol=1e-5)
    shuffled = list(range(len(texts)))
    order.shuffle(shuffled)
    again = opened.outputs([(texts[index],) for index in shuffled], task).scores
    np.testing.assert_allclose(again, whole[shuffled], atol=1e-5)
    alone = opened.outputs([(texts[0],)], task).scores
    np.testing.assert_allclose(alone[0], whole[0], atol=1e-5)


def test_a_run_that_is_interrupted_goes_on(tmp_path: Path) -> None:
    examples.write(tmp_path / "in.jsonl", examples.TEXTS[:8])
    out = tmp_path / "out.jsonl"

    def run(*options: str) -> Any:
        return invoke(*TOPIC, str(tmp_path / "in.jsonl"), "-o", str(out), *options)

    assert resumed_after_every_list(run, out) > 2
    interrupted(run, out)
    done = invoke(*SAME, str(tmp_path / "in.jsonl"), "-o", str(out), "--resume")
    assert done.exit_code == 2
    assert "--task" in done.stderr


def test_an_evaluation_of_a_model_is_that_of_its_predictions(place: Path) -> None:
    for task, file in (("topic", "texts"), ("same", "pairs"), ("tags", "several"), ("score", "scores")):
        by_model = records(
            invoke("evaluate", "classification", "-m", "./linear", "--task", task, f"{file}.jsonl", "-f", "jsonl")
        )
        more = ("--label", "score") if task == "score" else ()
        classified = invoke("classify", "-m", "./linear", "--task", task, f"{file}.jsonl")
        assert classified.exit_code == 0, classified.stderr
        judged = records(invoke("evaluate", "classification", *more, "-f", "jsonl", stdin=classified.stdout_bytes))
        differing = {"file", "label", "predicted", "nlptool"}
        one, other = (
            {name: value for name, value in found[0].items() if name not in differing} for found in (by_model, judged)
        )
        assert one == other
        assert one["used"] == 48


def test_an_evaluation_by_numbers_needs_numbers(place: Path) -> None:
    done = invoke("evaluate", "classification", "-m", "./linear", "--task", "score", "texts.jsonl")
    assert done.exit_code == 1
    assert "a regression needs numbers, and 48 of 48 labels are none: `cat`" in done.stderr
    assert "--label NAME names the field or column of the number" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ("-m", "./linear"),
            1,
            "linear has 4 tasks: --task is one of topic (3 labels for a text), same (2 labels for a pair)",
        ),
        (("-m", "./linear", "--task", "topics"), 1, "linear has no task 'topics': its tasks are topic"),
        (("-m", "./bert", "--task", "a"), 1, "bert has no task 'a': it has one task, without a name"),
        (("-m", "./linear", "--task", "topic", "--first", "a", "--second", "b"), 1, "the task reads one text"),
        (("-m", "./linear", "--task", "same", "--first", "a"), 2, "--second"),
        ((), 1, "glue-mini-ja has 6 tasks: --task is one of inference (3 labels for a pair), similarity"),
        (("-m", "./masked"), 4, "train classifier --method finetune --base"),
        (("-m", "bert-mini-ja"), 4, "bert-mini-ja is no classifier: it was trained for masked words"),
        (("-m", "static-ja-en"), 4, "no classifier"),
        (("-m", "mini-en-ja"), 4, "no classifier"),
        (("-m", "nobody/none", "--offline"), 4, "nobody/none"),
        (("-m", "nowhere"), 4, "nowhere"),
        (("-m", "./empty"), 4, "empty"),
        (("-m", "./bert", "--max-length", "4"), 2, "4 is not in the range x>=8"),
        (("--labels", "a"), 2, "two labels are the fewest to choose from"),
        (("--labels", "a,b,a"), 2, "the label 'a' is there twice"),
        (("--labels", "a,,b"), 2, "label 2 of 3 is empty"),
        (("--labels", "a,b", "--task", "c"), 2, "--labels makes no use of --task"),
        (("--labels", "a,b", "--labels-file", "c"), 2, "--labels and --labels-file are two ways"),
        (("--labels-file", "none.txt"), 1, "none.txt"),
        (("--labels", "a,b", "-m", "bert-mini-ja"), 4, "bert-mini-ja"),
        (("-m", "./bert", "-k", "0"), 2, "-k"),
        (("-m", "./bert", "--threshold", "2"), 2, "--threshold"),
    ],
)
def test_what_is_refused(place: Path, arguments: tuple[str, ...], code: int, message: str) -> None:
    if not (place / "masked").exists():
        masked_models.save("bert", place / "masked")
        (place / "empty").mkdir()
    done = invoke("classify", *arguments, stdin="猫\n".encode())
    assert "Traceback" not in done.stderr
    assert (done.exit_code, message in done.stderr, done.stdout) == (code, True, ""), done.stderr


def test_a_damaged_folder_of_transformers(place: Path) -> None:
    def fails(change: Any) -> str:
        shutil.rmtree(place / "damaged", ignore_errors=True)
        shutil.copytree(place / "bert", place / "damaged")
        change(place / "damaged")
        done = invoke("classify", "-m", "./damaged", stdin=b"a\n")
        assert (done.exit_code, done.stdout) == (4, ""), done.stderr
        return done.stderr

    assert "damaged" in fails(lambda folder: (folder / "config.json").write_text("{"))
    assert "tokenizer" in fails(lambda folder: (folder / "tokenizer.json").unlink())
    assert "safetensors" in fails(lambda folder: (folder / "model.safetensors").write_bytes(b"\0" * 9))
    fails(lambda folder: (folder / "model.safetensors").unlink())


def test_a_models_kind_is_known(place: Path) -> None:
    for name in ("linear", "bert"):
        (shown,) = records(invoke("models", "show", f"./{name}", "-f", "jsonl"))
        assert (shown["task"], shown["offline"]) == ("classify", True)
        assert invoke("models", "verify", f"./{name}").exit_code == 0
        assert invoke("models", "path", f"./{name}").stdout == f"{name}\n"
    (shown,) = records(invoke("models", "show", "./linear", "-f", "jsonl"))
    assert shown["base"] == "static-ja-en"
    assert shown["tasks"][0] == {
        "name": "topic",
        "kind": "classification",
        "n_texts": 1,
        "labels": ["bird", "cat", "dog"],
    }
    shutil.copytree(place / "linear", place / "changed")
    (place / "changed" / "head.safetensors").write_bytes(b"")
    done = invoke("models", "verify", "./changed")
    assert done.exit_code == 3
    assert "head.safetensors" in done.stdout + done.stderr
    done = invoke("embed", "-m", "./linear", stdin=b"a\n")
    assert done.exit_code == 4
    assert "a classifier on the vectors of another model" in done.stderr
    assert invoke("models", "list", "--task", "classify").exit_code == 0


def test_zero_shot_says_the_nearest_label_and_its_cosine() -> None:
    done = invoke(
        "classify", "--labels", "スポーツ,政治,料理", stdin="首相が国会で演説した。\n\n野球の試合に勝った。\n".encode()
    )
    found = records(done, 3)
    assert [record.get("label") for record in found] == ["政治", None, "スポーツ"]
    assert list(found[0]["similarities"]) == sorted(
        found[0]["similarities"], key=lambda label: -found[0]["similarities"][label]
    )
    assert found[0]["nlptool"]["classify"]["zero_shot"] is True
    assert "zero-shot" in done.stderr
    vectors = records(invoke("embed", stdin="首相が国会で演説した。\n政治\n".encode()))
    u, v = (np.array(record["embedding"]) for record in vectors)
    assert found[0]["similarities"]["政治"] == pytest.approx(u @ v / np.linalg.norm(u) / np.linalg.norm(v), abs=1e-5)


def test_classification_needs_no_torch(run: Run, place: Path) -> None:
    """In a process of its own, where torch cannot be imported."""
    import os
    import sys

    assert invoke(*BERT, stdin=b"a\n").exit_code == 0, "converted, if it was not yet"
    (place / "blocked").mkdir(exist_ok=True)
    for name in ("torch", "transformers", "sklearn"):
        (place / "blocked" / f"{name}.py").write_text("raise ImportError('not here')")
    path = os.pathsep.join([str(place / "blocked"), *filter(None, [os.environ.get("PYTHONPATH"), *sys.path[:0]])])
    for command in (BERT, TOPIC, ("classify", "--labels", "a,b")):
        done = run(*command, stdin=b"The cat sleeps.\n", env={"PYTHONPATH": path}, cwd=place)
        assert done.returncode == 0, done.stderr.decode()
