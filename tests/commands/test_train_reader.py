"""``train reader``: the folders that it writes, and what it reads, judges and says."""

from __future__ import annotations

import json
from collections.abc import Callable
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
from nlptool.models.readers import loading
from nlptool.specs import ReaderSpec
from nlptool.training import loop
from nlptool.training.checkpoint import Checkpoint, TrainingState

FEW = (
    "--max-length", "40", "--batch-size", "8", "--max-steps", "2", "--learning-rate", "0.001", "--threads", "1", "--device",
    "cpu",
)  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small BERT and questions of both kinds."""
    place = tmp_path_factory.mktemp("place")
    masked_models.save("bert", place / "base", num_hidden_layers=1)
    examples.write(place / "questions.jsonl", reading.QUESTIONS)
    examples.write(place / "both.jsonl", reading.QUESTIONS + reading.IMPOSSIBLE)
    (place / "squad.json").write_text(reading.squad(reading.QUESTIONS), encoding="utf-8")
    return place


@pytest.fixture
def train(place: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """``train(*arguments)`` in that folder."""
    monkeypatch.chdir(place)

    def train(*arguments: str, stdin: str | bytes = b"") -> Result:
        return invoke("train", "reader", "--base", "./base", *FEW, *arguments, stdin=stdin)

    return train


def about(folder: str | Path) -> dict[str, Any]:
    """The manifest of a folder."""
    found: dict[str, Any] = json.loads((Path(folder) / "reader.json").read_text(encoding="utf-8"))
    return found


def weights(folder: str | Path) -> bytes:
    """All that a training has learned."""
    return (Path(folder) / "model.safetensors").read_bytes()


def test_transformers_loads_the_folder_and_gives_the_same_logits(train: Callable[..., Result], place: Path) -> None:
    done = succeeded(train("questions.jsonl", "-o", "reader"))
    assert "96 questions about 48 contexts" in done.stderr
    assert "--metric squad: all questions have an answer" in done.stderr
    manifest = about("reader")
    assert manifest["pieces"] == "words"
    assert "threshold" not in manifest
    assert manifest["tasks"][0]["n_examples"] + manifest["tasks"][0]["n_dev_examples"] == 96
    for engine in ("onnx", "torch"):
        reader = loading.locate(ReaderSpec(str(place / "reader"), engine=engine, device="cpu")).open()
        assert reader.engine == engine
        found = [reader._windows.of("Who?", text).windows for text in ("The cat sings on stage.", "猫が鳴く。 " * 20)]
        windows = [window for each in found for window in each]
        assert len(windows) > 2
        expected = heads_models.span_logits(place / "reader", [(window.ids, window.types) for window in windows])
        for ours, theirs in zip(reader._logits(windows), expected, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-4)
    assert "pipeline_tag: question-answering" in (place / "reader" / "README.md").read_text(encoding="utf-8")
    (shown,) = records(invoke("models", "show", "./reader", "-f", "jsonl"))
    assert shown["task"] == "answer"


def test_what_is_learned_is_found_again(train: Callable[..., Result], place: Path) -> None:
    options = ("--max-steps", "240", "--evaluations", "4", "--learning-rate", "0.004", "--dev", "0.25")
    succeeded(train("questions.jsonl", "-o", "learned", *options))
    scores = about("learned")["scores"]
    assert scores["f1"] > 0.9
    line = json.dumps({"question": "What?", "context": "The bird sits by the window."})
    (found,) = records(invoke("answer", "-m", "./learned", stdin=line))
    assert found["answers"][0]["text"] == "sits"
    assert found["answers"][0]["score"] > 0.5


def test_evaluate_answers_gives_the_scores_of_the_training(train: Callable[..., Result]) -> None:
    succeeded(train("both.jsonl", "-o", "judged", "--dev", "both.jsonl", "--max-steps", "60"))
    manifest = about("judged")
    assert manifest["metric"] == "squad2"
    assert 0 <= manifest["threshold"] < 1  # 0: the base is so small that some answer nothing right
    (judged,) = records(invoke("evaluate", "answers", "-m", "./judged", "-f", "jsonl", "both.jsonl"))
    assert judged["threshold"] == manifest["threshold"]
    for name in ("exact", "f1", "no_answer_f1", "has_answer_f1"):
        assert judged[name] == pytest.approx(manifest["scores"][name], abs=1e-4)
    # The script counts an answer of nothing but signs as wrong when it looks for a threshold, and as none when it judges.
    assert judged["f1"] >= judged["best_f1"] - 1e-4
    none = records(invoke("answer", "-m", "./judged", "--no-answer", "0", stdin=examples.jsonl(reading.IMPOSSIBLE[:3])))
    assert [each["answers"] for each in none] == [[], [], []]
    assert all(0 < each["no_answer"] < 1 for each in none)


def test_formats_come_to_the_same_model(train: Callable[..., Result]) -> None:
    succeeded(train("questions.jsonl", "-o", "records"))
    succeeded(train("squad.json", "-o", "file"))
    assert weights("records") == weights("file")


def test_an_interrupted_training_ends_as_one_that_was_not(train: Callable[..., Result]) -> None:
    options = ("both.jsonl", "--max-steps", "9", "--evaluations", "9", "--dropout", "0.2")
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
    done = succeeded(train(*options, "-o", "stopped", "--resume"))
    assert "going on after 4 of 9 steps" in done.stderr
    assert weights("stopped") == weights("whole")


def test_doubtful_answers_are_counted_and_said(train: Callable[..., Result]) -> None:
    long = "long " * 40
    doubtful = [
        {"question": "Who?", "context": "The cat sings.", "answers": [{"text": "cat", "answer_start": 6}]},
        {"question": "Who?", "context": "The dog sings.", "answers": ["dog"]},
        {"question": "Who?", "context": "The cow sings.", "answers": [{"text": "horse", "answer_start": 4}]},
        {"question": "Who? " * 50, "context": "The cat sings.", "answers": ["cat"]},
        {"question": "Who?", "context": long, "answers": [long.strip()]},
        {"question": "Who?", "context": "", "answers": ["cat"]},
    ]
    done = train("questions.jsonl", "-", "--dev", "0", "-o", "doubtful", stdin=examples.jsonl(doubtful))
    assert done.exit_code == 3, done.stderr
    for said in (
        "answers that are not at their offset and were found within 100 characters of it: 1",
        "answers without an offset, found at their first occurrence: 3",
        "the answer `horse` is not in the context at its offset, nor near it",
        "questions that are too long, whose beginning is read: 1",
        "questions whose answer no window holds as a whole: 1",
        "`context` is empty",
    ):
        assert said in done.stderr, said


def test_of_windows_without_the_answer_a_third_is_learned_from(place: Path) -> None:
    from nlptool.models.readers.windows import OF_WORDS, QuestionWindows
    from nlptool.models.runtime import transformers_loading
    from nlptool.records.answers import Answer
    from nlptool.records.pipe import Pipe
    from nlptool.records.questions import Question
    from nlptool.tasks.train.reader_corpus import ReaderQuestions

    tokenizer, own = transformers_loading.tokenizers(place / "base")
    about = {"max_length": 24, "unknown_id": own.unk_token_id, "pieces": OF_WORDS}
    windows = QuestionWindows(tokenizer, about)
    context = "The cat sleeps. " + "It is late. " * 40
    known = Question("1", "Who?", context, (Answer("cat", 4),))
    unknown = Question("2", "Why?", context, (), is_impossible=True)
    n_windows = len(windows.of("Who?", context).windows)
    for question, n_examples in ((known, 1 + -(-(n_windows - 1) // 3)), (unknown, n_windows)):
        data = ReaderQuestions([question], [question], "squad2").as_ids(windows, Pipe("train", quiet=True))
        assert len(data.train.inputs) == n_examples
        assert len(data.dev.inputs) == n_windows
        assert (data.train.targets != 0).any(axis=1).sum() == (question is known)


TEXT = examples.jsonl(reading.QUESTIONS)


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "message"),
    [
        ((), "", 1, "there are no questions to learn from"),
        ((), "a\nb\n", 1, "most records failed"),
        ((), '{"question":"Who?","context":"x"}\n', 1, "neither `answers` nor `is_impossible`"),
        ((), examples.jsonl(reading.IMPOSSIBLE), 1, "no question has an answer: there is nothing to learn"),
        (("--dev", "none.jsonl"), TEXT, 1, "none.jsonl"),
        (("--dev", "2"), TEXT, 2, "a share is 0 to 0.9"),
        (("--dev", "both.jsonl", "--metric", "squad"), TEXT, 1, "SQuAD 1.1 knows no questions without an answer"),
        (("--dev", "0", "--metric", "squad"), TEXT, 2, "--dev 0 makes no use of --metric"),
        (("--keep", "last", "--patience", "2"), TEXT, 2, "--patience needs a score"),
        (("--field", "text"), TEXT, 2, "--field"),
        (("--base", "static-ja-en"), TEXT, 4, "static-ja-en"),
        (("-o", "squad.json"), TEXT, 1, "squad.json is a file, and is not replaced"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_with_a_reason(
    train: Callable[..., Result],
    tmp_path: Path,
    arguments: tuple[str, ...],
    stdin: str | bytes,
    code: int,
    message: str,
) -> None:
    done = train("-o", str(tmp_path / "refused"), *arguments, stdin=stdin)
    assert "Traceback" not in done.stderr
    assert (done.exit_code, message in done.stderr) == (code, True), done.stderr
    assert [*tmp_path.iterdir()] == []


def test_answers_that_cut_a_word_are_counted(train: Callable[..., Result]) -> None:
    context = "The cats sing on stage."
    asked = [
        {
            "id": str(start),
            "question": "Who sings?",
            "context": context,
            "answers": [{"text": text, "answer_start": start}],
        }
        for start, text in ((4, "cats"), (5, "ats"), (9, "sin"))
    ]
    done = succeeded(train("-o", "cut", "--dev", "0", stdin=examples.jsonl(asked)))
    assert "answers that begin or end within a word, learned as whole words: 2" in done.stderr
