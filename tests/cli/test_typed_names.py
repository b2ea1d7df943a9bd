"""What a person types that is no command, no subcommand and no file."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from program import Invoke, Run

from nlptool.cli.main import COMMANDS, root
from nlptool.cli.unknown_commands import ANSWERS
from nlptool.commands import train


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("translate", "nlptool generate -m mini-en-ja"),
        ("word2vec", "nlptool train word2vec"),
        ("Fasttext", "nlptool train word2vec --subwords 3-6"),
        ("wakati", "nlptool tokenize -f wakati"),
        ("pos", "nlptool tokenize"),
        ("cosine", "nlptool similarity"),
        ("knn", "nlptool similarity -k 5"),
        ("fine-tune", "nlptool train classifier"),
        ("predict", "nlptool fill-mask"),
        ("ls", "nlptool models list"),
        ("download", "nlptool models pull MODEL"),
        ("server", "nlptool serve --http 127.0.0.1:8000"),
        ("kmeans", "nlptool cluster"),
        ("ner", "nlptool tag -m MODEL"),
        ("sentencepiece", "does not train tokenizers alone"),
        ("summarize", "nlptool generate -m MODEL"),
        ("tokenise", "Did you mean tokenize?"),
        ("embedd", "Did you mean embed?"),
    ],
)
def test_an_unknown_command_is_answered(word: str, said: str, invoke: Invoke) -> None:
    done = invoke(word)
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"No such command {word!r}." in done.stderr
    assert said in done.stderr


@pytest.mark.parametrize("word", ["xyzzy", "猫", "a b", "", "ﬁll"])
def test_a_word_without_an_answer_is_named(word: str, invoke: Invoke) -> None:
    done = invoke(word)
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"No such command {word!r}." in done.stderr


def test_the_answers_name_commands_and_options_that_exist() -> None:
    ctx = click.Context(root, info_name="nlptool")
    assert not set(ANSWERS) & set(COMMANDS)
    assert not set(train.ANSWERS) & set(train.KINDS)
    for answer in {*ANSWERS.values(), *train.ANSWERS.values()}:
        lines = re.findall("`(nlptool .*?)`", answer) + re.findall(r"^This does it: (nlptool .*?)\.?$", answer)
        assert lines or answer.startswith("nlptool "), answer
        for line in lines:
            command: click.Command | None = root
            for word in line.split()[1:]:
                if isinstance(command, click.Group) and not word.startswith("-"):
                    command = command.get_command(ctx, word)
                    assert command is not None, line
            known = {flag for parameter in command.get_params(ctx) for flag in parameter.opts}
            own, _, _ = line.partition(" -- ")  # behind it stands another command
            assert {word for word in own.split() if word.startswith("-")} <= known | {"--help"}, line


@pytest.mark.parametrize(
    ("words", "usage"),
    [
        ([], "Usage: nlptool [OPTIONS] COMMAND"),
        (["embed"], "Usage: nlptool embed [OPTIONS] [FILE]..."),
        (["train"], "Usage: nlptool train"),
        (["train", "bert"], "Usage: nlptool train bert [OPTIONS]"),
        (["models", "pull"], "Usage: nlptool models pull [OPTIONS]"),
    ],
)
def test_help_of_a_command(words: list[str], usage: str, invoke: Invoke) -> None:
    done = invoke("help", *words, prog_name="nlptool")
    assert done.exit_code == 0
    assert done.stdout.startswith(usage)
    assert done.stdout == invoke(*words, "--help", prog_name="nlptool").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["xyzzy"], "No such command 'xyzzy'."),
        (["translate"], "nlptool generate"),
        (["train", "bret"], "Did you mean bert?"),
        (["models", "lst"], "Did you mean list?"),
        (["--nonsense"], "No such option"),
    ],
)
def test_help_of_what_is_no_command(words: list[str], said: str, invoke: Invoke) -> None:
    done = invoke("help", *words, prog_name="nlptool")
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr


def test_version_as_a_word(invoke: Invoke) -> None:
    assert invoke("version").stdout == invoke("--version").stdout
    assert invoke("version", "embed", "x").exit_code == 2


@pytest.mark.parametrize(
    ("first", "said"),
    [
        ("bret", "Did you mean bert?"),
        ("ner", "nlptool train tagger"),
        ("parser", "nlptool trains no such model."),
        ("fasttext", "nlptool train word2vec --subwords 3-6"),
        ("seq2sec", "Did you mean seq2seq?"),
        (
            "xyzzy",
            "is neither a file nor a subcommand. The subcommands are word2vec, bert, distil, classifier, autoencoder, probe, "
            "tagger, reader, chooser, lm, seq2seq.",
        ),
        ("Word2Vec", "Did you mean word2vec?"),
    ],
)
def test_a_mistyped_subcommand_of_train_is_no_file(first: str, said: str, run: Run, tmp_path: Path) -> None:
    done = run("train", first, "-o", "m", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, b"")
    assert f"'{first}' is neither a file nor a subcommand." in done.stderr.decode()
    assert said in done.stderr.decode()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("first", ["corpus.txt", "./bert2", "none/corpus", "猫", "-"])
def test_what_looks_like_a_file_is_no_mistyped_subcommand(first: str, run: Run, tmp_path: Path) -> None:
    done = run("train", first, "-o", "m", cwd=tmp_path)
    assert b"subcommand" not in done.stderr


def test_a_file_with_the_name_of_no_subcommand_trains_word_vectors(run: Run, tmp_path: Path) -> None:
    (tmp_path / "parser").write_text("a b c\n" * 10)
    done = run("train", "parser", "-o", "m", "--tokenizer", "whitespace", "--min-count", "1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "m" / "vectors.json").exists()


@pytest.mark.parametrize(
    "command", ["tokenize", "fill-mask", "nsp", "embed", "similarity", "score", "map", "mask", "attention"]
)
def test_a_text_that_is_given_for_a_file(command: str, run: Run) -> None:
    done = run(command, "吾輩は猫である")
    assert done.returncode == 1
    assert done.stderr.decode().startswith(
        f"nlptool {command}: 吾輩は猫である: No such file or directory\n  to give text: echo 吾輩は猫である | nlptool {command}\n"
    )


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("A dog runs.", "echo 'A dog runs.' |"),
        ("猫が[MASK]。", "echo '猫が[MASK]。' |"),
        ("it's; rm -rf *", """echo 'it'"'"'s; rm -rf *' |"""),
        ("長" * 200, "echo 長長"),
        ("猫\n犬", "echo '猫\n犬' |"),
    ],
)
def test_the_hint_can_be_pasted_into_a_shell(path: str, shown: str, run: Run) -> None:
    done = run("tokenize", path)
    assert done.returncode == 1
    assert f"to give text: {shown}" in done.stderr.decode()


@pytest.mark.parametrize("path", ["corpus.txt", "corpus", "小説.txt", "works/羅生門", "two words.jsonl"])
def test_a_missing_file_has_no_such_hint(path: str, run: Run) -> None:
    done = run("tokenize", path)
    assert done.returncode == 1
    assert done.stderr.decode() == f"nlptool tokenize: {path}: No such file or directory\n"


def test_a_side_file_has_no_such_hint(run: Run) -> None:
    done = run("similarity", "--against", "猫", stdin="犬\n".encode())
    assert "猫: No such file" in done.stderr.decode()
    assert "to give text" not in done.stderr.decode()
