"""``train tagger``: the folders that it writes, and what it reads, judges and says."""

from __future__ import annotations

import itertools
import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import labelled_examples as examples
import masked_models
import numpy as np
import pytest
import tagged_examples as tagged
import tagger_models
from click.testing import Result
from program import Start, invoke, records, succeeded

from nlptool.errors import RunError
from nlptool.models.taggers import loading
from nlptool.models.taggers.words import words_of
from nlptool.specs import TaggerSpec
from nlptool.training import loop
from nlptool.training.checkpoint import Checkpoint, TrainingState

FEW = (
    "--max-length", "32", "--batch-size", "8", "--max-steps", "2", "--learning-rate", "0.001", "--threads", "1", "--device",
    "cpu",
)  # fmt: skip
TASKS = ("--task", "ner=tokens.jsonl", "--task", "animal=spans.jsonl", "--task", "pos=parts.conll")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small BERT and tagged sentences of every kind."""
    place = tmp_path_factory.mktemp("place")
    masked_models.save("bert", place / "base", num_hidden_layers=1)
    examples.write(place / "tokens.jsonl", tagged.TOKENS)
    examples.write(place / "spans.jsonl", tagged.SPANS)
    (place / "tokens.conll").write_text(tagged.conll(tagged.TOKENS), encoding="utf-8")
    (place / "parts.conll").write_text(tagged.conll(tagged.PARTS), encoding="utf-8")
    return place


@pytest.fixture
def train(place: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """``train(*arguments)`` in that folder."""
    monkeypatch.chdir(place)

    def train(*arguments: str, stdin: str | bytes = b"") -> Result:
        return invoke("train", "tagger", "--base", "./base", *FEW, *arguments, stdin=stdin)

    return train


def about(folder: str | Path) -> dict[str, Any]:
    """The manifest of a folder."""
    found: dict[str, Any] = json.loads((Path(folder) / "tagger.json").read_text(encoding="utf-8"))
    return found


def weights(folder: str | Path) -> dict[str, bytes]:
    """All that a training has learned."""
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in sorted(Path(folder).rglob("*.safetensors"))
    }  # fmt: skip


def check_logits(folder: Path, task_name: str, *, engine: str) -> None:
    """Compare a tagger with what transformers gives for the folder of its task."""
    tagger = loading.locate(TaggerSpec(str(folder), engine=engine, device="cpu")).open()
    assert tagger.engine == engine
    task = tagger.tasks[task_name]
    texts = ["The cat sings on stage.", "猫が鳴く。 " * 20, "x"]
    windows = [window for text in texts for window in tagger._pieces.windows(text, words_of(text), overlap=0.25)]
    assert len(windows) > len(texts)
    expected = tagger_models.logits(folder / task_name, [window.ids for window in windows])
    for window, ours, theirs in zip(windows, tagger._logits(windows, task), expected, strict=True):
        np.testing.assert_allclose(ours, theirs[window.first_pieces], atol=1e-4)


def test_transformers_loads_the_folder_and_gives_the_same_logits(train: Callable[..., Result], place: Path) -> None:
    done = succeeded(train("tokens.jsonl", "-o", "ner"))
    assert "the tags are iob2" in done.stderr
    assert "labels: ANIMAL, PLACE" in done.stderr
    (task,) = about("ner")["tasks"]
    assert task["labels"] == ["O", "B-ANIMAL", "I-ANIMAL", "B-PLACE", "I-PLACE"]
    assert task["n_examples_of_label"] == {"ANIMAL": task["n_examples"], "PLACE": task["n_examples"]}
    for engine in ("onnx", "torch"):
        check_logits(place / "ner", "", engine=engine)
    card = (place / "ner" / "README.md").read_text(encoding="utf-8")
    assert "pipeline_tag: token-classification" in card
    assert "`nlptool tag` runs it" in card


def test_each_task_of_several_is_a_folder_of_transformers(train: Callable[..., Result], place: Path) -> None:
    done = succeeded(train(*TASKS, "-o", "tasks"))
    assert "task pos: the tags are of words, no entities" in done.stderr
    schemes = {task["name"]: task["scheme"] for task in about("tasks")["tasks"]}
    assert schemes == {"ner": "iob2", "animal": "iob2", "pos": "plain"}
    for name, engine in (("ner", "onnx"), ("animal", "onnx"), ("pos", "torch")):
        check_logits(place / "tasks", name, engine=engine)
    line = "The cat sings on stage."
    (whole,) = records(invoke("tag", "-m", "./tasks", "--task", "pos", stdin=line))
    (alone,) = records(invoke("tag", "-m", "./tasks/pos", "--engine", "torch", stdin=line))
    assert whole["tags"] == alone["tags"]
    np.testing.assert_allclose(whole["scores"], alone["scores"], atol=1e-4)
    assert whole["nlptool"]["tag"]["task"] == "pos"
    shown = records(invoke("models", "show", "./tasks", "-f", "jsonl"))[0]
    assert shown["task"] == "tag"
    assert [(task["name"], task["scheme"]) for task in shown["tasks"]] == [*schemes.items()]
    done = invoke("tag", "-m", "./tasks", stdin=line)
    assert done.exit_code == 1
    assert "./tasks has 3 tasks: --task is one of ner (5 tags), animal (3 tags), pos (5 tags)" in done.stderr


def test_what_is_learned_is_found_again(train: Callable[..., Result], place: Path) -> None:
    options = ("--max-steps", "200", "--evaluations", "4", "--learning-rate", "0.004", "--dev", "0.25")
    done = succeeded(train("tokens.conll", "-o", "learned", "--scheme", "bioes", *options))
    assert "on dev f1 " in done.stderr
    manifest = about("learned")
    assert manifest["tasks"][0]["labels"][:5] == ["O", "S-ANIMAL", "B-ANIMAL", "I-ANIMAL", "E-ANIMAL"]
    assert manifest["scores"]["f1"] > 0.9
    (found,) = records(invoke("tag", "-m", "./learned", stdin="The bird sits by the window."))
    assert [(entity["label"], entity["text"]) for entity in found["entities"]] == [
        ("ANIMAL", "bird"), ("PLACE", "by the window"),
    ]  # fmt: skip
    (judged,) = records(invoke("evaluate", "tagging", "-m", "./learned", "--bootstrap", "0", "tokens.conll"))
    assert (judged["model"], judged["used"], judged["scheme"]) == ("./learned", 48, "iob2")
    assert judged["f1"] > 0.95
    assert judged["accuracy"] > 0.95, "tags in two schemes are compared in one"


def test_evaluate_tagging_gives_the_scores_of_the_training(train: Callable[..., Result], place: Path) -> None:
    examples.write(place / "dev.jsonl", tagged.TOKENS[::3])
    succeeded(train("tokens.jsonl", "--dev", "dev.jsonl", "-o", "judged", "--max-steps", "12"))
    (found,) = records(invoke("evaluate", "tagging", "-m", "./judged", "--bootstrap", "0", "dev.jsonl"))
    scores = about("judged")["scores"]
    for name in ("f1", "precision", "recall", "accuracy"):
        assert found[name] == pytest.approx(scores[name], abs=6e-5)


def test_formats_and_schemes_come_to_the_same_model(train: Callable[..., Result], place: Path) -> None:
    """Columns and objects, BIO of 2003 and BIOES: the tags are brought into one scheme."""
    beside = {"tokens": ["cat", "dog"], "tags": ["B-ANIMAL", "B-ANIMAL"]}
    old, new = [], []
    for each in [*tagged.TOKENS, beside]:
        is_beside = each is beside
        old.append({**each, "tags": [
            f"I{tag[1:]}" if tag[0] == "B" and not (is_beside and number) else tag for number, tag in enumerate(each["tags"])
        ]})  # fmt: skip
        tags = [*each["tags"], "O"]
        new.append({**each, "tags": [
            tag if tag == "O" else {"BO": "S", "BB": "S", "BI": "B", "II": "I", "IO": "E"}[tag[0] + after[0]] + tag[1:]
            for tag, after in itertools.pairwise(tags)
        ]})  # fmt: skip
    (place / "old.conll").write_text(tagged.conll(old), encoding="utf-8")
    examples.write(place / "new.jsonl", new)
    (place / "usual.conll").write_text(tagged.conll([*tagged.TOKENS, beside]), encoding="utf-8")
    found = {}
    for name, scheme in (("usual.conll", "iob2"), ("old.conll", "iob1"), ("new.jsonl", "bioes")):
        done = succeeded(train(name, "--dev", "0", "-o", "same"))
        found[name] = weights("same")
        shutil.rmtree(place / "same")
        assert f"the tags are {scheme}" in done.stderr
    assert found["usual.conll"] == found["old.conll"] == found["new.jsonl"]


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


def test_an_interrupted_training_ends_as_one_that_was_not(train: Callable[..., Result], place: Path) -> None:
    options = (*TASKS, "--max-steps", "9", "--evaluations", "9", "--dropout", "0.2")
    succeeded(train(*options, "-o", "whole"))
    stopped(lambda: train(*options, "-o", "stopped"), 4)
    assert not (place / "stopped").exists()
    done = train(*options, "-o", "stopped", "--resume", "--seed", "7")
    assert done.exit_code == 2, done.stderr
    done = succeeded(train(*options, "-o", "stopped", "--resume"))
    assert "going on after 4 of 9 steps" in done.stderr
    assert weights("stopped") == weights("whole")


def test_an_interrupt_of_the_real_program_and_its_resume(
    train: Callable[..., Result], place: Path, start: Start
) -> None:
    options = ("tokens.jsonl", "--max-steps", "200", "--evaluations", "1", "-o", "halted")
    process = start("train", "tagger", "--base", "./base", *FEW, *options, "--progress", "always", cwd=place)
    assert process.stderr is not None
    shown = b""
    while b"training" not in shown and (chunk := process.stderr.read(4096)):
        shown += chunk
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate()
    assert process.returncode == -signal.SIGINT
    assert "stopping; what is done stays in halted.work: --resume" in rest.decode()
    assert "going on after" in succeeded(train(*options, "--resume")).stderr
    assert not (place / "halted.work").exists()


def test_doubtful_spans_are_counted_and_said(train: Callable[..., Result], place: Path) -> None:
    doubtful = [
        {"text": "The catfish sings.", "entities": [[4, 7, "ANIMAL"]]},  # cuts a word
        {"text": "東京都庁の猫", "entities": [[0, 4, "PLACE"], [0, 3, "PLACE"], [5, 6, "ANIMAL"]]},
        {"text": "a  b", "entities": [[1, 3, "BLANK"]]},
        {"text": "\u3000", "entities": []},
        {"text": "The cat", "entities": [[4, 99, "ANIMAL"]]},
    ]
    done = train("tokens.jsonl", "-", "-o", "doubtful", stdin=examples.jsonl(doubtful))
    assert done.exit_code == 3, done.stderr
    for said in (
        "spans that begin or end within a word, which were widened to whole words: ",
        "spans that overlap a longer one, which were left out: 1",
        "spans without a word, which were left out: 1",
        "sentences without words, which were left out: 1",
        "<stdin>:5: the span 4–99 of `ANIMAL` is not within 7 characters",
    ):
        assert said in done.stderr, said
    assert about("doubtful")["tasks"][0]["labels"][1] == "B-ANIMAL"


def test_tags_that_begin_with_i_are_taken_for_beginnings_and_said(train: Callable[..., Result]) -> None:
    lines = "".join(
        f"The O\n{word} {tag}\nsings O\n\n" for word, tag in (("cat", "I-A"), ("dog", "B-A"), ("cow", "B-A")) * 8
    )
    done = succeeded(train("--source-scheme", "iob2", "-o", "inside", stdin=lines))
    assert "tags that begin with I- and begin an entity, which iob2 does not allow: 8; taken so" in done.stderr


COLUMNS = tagged.conll(tagged.TOKENS)
TEXTS = examples.jsonl(tagged.TOKENS)


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "message"),
    [
        ((), "", 1, "there are no words to learn from"),
        ((), "a\nb\n", 1, "1 column"),
        ((), f"{COLUMNS}cat\n\n" + COLUMNS, 3, "<stdin>:373: the line has 1 column, and the others have 2"),
        ((), "a O\nb O\n\nc O\n", 1, "the sentences have no entities: there is nothing to learn"),
        ((), "a N\n\nb N\n", 1, "the sentences have one tag alone: there is nothing to learn"),
        ((), '{"text":"a","label":"b"}\n', 1, "the record has no tags with one of the usual names"),
        ((), '{"tokens":["a","b"],"tags":["O"]}\n', 1, "`tags` has 1 tags, and there are 2 words"),
        (("spans.jsonl", "parts.conll"), "", 1, "some sentences have entities, and the tags of others mark none"),
        (("--column", "upos"), TEXTS, 1, "the record has no `upos`"),
        (("--column", "7"), COLUMNS, 2, "--column 7: there are 2 columns"),
        (("--source-scheme", "iob3"), TEXTS, 2, "--source-scheme is one of iob2, iob1, bioes, bilou, io, plain, not 'iob3'"),
        (("--dev", "none.jsonl"), TEXTS, 1, "none.jsonl"),
        (("--dev", "parts.conll"), TEXTS, 1, "the tags of parts.conll are of another kind than those of the training"),
        (("none.jsonl",), "", 1, "none.jsonl"),
        (("--task", "a=tokens.jsonl", "--task", "a=spans.jsonl"), "", 2, "two tasks are called a"),
        (("--task", "a/b=tokens.jsonl"), "", 2, "'a/b' cannot"),
        (("--task", "a=tokens.jsonl", "spans.jsonl"), "", 2, "spans.jsonl belongs to none"),
        (("--task-sampling", "equal"), TEXTS, 2, "a training on one task makes no use of --task-sampling"),
        (("--dev", "0", "--patience", "2"), TEXTS, 2, "--dev 0 makes no use of --patience"),
        (("--keep", "last", "--patience", "2"), TEXTS, 2, "--patience needs a score"),
        (("--field", "text"), TEXTS, 2, "--field"),
        (("-I", "csv"), TEXTS, 2, "a tagged sentence is several lines"),
        (("--base", "static-ja-en"), TEXTS, 4, "static-ja-en"),
        (("--base", "aozora-100d"), TEXTS, 4, "aozora-100d is no Transformer: no config.json of its folder names a"),
        (("-o", "tokens.jsonl"), TEXTS, 1, "tokens.jsonl is a file, and is not replaced"),
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
    assert [path.name for path in tmp_path.iterdir()] == (["refused"] if code == 3 else [])
