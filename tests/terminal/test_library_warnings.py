"""What libraries warn of stays away from stderr, unless --debug shows it. ``test_cases.py`` runs every command with libraries
that warn."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator

import click
import pytest
from program import WARNING_LIBRARIES, Run

from nlptool.cli.main import root
from nlptool.terminal import library_warnings

MARK = b"a library warns"

WAYS = [
    "by its own handler", "by the last resort", "filters of its own", "UserWarning", "FutureWarning", "DeprecationWarning",
    "RuntimeWarning",
]  # fmt: skip

NOISY = {"PYTHONPATH": os.pathsep.join([str(WARNING_LIBRARIES), os.environ.get("PYTHONPATH", "")])}

COMMANDS = [
    (["tokenize"], "猫が鳴く。", {"fugashi"}),
    (["tokenize", "-j", "2"], "猫が鳴く。", {"fugashi"}),  # in worker processes
    (["embed", "-m", "static-ja-en"], "猫", {"numpy", "tokenizers"}),
    (["generate", "-m", "hyakunin"], "む", {"ctranslate2"}),
    (
        ["train", "word2vec", "--min-count", "1", "--epochs", "1", "-o", "x.vec"],
        "a b\n" * 9,
        {"gensim"},
    ),
]


@pytest.mark.parametrize(
    ("arguments", "text", "libraries"),
    COMMANDS,
    ids=lambda value: " ".join(sorted(value) if isinstance(value, set) else value)[:12],
)
def test_debug_alone_shows_what_libraries_warn_of(
    arguments: list[str], text: str, libraries: set[str], run: Run, tmp_path: object
) -> None:
    quiet = run(*arguments, stdin=text.encode(), env=NOISY, cwd=tmp_path)
    assert quiet.returncode == 0
    assert MARK not in quiet.stderr
    loud = run(*arguments, "--debug", stdin=text.encode(), env=NOISY, cwd=tmp_path)
    assert (loud.returncode, loud.stdout) == (0, quiet.stdout)
    for library in libraries:
        for way in WAYS:
            assert f"{MARK.decode()}: {library}, {way}".encode() in loud.stderr


def test_a_variable_shows_them_too(run: Run) -> None:
    done = run("tokenize", stdin=b"a\n", env=NOISY | {"NLPTOOL_TOKENIZE_DEBUG": "1"})
    assert b"a library warns: fugashi, FutureWarning" in done.stderr


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command that is no mere group, with its name."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield (*path, name), command


def test_every_command_has_the_option() -> None:
    from nlptool.cli import options

    @click.command()
    @options.debug
    def example() -> None: ...

    (debug,) = example.params
    without = [
        " ".join(path)
        for path, command in commands(root)
        if not any(option.callback is debug.callback for option in command.params)
    ]
    assert without == ["completion"]  # which uses no library


def state() -> object:
    return (
        os.environ.copy(),
        list(warnings.filters),
        warnings.showwarning,
        logging.root.manager.disable,
        library_warnings.mode(),
    )


def test_nothing_is_left_switched_after_a_context_or_a_command(
    recwarn: pytest.WarningsRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    before = state()
    with library_warnings.hidden():
        assert state() != before
        warnings.warn("hidden", FutureWarning, stacklevel=1)
        logging.getLogger("some.library").error("hidden")
        with library_warnings.shown():
            warnings.warn("shown", DeprecationWarning, stacklevel=1)
            with library_warnings.hidden():  # without effect
                logging.getLogger("some.library").error("shown")
        warnings.warn("hidden", FutureWarning, stacklevel=1)
    assert state() == before
    assert [str(warning.message) for warning in recwarn] == caplog.messages == ["shown"]
    for arguments in (["tokenize"], ["tokenize", "--debug"], ["tokenize", "--nonsense"]):
        with pytest.raises(SystemExit):
            root([*arguments, "/dev/null"])
        assert state() == before


def test_a_process_that_is_started_does_the_same() -> None:
    code = "import warnings; warnings.warn('x', UserWarning)"
    for context, said in ((library_warnings.hidden(), False), (library_warnings.shown(), True)):
        with context:
            done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        assert (b"UserWarning" in done.stderr) == said


def test_no_library_is_imported_to_silence_it() -> None:
    code = (
        "import sys; from nlptool.terminal import library_warnings\nwith library_warnings.hidden(): print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert not {"torch", "transformers", "tqdm", "huggingface_hub", "numpy", "gensim", "rich"} & set(
        done.stdout.split()
    )
