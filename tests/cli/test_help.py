"""``--help``: a command's own options, then the shared ones in groups."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest
from program import Invoke

from nlptool.cli.help import HEADINGS, Command
from nlptool.cli.main import root


def leaves(command: click.Command = root, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if not isinstance(command, click.Group):
        yield path, command
        return
    ctx = click.Context(command)
    for name in command.list_commands(ctx):
        below = command.get_command(ctx, name)
        assert below is not None
        yield from leaves(below, *path, name)


COMMANDS = dict(leaves())


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_options_stand_under_headings_in_a_fixed_order(path: tuple[str, ...], invoke: Invoke) -> None:
    assert isinstance(COMMANDS[path], Command)
    text = invoke(*path, "--help", terminal_width=80).stdout
    headings = re.findall(r"^(\w+):$", text, re.M)
    assert headings == [heading for heading in HEADINGS if heading in headings]
    assert headings[-1] == "Common"
    common = text[text.index("\nCommon:\n") :]
    assert "--help" in common
    assert text.count("-h, --help") == 1
    options = [line for line in text.split("\n") if re.match(r"  +-", line)]
    assert all(len(line) <= 80 for line in options)
    for option in COMMANDS[path].params:
        if isinstance(option, click.Option):
            assert option.help, option.name
            assert option.help.rstrip().endswith((".", ")")), option.help


def test_the_groups_of_similarity(invoke: Invoke) -> None:
    text = invoke("similarity", "--help").stdout
    parts = dict(zip(*[iter(re.split(r"^(\w+):\n", text, flags=re.M)[1:])] * 2, strict=True))
    assert list(parts) == ["Options", "Model", "Input", "Output", "Common"]
    found = {heading: re.findall(r"^  (?:-\w, )?(--[\w-]+)", part, re.M) for heading, part in parts.items()}
    assert found["Options"] == ["--against", "--pairs", "--top-k", "--threshold", "--measure", "--plot", "--memory"]
    assert found["Model"][0] == "--model"
    assert found["Input"][:3] == ["--first", "--second", "--input-format"]
    assert found["Output"][:2] == ["--format", "--output"]
    assert found["Common"][-1] == "--help"


@pytest.mark.parametrize("command", ["analogy", "neighbors", "fill-mask", "search", "similarity", "tokenize"])
def test_the_number_of_answers_is_called_the_same(command: str) -> None:
    (option,) = (option for option in COMMANDS[command,].params if "-k" in option.opts)
    assert option.opts == ["-k", "--top-k"]


def test_generate_samples_with_top_k_and_has_no_k() -> None:
    names = [name for option in COMMANDS["generate",].params for name in option.opts]
    assert "--top-k" in names
    assert "-k" not in names


@pytest.mark.parametrize(
    "path",
    [("nsp",), ("similarity",), ("attention",), ("evaluate", "sts"), ("evaluate", "generation"), ("train", "seq2seq")],
)
def test_the_two_texts_of_a_pair_are_first_and_second(path: tuple[str, ...]) -> None:
    names = [name for option in COMMANDS[path].params for name in option.opts]
    assert {"--first", "--second"} <= set(names)


def test_fields_are_of_tokens_alone() -> None:
    holders = {
        path for path, command in COMMANDS.items() if any("--fields" in option.opts for option in command.params)
    }
    assert holders == {("tokenize",)}


@pytest.mark.parametrize(
    "arguments",
    [
        ["nsp", "--first", "a"], ["similarity", "--pairs", "--second", "b"], ["similarity", "--first", "a", "--second", "b"],
        ["attention", "--first", "a", "--second", "b"], ["attention", "--pair", "--first", "a", "--second", ""],
        ["evaluate", "sts", "--first", "a"], ["nsp", "--fields", "a,b"], ["evaluate", "generation", "--field", "a"],
    ],
)  # fmt: skip
def test_one_name_of_a_pair_is_wrong_usage(arguments: list[str], invoke: Invoke) -> None:
    done = invoke(*arguments, stdin=b"a\tb\n")
    assert (done.exit_code, done.stdout) == (2, "")


def test_the_fields_of_pairs_are_named(invoke: Invoke) -> None:
    pair = b'{"x":{"q":"\xe7\x8c\xab"},"a":"cat","first":"?","second":"!"}\n'
    done = invoke("similarity", "--pairs", "--first", "/x/q", "--second", "a", "-f", "table", stdin=pair)
    assert done.exit_code == 0, done.stderr
    assert done.stdout.split("\n")[1].split()[:2] == ["猫", "cat"]


@pytest.mark.parametrize("head", ["s1\ts2\tscore\n", "id,label,S2,S1\n"])
def test_columns_of_a_gold_file_are_named(head: str, invoke: Invoke) -> None:
    line = "猫\t犬\t1\n車\t船\t3\n" if "\t" in head else "1,1,猫,犬\n2,3,車,船\n"
    done = invoke("evaluate", "sts", "--first", "s1", "--second", "s2", "-m", "static-ja-en", "-f", "jsonl", "--bootstrap", "0",
                  stdin=(head + line).encode())  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert '"pairs":2' in done.stdout
    wrong = invoke("evaluate", "sts", "--first", "x", "--second", "s2", stdin=(head + line).encode())
    assert wrong.exit_code == 1
    assert "the first row has no columns x and s2" in wrong.stderr
