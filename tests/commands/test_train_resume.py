"""``nlptool train ... --resume`` goes on with the same training alone, and of two that write one folder the second is refused."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from program import Invoke, succeeded

from nlptool.errors import RunError
from nlptool.storage.folders import NewFolder
from nlptool.training import loop
from nlptool.training.checkpoint import Checkpoint, TrainingState

PAIRS = "".join(f"{number:04d}\t{f'{number:04d}'[::-1]}\n" for number in range(60))
TEXT = "".join(
    f"The {animal} {verb} in the {place}.\nIt {verb} there.\n\n"
    for animal in ("old owl", "cat", "small dog") for verb in ("sleeps", "hunts", "sings") for place in ("forest", "park", "barn")
)  # fmt: skip
COMMON = ("--threads", "1", "--device", "cpu", "--max-steps", "6", "--seed", "3")
SMALL = ("--layers", "1", "--hidden-size", "8", "--heads", "1", "--intermediate-size", "8")
SEQ2SEQ = ("train", "seq2seq", *COMMON, *SMALL, "--max-length", "8", "--dev", "0", "--batch-tokens", "64", "-o", "m")
BERT = ("train", "bert", *COMMON, *SMALL, "--vocab-size", "60", "--max-length", "16", "--batch-size", "2", "-o", "m")
AUTOENCODER = (
    "train", "autoencoder", *COMMON, "--layers", "8", "--code", "6", "--dev", "0", "--batch-size", "27", "--pretraining-epochs",
    "3", "-o", "m",
)  # fmt: skip


@pytest.fixture
def train(invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """``train(*arguments)`` in a folder with a corpus of pairs and one of text."""
    monkeypatch.chdir(tmp_path)
    Path("pairs.tsv").write_text(PAIRS)
    Path("text.txt").write_text(TEXT)
    return invoke


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
    assert not Path("m").exists()


def weights() -> bytes:
    return Path("m/model.safetensors").read_bytes()


@pytest.mark.parametrize(
    "command",
    [(*SEQ2SEQ, "pairs.tsv"), (*BERT, "text.txt"), (*AUTOENCODER, "text.txt")],
    ids=["seq2seq", "bert", "autoencoder"],
)
def test_an_interrupted_training_goes_on_with_the_same_options_and_corpus_alone(
    command: tuple[str, ...], train: Callable[..., Result]
) -> None:
    succeeded(train(*command))
    whole = weights()
    shutil.rmtree("m")
    stopped(lambda: train(*command), 3)
    corpus = Path(command[-1])
    kept = corpus.read_text()
    for more, said in (
        (["--seed", "4"], "--seed was 3, is now 4"),
        (["--learning-rate", "0.1"], "--learning-rate was not given, is now 0.1"),
        (["--max-steps", "9"], "--max-steps was 6, is now 9"),
    ):
        done = train(*command, *more, "--resume")
        assert done.exit_code == 2
        assert f"m.work is of another run: {said}" in done.stderr
    corpus.write_text(kept + kept[:20])
    done = train(*command, "--resume")
    assert done.exit_code == 2
    assert "m.work is of another run: the corpus FILE was " in done.stderr
    corpus.write_text(kept)
    resumed = succeeded(train(*command, "--resume", "--save-dtype", "float32"))
    assert "going on after 3 of 6 steps" in resumed.stderr
    assert weights() == whole
    assert sorted(path.name for path in Path().iterdir()) == ["m", "pairs.tsv", "text.txt"]


def test_a_file_that_an_option_names_is_to_be_the_same(train: Callable[..., Result]) -> None:
    Path("dev.tsv").write_text(PAIRS[:50])
    run = (*SEQ2SEQ, "pairs.tsv", "--dev", "dev.tsv")
    stopped(lambda: train(*run), 2)
    Path("dev.tsv").write_text(PAIRS[:60])
    done = train(*run, "--resume")
    assert done.exit_code == 2
    assert "the file dev.tsv was 50 bytes of" in done.stderr


def test_a_finished_training_is_in_no_ones_way(train: Callable[..., Result]) -> None:
    run = (*SEQ2SEQ, "pairs.tsv", "--checkpoint-dir", "w")
    stopped(lambda: train(*run), 2)
    succeeded(train(*run, "--resume"))
    succeeded(train(*run, "--resume", "--seed", "4"))
    assert list(Path("w").glob("run-*")) == []


def test_two_trainings_may_share_a_checkpoint_folder(train: Callable[..., Result]) -> None:
    run = (*SEQ2SEQ[:-1], "other", "pairs.tsv", "--checkpoint-dir", "w")
    stopped(lambda: train(*SEQ2SEQ, "pairs.tsv", "--checkpoint-dir", "w"), 2)
    succeeded(train(*run, "--seed", "4"))
    assert "going on after 2" in succeeded(train(*SEQ2SEQ, "pairs.tsv", "--checkpoint-dir", "w", "--resume")).stderr


@pytest.mark.parametrize(
    "command",
    [(*SEQ2SEQ, "pairs.tsv"), (*BERT, "text.txt"), ("train", "-o", "m", "text.txt"),
     ("train", "distil", "--teacher", "static-ja-en", "-o", "m", "text.txt"),
     ("vectors", "convert", "m2", "-o", "m")],
    ids=lambda command: command[1],
)  # fmt: skip
def test_of_two_that_write_one_folder_the_second_is_told_who_the_first_is(
    command: tuple[str, ...], train: Callable[..., Result]
) -> None:
    Path("m2").write_text("1 2\na 1 0\n")
    manifest = {"bert": "pretraining.json", "distil": "distil.json", "seq2seq": "seq2seq.json"}.get(
        command[1], "vectors.json"
    )
    with NewFolder(Path("m"), manifest):
        done = train(*command)
    assert done.exit_code == 1
    assert f"another process ({os.getpid()}) is writing m\n" in done.stderr
    assert sorted(path.name for path in Path().iterdir()) == ["m2", "pairs.tsv", "text.txt"]


def test_what_makes_the_checkpoints_is_there_to_be_read(train: Callable[..., Result]) -> None:
    stopped(lambda: train(*SEQ2SEQ, "pairs.tsv"), 2)
    (path,) = Path("m.work").glob("run-m-*.json")
    about = json.loads(path.read_text())
    assert about["command"] == "train seq2seq"
    assert about["options"]["--seed"] == 3
    assert about["corpus"]["FILE"].startswith("60 records")
