"""``train`` runs word2vec when no subcommand is named, and completes what word2vec takes."""

from __future__ import annotations

import shlex
import subprocess

import pytest

from nlptool.cli import completion_scripts
from nlptool.cli.main import root

SCRIPT = completion_scripts.script("bash", root)


def completed(*words: str) -> list[str]:
    """What bash offers for the last of ``words``; a file is meant where "FILES" is among it."""
    line = f"COMP_WORDS=({shlex.join(words)}); COMP_CWORD={len(words) - 1}; _nlptool nlptool {shlex.quote(words[-1])} x"
    shell = f'compopt() {{ echo FILES; }}\n{SCRIPT}\n{line}\nprintf "%s\\n" "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["train", "--min"], ["--min-count"]),
        (["train", "--method", ""], ["skipgram", "cbow", "counts", "ppmi", "svd"]),
        (["train", "-o", ""], ["FILES"]),
        (["train", "dis"], ["FILES", "distil"]),
        (
            ["train", ""],
            [
                "FILES",
                "word2vec",
                "bert",
                "distil",
                "classifier",
                "autoencoder",
                "probe",
                "tagger",
                "reader",
                "chooser",
                "lm",
                "seq2seq",
            ],
        ),
        (["train", "distil", "--teach"], ["--teacher"]),
        (["train", "distil", "--subw"], []),
        (["models", "--"], ["--help"]),
    ],
)
def test_what_is_offered(words: list[str], offered: list[str]) -> None:
    assert completed("nlptool", *words) == offered


def test_help_is_offered_once() -> None:
    assert completed("nlptool", "train", "--").count("--help") == 1
    assert completed("nlptool", "train", "--").count("--output") == 1


def test_every_shell_knows_the_options_of_train() -> None:
    zsh = completion_scripts.script("zsh", root)
    function = zsh[zsh.index("\n_nlptool_train() {") : zsh.index("\n_nlptool_train_word2vec() {")]
    assert "--min-count=" in function
    assert "_files" in function
    fish = completion_scripts.script("fish", root)
    assert any("__nlptool_at nlptool train'" in line and "-l min-count" in line for line in fish.split("\n"))
    assert "complete -c nlptool -n '__nlptool_at nlptool train' -F" in fish
    assert "complete -c nlptool -n '__nlptool_at nlptool models' -F" not in fish
