"""Completion in real shells: a person types part of a line, presses TAB and Enter, and ``nlptool`` gets its arguments.

The ``nlptool`` of these tests is a script that prints them, and leaves to the real one what the scripts ask for. Every shell
sits on a pseudo-terminal and reads the scripts of ``completions/``, or those of a small command tree with what nlptool lacks so
far: groups in groups, unkind help.
"""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import select
import shlex
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from nlptool.cli import completion_scripts

REPOSITORY = Path(__file__).resolve().parent.parent.parent
PATIENCE = 20  # seconds; a shell that answers is never waited for
SHELLS = ("bash", "zsh", "zsh-sourced", "fish")
UNKIND = 'it\'s "$(touch ran)" `touch ran` $HOME [a]:b {c} (d) \\e 100% *~ ;& #'
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
        self.decoder = codecs.getincrementaldecoder("utf-8")()
        self.stuck = False
        self.folder = folder
        environment = {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "HOME": str(folder), "INPUTRC": "/dev/null"}
        environment["PYTHONPATH"] = os.environ.get("PYTHONPATH", str(REPOSITORY))
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(START[shell][0], START[shell], environment | {"TERM": "dumb", "LC_ALL": "C.UTF-8"})
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("4H", 50, 200, 0, 0))
        self.type(SETUP[shell] + "\r")
        self.wait_for("ready> ")

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Read until ``pattern`` is on the screen, and forget what came up to its end."""
        until = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, self.shown)):
            self.stuck = True
            if not select.select([self.fd], [], [], max(0.0, until - time.monotonic()))[0]:
                pytest.fail(f"no {pattern!r} within {PATIENCE} s; the terminal shows:\n{self.shown!r}")
            self.shown += self.decoder.decode(os.read(self.fd, 4096))
        self.stuck = False
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
    asks = f'[ "$1" != --complete ] || exec {shlex.quote(sys.executable)} -m nlptool "$@"'
    program.write_text(f"#!/bin/sh\n{asks}\nprintf GOT\n[ $# -eq 0 ] || printf '<%s>' \"$@\"\nprintf 'END\\n'\n")
    program.chmod(0o755)
    (folder / "scripts").mkdir()
    for name, text in scripts.items():
        (folder / "scripts" / name).write_text(text)
    for name in ("novel.txt", "two words.txt"):
        (folder / name).write_text("")
    (folder / "notes.jsonl").write_text('{"number":1,"body":"猫","meta":{"title":"犬"}}\n')
    return folder


def _terminals(factory: pytest.TempPathFactory, scripts: dict[str, str]) -> Iterator[Callable[[str], Terminal]]:
    """Give a terminal for each shell, started when it is first asked for, and again after a test that left it stuck."""
    started: dict[str, Terminal] = {}

    def terminal(shell: str) -> Terminal:
        if shell in started and started[shell].stuck:
            started.pop(shell).close()
        if shell not in started:
            started[shell] = Terminal(shell, _workplace(factory.mktemp(shell), scripts))
        return started[shell]

    yield terminal
    for each in started.values():
        each.close()


@pytest.fixture(scope="module")
def terminals(tmp_path_factory: pytest.TempPathFactory):
    names = completion_scripts.FILES.values()
    yield from _terminals(tmp_path_factory, {name: (REPOSITORY / "completions" / name).read_text() for name in names})


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
    "a value that is a command": ("nlptool tokenize --pos embed --n-b", "", ["tokenize", "--pos", "embed", "--n-best"]),
    "a command's own options": ("nlptool embed --n-b", "", ["embed", "--n-b"]),
    "option after a file": ("nlptool tokenize a.txt --deb", "", ["tokenize", "a.txt", "--debug"]),
    "no option after --": ("nlptool tokenize -- --deb", "", ["tokenize", "--", "--deb"]),
    "option of the default subcommand": ("nlptool train --min-c", "", ["train", "--min-count"]),
    "choice of the default subcommand": ("nlptool train --method cb", "", ["train", "--method", "cbow"]),
    "file of the default subcommand": ("nlptool train -o my.vec nov", "", ["train", "-o", "my.vec", "novel.txt"]),
    "file after a file of the default subcommand": ("nlptool train novel.txt two", "", ["train", "novel.txt", "two words.txt"]),
    "subcommand": ("nlptool train dist", "", ["train", "distil"]),
    "model": ("nlptool embed -m static", "", ["embed", "-m", "static-ja-en"]),
    "model after =": ("nlptool embed --model=static", "", ["embed", "--model=static-ja-en"]),
    "model of a subcommand": ("nlptool train classifier --base ner-mi", "", ["train", "classifier", "--base", "ner-mini-ja"]),
    "folder of a model": ("nlptool embed -m scr", "", ["embed", "-m", "scripts"]),
    "field of the file": ("nlptool embed notes.jsonl --field bo", "", ["embed", "notes.jsonl", "--field", "body"]),
    "JSON Pointer": ("nlptool embed notes.jsonl --field /", "", ["embed", "notes.jsonl", "--field", "/meta/title"]),
    "word": ("nlptool neighbors 猫じゃ", "", ["neighbors", "猫じゃらし"]),
    "word of a model": ("nlptool analogy -m aozora-100d 三毛", "", ["analogy", "-m", "aozora-100d", "三毛"]),
    "middle: command": ("echo a | nlptool tok", " -f wakati | cat", ["tokenize", "-f", "wakati"]),
    "middle: choice": ("nlptool tokenize -f wak", " a.txt > out; cat out", ["tokenize", "-f", "wakati", "a.txt"]),
    "middle: option": ("nlptool tokenize --deb", " novel.txt", ["tokenize", "--debug", "novel.txt"]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("shell", SHELLS)
def test_tab(terminals, shell: str, case: str) -> None:
    before, after, expected = CASES[case]
    found = terminals(shell).arguments(before, after)
    # zsh leaves the "=" of --normalize=, and takes away the "/" of a folder
    assert [word.removesuffix("=").removesuffix("/") for word in found] == expected


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
    names = completion_scripts.FILES.items()
    yield from _terminals(tmp_path_factory, {name: completion_scripts.script(shell, toy) for shell, name in names})


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


@pytest.mark.parametrize("line", ["nlptool train word2vec --un", "nlptool train wor"])
@pytest.mark.parametrize("shell", ["zsh", "zsh-sourced"])
def test_zsh_shows_help_as_it_is_and_runs_nothing_of_it(toy_terminals, shell: str, line: str) -> None:
    terminal = toy_terminals(shell)
    terminal.type(line + "\t\t")  # the first TAB goes as far as all candidates agree, the second lists them
    terminal.wait_for(f" -- {re.escape(UNKIND)} *\r")
    terminal.type("\x15\r")  # Ctrl-U: forget the line
    assert terminal.arguments("nlptool train words") == ["train", "words"]
    assert not (terminal.folder / "ran").exists()


def _fish_candidates(folder: Path, line: str) -> dict[str, str]:
    """Ask fish itself: each candidate with its help."""
    done = subprocess.run(
        ["fish", "--no-config", "-c", "source scripts/nlptool.fish; complete -C $argv[1]", line],
        cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return dict(item.partition("\t")[::2] for item in done.stdout.splitlines())


def test_fish_shows_help_as_it_is_and_runs_nothing_of_it(tmp_path) -> None:
    folder = _workplace(tmp_path, {"nlptool.fish": completion_scripts.script("fish", toy)})
    assert _fish_candidates(folder, "nlptool train word2vec --un") == {"--unkind": UNKIND, "--unknown": UNKIND}
    assert _fish_candidates(folder, "nlptool train w") == {
        "word2vec": UNKIND,
        "words": "Like word2vec up to its third letter.",
    }
    assert not (folder / "ran").exists()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("nlptool tok", {"tokenize"}),
        ("nlptool tokenize --norm", {"--normalize"}),
        ("cat novel.txt | nlptool tokenize -q -f wak", {"wakati"}),
        (
            "nlptool tokenize --format=",
            {
                f"--format={form}"
                for form in ("jsonl", "wakati", "mecab", "conllu", "tsv", "csv", "parquet", "table", "text")
            },
        ),
        ("nlptool tokenize nov", {"novel.txt"}),
        ("nlptool tokenize --field ", set()),
    ],
)
def test_fish_candidates(tmp_path, line: str, expected: set[str]) -> None:
    text = (REPOSITORY / "completions" / "nlptool.fish").read_text()
    assert set(_fish_candidates(_workplace(tmp_path, {"nlptool.fish": text}), line)) == expected


def test_bash_where_the_equals_sign_breaks_no_words(tmp_path) -> None:
    text = (REPOSITORY / "completions" / "nlptool.bash").read_text()
    terminal = Terminal("bash", _workplace(tmp_path, {"nlptool.bash": text}))
    terminal.type("COMP_WORDBREAKS=${COMP_WORDBREAKS//=}\r")
    terminal.wait_for("ready> ")
    assert terminal.arguments("nlptool tokenize --format=wak") == ["tokenize", "--format=wakati"]
    assert terminal.arguments("nlptool tokenize --format=wakati --norm") == [
        "tokenize", "--format=wakati", "--normalize",
    ]  # fmt: skip
    terminal.close()


def test_bash_stands_strict_settings(tmp_path) -> None:
    text = (REPOSITORY / "completions" / "nlptool.bash").read_text()
    terminal = Terminal("bash", _workplace(tmp_path, {"nlptool.bash": text}))
    terminal.type("set -u; shopt -s failglob; IFS=,\r")
    terminal.wait_for("ready> ")
    assert terminal.arguments("nlptool tok") == ["tokenize"]
    assert terminal.arguments("nlptool tokenize --head") == ["tokenize", "--header"]
    assert terminal.arguments("nlptool tokenize nov") == ["tokenize", "novel.txt"]
    terminal.close()
