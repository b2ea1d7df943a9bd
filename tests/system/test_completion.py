"""Completion in real shells: a person types part of a line, presses TAB and Enter, and ``nlptool`` gets its arguments.

The ``nlptool`` of these tests is a script that prints them. Every shell sits on a pseudo-terminal and reads the scripts
of ``completions/``, or those of a small command tree with what nlptool lacks so far: groups in groups, unkind help.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path

import click
import pytest

from nlptool import completions

REPOSITORY = Path(__file__).resolve().parent.parent.parent
PATIENCE = 20  # seconds; a shell that answers is never waited for
SHELLS = ("bash", "zsh", "zsh-sourced", "fish")
UNKIND = "it's \"$(touch ran)\" `touch ran` $HOME [a]:b {c} (d) \\e 100% *~ ;& #"
BACK = "\x02"  # Ctrl-B: one character to the left

START = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "zsh-sourced": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "-i"],
}
SETUP = {  # the quotes keep the echo of the line from looking like the prompt
    "bash": "PS1='re''ady> '; source scripts/nlptool.bash",
    "zsh": "PS1='re''ady> '; fpath=($PWD/scripts $fpath); autoload -Uz compinit; compinit -u -D",
    "zsh-sourced": "PS1='re''ady> '; autoload -Uz compinit; compinit -u -D; source scripts/_nlptool",
    "fish": "function fish_prompt; echo -n 're''ady> '; end; source scripts/nlptool.fish",
}


class Terminal:
    """A shell on a pseudo-terminal."""

    def __init__(self, shell: str, folder: Path) -> None:
        self.shown = ""
        environment = {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "HOME": str(folder), "INPUTRC": "/dev/null"}
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(START[shell][0], START[shell], environment | {"TERM": "vt100", "LC_ALL": "C.UTF-8"})
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("4H", 50, 200, 0, 0))
        self.type(SETUP[shell] + "\r")
        self.wait_for("ready> ")

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Read until ``pattern`` is on the screen, and forget what came up to its end."""
        until = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, self.shown)):
            if not select.select([self.fd], [], [], max(0.0, until - time.monotonic()))[0]:
                pytest.fail(f"no {pattern!r} within {PATIENCE} s; the terminal shows:\n{self.shown!r}")
            self.shown += os.read(self.fd, 4096).decode(errors="replace")
        self.shown = self.shown[found.end() :]
        return found

    def arguments(self, before: str, after: str = "") -> list[str]:
        """Type ``before|after`` and press TAB with the cursor at the bar, then Enter: what does nlptool get?"""
        self.type(before + after + BACK * len(after) + "\t\r")
        found = self.wait_for(r"GOT((?:<[^>]*>)*)END")
        self.wait_for("ready> ")
        return re.findall("<([^>]*)>", found[1])

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def _workplace(folder: Path, scripts: dict[str, str]) -> Path:
    (folder / "bin").mkdir()
    program = folder / "bin" / "nlptool"
    program.write_text("#!/bin/sh\nprintf GOT\n[ $# -eq 0 ] || printf '<%s>' \"$@\"\nprintf 'END\\n'\n")
    program.chmod(0o755)
    (folder / "scripts").mkdir()
    for name, text in scripts.items():
        (folder / "scripts" / name).write_text(text)
    for name in ("novel.txt", "two words.txt"):
        (folder / name).write_text("")
    return folder


@pytest.fixture(scope="module")
def terminals(tmp_path_factory: pytest.TempPathFactory):
    """One terminal for each shell, started when it is first asked for."""
    started: dict[str, Terminal] = {}

    def terminal(shell: str) -> Terminal:
        if shell not in started:
            scripts = {name: (REPOSITORY / "completions" / name).read_text() for name in completions.FILES.values()}
            started[shell] = Terminal(shell, _workplace(tmp_path_factory.mktemp(shell), scripts))
        return started[shell]

    yield terminal
    for terminal in started.values():
        terminal.close()


CASES = {
    "command": ("nlptool tok", "", ["tokenize"]),
    "option": ("nlptool tokenize --norm", "", ["tokenize", "--normalize"]),
    "no option": ("nlptool embed --no-norm", "", ["embed", "--no-normalize"]),
    "option of the root": ("nlptool --vers", "", ["--version"]),
    "choice": ("nlptool tokenize -f wak", "", ["tokenize", "-f", "wakati"]),
    "choice of a long option": ("nlptool tokenize --format wak", "", ["tokenize", "--format", "wakati"]),
    "choice after =": ("nlptool tokenize --format=wak", "", ["tokenize", "--format=wakati"]),
    "the only choice after =": ("nlptool tokenize --normalize=", "", ["tokenize", "--normalize=nfkc"]),
    "choice as argument": ("nlptool completion fi", "", ["completion", "fish"]),
    "file": ("nlptool tokenize nov", "", ["tokenize", "novel.txt"]),
    "file with a blank": ("nlptool tokenize two", "", ["tokenize", "two words.txt"]),
    "file after =": ("nlptool tokenize --output=nov", "", ["tokenize", "--output=novel.txt"]),
    "file of an option": ("nlptool tokenize -o nov", "", ["tokenize", "-o", "novel.txt"]),
    "file after a flag": ("nlptool tokenize --header nov", "", ["tokenize", "--header", "novel.txt"]),
    "file after a value": ("nlptool tokenize --pos 名詞 nov", "", ["tokenize", "--pos", "名詞", "novel.txt"]),
    "file after a file": ("nlptool tokenize a.txt nov", "", ["tokenize", "a.txt", "novel.txt"]),
    "file after --": ("nlptool tokenize -- nov", "", ["tokenize", "--", "novel.txt"]),
    "no file where a command is meant": ("nlptool nov", "", ["nov"]),
    "no file where a word is meant": ("nlptool tokenize -f nov", "", ["tokenize", "-f", "nov"]),
    "no file where any text is meant": ("nlptool tokenize --field nov", "", ["tokenize", "--field", "nov"]),
    "a value that is a command": ("nlptool tokenize --field embed -f wak", "", ["tokenize", "--field", "embed", "-f", "wakati"]),
    "a command's own options": ("nlptool embed --n-b", "", ["embed", "--n-b"]),
    "middle: command": ("echo a | nlptool tok", " -f wakati | cat", ["tokenize", "-f", "wakati"]),
    "middle: choice": ("nlptool tokenize -f wak", " novel.txt > out; cat out", ["tokenize", "-f", "wakati", "novel.txt"]),
    "middle: option": ("nlptool tokenize --deb", " novel.txt", ["tokenize", "--debug", "novel.txt"]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("shell", SHELLS)
def test_tab(terminals, shell: str, case: str) -> None:
    before, after, expected = CASES[case]
    found = terminals(shell).arguments(before, after)
    assert [word.removesuffix("=") for word in found] == expected  # zsh leaves the "=" of --normalize=


@click.group("nlptool")
def toy() -> None:
    """Groups in groups, options that come twice, help that no shell may touch."""


@toy.group(short_help=UNKIND)
@click.option("--seed", metavar="N", help=UNKIND)
def train(seed: str) -> None: ...


@train.command(short_help=UNKIND)
@click.argument("files", nargs=-1, type=click.Path())
@click.option("-v", "--verbose", count=True, help=UNKIND)
@click.option("--kind", multiple=True, type=click.Choice(["cbow", "skip-gram", "it's $HOME"]), help=UNKIND)
@click.option("--unkind", metavar="[A:B]", help=UNKIND)
@click.option("--unknown", is_flag=True, help=UNKIND)
@click.option("--secret", hidden=True)
def word2vec(**values: object) -> None: ...


@train.command()
def words() -> None:
    """Like word2vec up to its third letter."""


@pytest.fixture(scope="module")
def toy_terminals(tmp_path_factory: pytest.TempPathFactory):
    started: dict[str, Terminal] = {}

    def terminal(shell: str) -> Terminal:
        if shell not in started:
            scripts = {name: completions.script(shell, toy) for shell, name in completions.FILES.items()}
            started[shell] = Terminal(shell, _workplace(tmp_path_factory.mktemp(f"toy-{shell}"), scripts))
        return started[shell]

    yield terminal
    for terminal in started.values():
        terminal.close()


TOY_CASES = {
    "group": ("nlptool tr", ["train"]),
    "command of a group": ("nlptool train word2", ["train", "word2vec"]),
    "command after the group's option": ("nlptool train --seed 3 word2", ["train", "--seed", "3", "word2vec"]),
    "option of a group": ("nlptool train --se", ["train", "--seed"]),
    "option of a nested command": ("nlptool train word2vec --unki", ["train", "word2vec", "--unkind"]),
    "choice of a nested command": ("nlptool train word2vec --kind sk", ["train", "word2vec", "--kind", "skip-gram"]),
    "file of a nested command": ("nlptool train word2vec nov", ["train", "word2vec", "novel.txt"]),
    "after -v twice": ("nlptool train word2vec -v -v --verb", ["train", "word2vec", "-v", "-v", "--verbose"]),
    "an option again": (
        "nlptool train word2vec --kind cbow --kin",
        ["train", "word2vec", "--kind", "cbow", "--kind"],
    ),
    "no hidden option": ("nlptool train word2vec --sec", ["train", "word2vec", "--sec"]),
    "no options of the group": ("nlptool train word2vec --see", ["train", "word2vec", "--see"]),
    "no command of another group": ("nlptool word2", ["word2"]),
}


@pytest.mark.parametrize("case", TOY_CASES)
@pytest.mark.parametrize("shell", SHELLS)
def test_tab_in_groups(toy_terminals, shell: str, case: str) -> None:
    line, expected = TOY_CASES[case]
    found = toy_terminals(shell).arguments(line)
    assert [word.removesuffix("=") for word in found] == expected


@pytest.mark.parametrize("line", ["nlptool train word2vec --un", "nlptool t", "nlptool train w"])
@pytest.mark.parametrize("shell", ["zsh", "zsh-sourced"])
def test_zsh_shows_help_as_it_is(toy_terminals, tmp_path_factory, shell: str, line: str) -> None:
    pass
