"""A few of the runs of ``kill.py``, which tries all commands for as long as one likes."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from kills import CASES, Ground, Killing, ground

FAST = ("tokenize conllu", "embed static", "index build", "vectors convert")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with ground(tmp_path_factory.mktemp("kills") / "ground") as place:
        yield place


@pytest.mark.parametrize("name", FAST)
def test_a_killed_run_leaves_no_half_output_and_is_gone_on_with(name: str, place: Ground) -> None:
    killing = Killing(place, name, random.Random(f"of the suite {name}"), most=2)
    killing.check()
    assert killing.said


@pytest.mark.parametrize("name", FAST[1:3])
def test_a_full_disk_leaves_no_half_output_and_is_gone_on_with(name: str, place: Ground) -> None:
    killing = Killing(place, name, random.Random(f"of the suite {name}"))
    killing.fill()
    assert killing.said


def test_every_command_with_an_output_is_among_those_that_are_killed(commands_with_output: list[str]) -> None:
    tried = {case.command for case in CASES.values()}
    missing = [command for command in commands_with_output if not any(each.startswith(f"{command} ") for each in tried)]
    assert missing == []


@pytest.fixture(scope="module")
def commands_with_output() -> list[str]:
    """The commands with -o."""
    import click

    from nlptool.cli.main import root

    found: list[str] = []

    def look(command: click.Command, path: list[str]) -> None:
        context = click.Context(command)
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                child = command.get_command(context, name)
                assert child is not None
                look(child, [*path, name])
        elif any(parameter.name == "output" for parameter in command.params):
            found.append(" ".join(path))

    look(root, [])
    return found
