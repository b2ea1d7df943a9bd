"""``train chooser`` and ``choose``: the folders, and what each record gets."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import heads_models
import labelled_examples as examples
import masked_models
import numpy as np
import pytest
import reading_examples as reading
from click.testing import Result
from program import invoke, records, succeeded

from nlptool.errors import RunError
from nlptool.models.choosers import loading
from nlptool.specs import ChooserSpec
from nlptool.training import loop
from nlptool.training.checkpoint import Checkpoint, TrainingState

FEW = (
    "--max-length", "32", "--batch-size", "8", "--max-steps", "2", "--learning-rate", "0.001", "--threads", "1", "--device",
    "cpu",
)  # fmt: skip
PAIRS = [("The cat sleeps in the garden.", "cat"), ("The cat sleeps in the garden.", "a dog on stage"), ("x", "猫")]


@pytest.fixture(scope="module")
def chooser(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small chooser with random weights."""
    return heads_models.save("bert", tmp_path_factory.mktemp("chooser"), "ForMultipleChoice")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small BERT and examples."""
    place = tmp_path_factory.mktemp("place")
    masked_models.save("bert", place / "base", num_hidden_layers=1)
    examples.write(place / "choices.jsonl", reading.CHOICES)
    return place


@pytest.fixture
def train(place: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """``train(*arguments)`` in that folder."""
    monkeypatch.chdir(place)

    def train(*arguments: str, stdin: str | bytes = b"") -> Result:
        return invoke("train", "chooser", "--base", "./base", *FEW, *arguments, stdin=stdin)

    return train


def check_logits(folder: Path, *, max_length: int = 60, engines: Sequence[str] = ("onnx", "torch")) -> None:
    """Compare a chooser with what transformers gives for its folder."""
    expected = heads_models.choice_logits(folder, PAIRS, max_length=max_length)
    exponentials = np.exp(expected - expected.max())
    for engine in engines:
        found = loading.locate(ChooserSpec(str(folder), engine=engine, device="cpu")).open()
        assert found.engine == engine
        rows = [text.chunks[0] for text in found._tokenizer.read(PAIRS)]
        np.testing.assert_allclose(found._logits(rows), expected, atol=1e-4)
        (chosen,) = found.choose([PAIRS])
        np.testing.assert_allclose(chosen.probabilities, exponentials / exponentials.sum(), atol=1e-4)


@pytest.mark.parametrize(
    ("kind", "engines"),
    [
        ("bert", ("onnx", "torch")), ("roberta", ("onnx", "torch")), ("distilbert", ("onnx", "torch")),
        ("albert", ("torch",)), ("xlm-roberta", ("torch",)), ("electra", ("torch",)),
    ],
)  # fmt: skip
def test_logits_are_those_of_transformers(tmp_path: Path, kind: str, engines: tuple[str, ...]) -> None:
    check_logits(heads_models.save(kind, tmp_path / kind, "ForMultipleChoice"), engines=engines)


def test_a_trained_folder_is_one_of_transformers(train: Callable[..., Result], place: Path) -> None:
    done = succeeded(train("choices.jsonl", "-o", "made"))
    assert "examples of 3 choices: 42, to judge by: 6" in done.stderr
    check_logits(place / "made", max_length=32)
    manifest = json.loads((place / "made" / "chooser.json").read_text(encoding="utf-8"))
    assert manifest["tasks"][0]["n_choices"] == 3
    (shown,) = records(invoke("models", "show", "./made", "-f", "jsonl"))
    assert shown["task"] == "choose"


def test_what_is_learned_is_chosen_and_judged(train: Callable[..., Result]) -> None:
    options = ("--max-steps", "300", "--evaluations", "6", "--learning-rate", "0.002", "--dev", "choices.jsonl")
    done = succeeded(train("choices.jsonl", "-o", "learned", *options))
    accuracy = json.loads(Path("learned/chooser.json").read_text(encoding="utf-8"))["scores"]["accuracy"]
    assert accuracy > 0.9
    assert f"on dev accuracy {accuracy:.4f}" in done.stderr
    done = invoke("choose", "-m", "./learned", "choices.jsonl")
    found = records(done)
    assert [each["gold"] for each in found] == [each["label"] for each in reading.CHOICES]
    n_right = sum(each["gold"] == each["label"] for each in found)
    assert f"accuracy {n_right / 48:.4f}: {n_right} of 48 records with a label" in done.stderr
    assert n_right / 48 == pytest.approx(accuracy, abs=1e-4)
    (judged,) = records(invoke("evaluate", "classification", "-f", "jsonl", stdin=done.stdout))
    assert judged["accuracy"] == pytest.approx(accuracy, abs=1e-4)


def test_each_record_gets_a_choice_and_probabilities(chooser: Path) -> None:
    given: list[dict[str, Any]] = [
        {"question": "Who?", "choices": ["cat", "dog", "bird", "cow"]},
        {"sent1": "The cat sings.", "sent2": "It", "ending0": "sleeps.", "ending1": "eats.", "label": 1},
        {"premise": "It rained.", "choice1": "We stayed.", "choice2": "We went.", "question": "effect", "label": 0},
        {"question": "Who?", "choices": {"text": ["cat", "dog"], "label": ["A", "B"]}, "answerKey": "B"},
    ]
    done = invoke("choose", "-m", str(chooser), stdin=examples.jsonl(given))
    found = records(done)
    for each in found:
        values = [*each["probabilities"].values()]
        assert values == sorted(values, reverse=True)
        assert sum(values) == pytest.approx(1, abs=1e-5)
        assert str(each["label"]) == next(iter(each["probabilities"]))
    assert [len(each["probabilities"]) for each in found] == [4, 2, 2, 2]
    assert [each.get("gold") for each in found] == [None, 1, 0, 1]
    assert found[0]["choice"] == given[0]["choices"][found[0]["label"]]
    assert "of 3 records with a label" in done.stderr
    table = invoke("choose", "-m", str(chooser), "-f", "table", stdin=examples.jsonl(given[:1]))
    assert "probability" in table.stdout
    assert "Who?" in table.stdout


def test_the_right_choice_becomes_a_number_and_nothing_is_said_to_be_replaced(chooser: Path) -> None:
    given = [{"question": "Who?", "choices": ["cat", "dog"], "label": label} for label in ("dog", "1", 1)]
    done = invoke("choose", "-m", str(chooser), stdin=examples.jsonl(given))
    assert [each["gold"] for each in records(done)] == [1, 1, 1]
    assert "replaced" not in done.stderr
    again = invoke("choose", "-m", str(chooser), stdin=done.stdout)
    assert [each["gold"] for each in records(again)] == [1, 1, 1]
    right = sum(each["label"] == 1 for each in records(again))
    assert f"{right} of 3 records with a label" in again.stderr  # the label of the first run is no gold


def test_labels_that_name_no_choice_are_counted_and_kept(chooser: Path) -> None:
    given = [{"question": "Who?", "choices": ["cat", "dog"], "label": label} for label in (7, -1, 0)]
    done = invoke(
        "choose", "-m", str(chooser), stdin=examples.jsonl([*given, {"question": "Who?", "choices": ["a", "b"]}])
    )
    assert [each.get("gold") for each in records(done)] == [7, -1, 0, None]
    assert "records whose label names none of their choices, and which were not judged: 2" in done.stderr
    assert "of 1 records with a label" in done.stderr


def test_choices_do_not_depend_on_their_neighbours(chooser: Path) -> None:
    lines = [json.dumps({**each, "question": each["question"] * n}) for n, each in enumerate(reading.CHOICES[:5], 1)]
    together = records(invoke("choose", "-m", str(chooser), "--deterministic", stdin="\n".join(lines)))
    assert together == [
        records(invoke("choose", "-m", str(chooser), "--deterministic", stdin=line))[0] for line in lines
    ]


def test_an_interrupted_training_ends_as_one_that_was_not(train: Callable[..., Result]) -> None:
    options = ("choices.jsonl", "--max-steps", "9", "--evaluations", "9", "--dropout", "0.2")
    succeeded(train(*options, "-o", "whole"))
    save = Checkpoint.save

    def save_and_stop(self: Checkpoint, state: TrainingState) -> None:
        save(self, state)
        if state.step == 4:
            raise RunError("stopped by the test")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "_CHECKPOINT_SECONDS", -1)
        patch.setattr(Checkpoint, "save", save_and_stop)
        assert "stopped by the test" in train(*options, "-o", "stopped").stderr
    assert "going on after 4 of 9 steps" in succeeded(train(*options, "-o", "stopped", "--resume")).stderr
    assert Path("stopped/model.safetensors").read_bytes() == Path("whole/model.safetensors").read_bytes()


def test_examples_with_another_number_of_choices_are_left_out_and_counted(train: Callable[..., Result]) -> None:
    odd = [{"question": "Who?", "choices": ["a", "b", "c", "d"], "label": 3}] * 2
    done = succeeded(train("choices.jsonl", "-", "-o", "odd", stdin=examples.jsonl(odd)))
    assert "48 with 3 choices" in done.stderr
    assert "examples with another number of choices than 3, left out: 2" in done.stderr


@pytest.mark.parametrize(
    ("command", "arguments", "stdin", "code", "message"),
    [
        ("choose", (), "The cat.\n", 3, "a line of text has no choices"),
        ("choose", (), '{"question":"Who?"}\n', 3, "the record has no choices"),
        ("choose", (), '{"question":"Who?","choices":["a"]}\n', 3, "a choice is one of two or more"),
        ("choose", (), '{"question":"Who?","choices":["a",""," "]}\n', 3, "a choice is one of two or more"),
        ("choose", (), '{"question":"Who?","choices":["a",7]}\n', 3, "choice 1"),
        ("choose", (), '{"question":" ","choices":["a","b"]}\n', 3, "`question` is empty"),
        ("choose", (), '{"question":"Who?","choices":["a","b"],"label":5}\n', 0, ""),
        ("choose", ("-m", "glue-mini-ja"), "x", 4, "glue-mini-ja is no chooser: it was trained for classes"),
        ("choose", ("--max-length", "4"), "x", 2, "4 is not in the range"),
        ("train", (), "", 1, "there are no examples to learn from"),
        ("train", (), "a\nb\n", 1, "most records failed"),
        ("train", (), '{"question":"Who?","choices":["a","b"]}\n', 1, "the record has no label"),
        ("train", (), '{"question":"Who?","choices":["a","b"],"label":2}\n', 1, "there are 2 choices, 0 to 1"),
        ("train", ("--dev", "none.jsonl"), examples.jsonl(reading.CHOICES), 1, "none.jsonl"),
        ("train", ("--dev", "0", "--keep", "last"), examples.jsonl(reading.CHOICES), 2, "--dev 0 makes no use of --keep"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_with_a_reason(
    train: Callable[..., Result],
    chooser: Path,
    tmp_path: Path,
    command: str,
    arguments: tuple[str, ...],
    stdin: str | bytes,
    code: int,
    message: str,
) -> None:
    if command == "train":
        done = train("-o", str(tmp_path / "refused"), *arguments, stdin=stdin)
    else:
        done = invoke("choose", "-m", str(chooser), *arguments, stdin=stdin)
    assert "Traceback" not in done.stderr
    assert (done.exit_code, message in done.stderr) == (code, True), done.stderr


def test_without_a_model_it_says_what_is_needed() -> None:
    done = invoke("choose", stdin="x")
    assert done.exit_code == 2
    assert "-m FOLDER of `nlptool train chooser`" in done.stderr
