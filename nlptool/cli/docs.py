"""Derived text: completion scripts, manual pages, and in README and docs/ help, the table of commands, transcripts.

    python -m nlptool.cli.docs --write    bring everything up to date
    python -m nlptool.cli.docs --check    name what is stale, exit 1

In README.md, README.ja.md and docs/**/*.md these lines mark what is derived; all else in them is prose and stays as it is:

    <!-- help: tokenize -->  ...  <!-- /help -->       the output of `nlptool tokenize --help`, 88 columns wide
    <!-- commands -->  ...  <!-- /commands -->         a table of the commands, with links to their pages
    <!-- run -->  and a fence ```console               each `$ command` is run by bash

The commands of one page run one after the other in a new folder of their own, in which `tests` is the repository's.
The generator knows nothing that the click tree, the shells and the commands themselves do not say.
"""

from __future__ import annotations

import difflib
import functools
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

from nlptool.cli import completion_scripts, man
from nlptool.cli import main as cli_main

FOLDER = Path(__file__).resolve().parent.parent.parent
COLUMNS = 88
TOLERANCE = 1e-4  # vectors move in the last digits from one processor to another
SHOWN_LINES = 20  # of the difference in one file

_LINES = r"((?:(?!<!--).*\n)*?)"  # up to the next marker, so that a forgotten end does not swallow the text after it
_HELP = re.compile(rf"^(<!-- help: ?(.*?) ?-->\n){_LINES}(<!-- /help -->)$", re.M)
_TABLE = re.compile(rf"^(<!-- commands -->\n){_LINES}(<!-- /commands -->)$", re.M)
_RUN = re.compile(r"^(<!-- run -->\n```console\n)((?:(?!```).*\n)*?)(```)$", re.M)
_MARKER = re.compile(r"^<!-- (?:help:|commands -->|run -->)", re.M)
_COMMAND = re.compile(r"^\$ ((?:.*\\\n)*.*)\n", re.M)  # a backslash at the end: it goes on in the next line
_NUMBER = re.compile(r"-?\d+\.\d+(?:e[-+]?\d+)?|-?\d+e-\d+")
_VERSION = re.compile(r"(?<=version:)[\d.]+")  # of a library, in a signature of sacrebleu
_ENVIRONMENT = re.compile(  # what a person may have set, and what changes an output
    r"_?NLPTOOL_.*|LC_.*|LANG|LANGUAGE|.*COLOR.*|COLUMNS|LINES|TERM|PYTHONUNBUFFERED|BASH_ENV|BASH_FUNC_.*|PYTEST_.*"
)


def pages(folder: Path) -> list[Path]:
    """Return the files with prose under ``folder``: README.md, README.ja.md, and all of docs/."""
    return [*sorted(folder.glob("README*.md")), *sorted((folder / "docs").rglob("*.md"))]


def derive(folder: Path, *, run: bool = True, only: Collection[Path] = ()) -> dict[Path, str]:
    """Return every file with derived text under ``folder`` as it should be.

    Args:
        run: run the transcripts; otherwise they stay.
        only: the pages whose transcripts are run; empty: all of them.

    Returns:
        path -> text; "" for a file that should not exist.
    """
    paths = pages(folder)
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # a page waits for its processes most of the time
        texts_of_pages = pool.map(lambda path: page(path, folder, run=run and (not only or path in only)), paths)
        texts = dict(zip(paths, texts_of_pages, strict=True))
    for shell, name in completion_scripts.FILES.items():
        texts[folder / "completions" / name] = completion_scripts.script(shell, cli_main.root)
    texts |= dict.fromkeys((folder / "man").glob("*.1"), "")
    return texts | {folder / "man" / name: text for name, text in man.pages(cli_main.root).items()}


def stale(folder: Path, *, run: bool = True, only: Collection[Path] = ()) -> dict[Path, str]:
    """Return those files of ``derive`` that are not yet as they should be."""
    return {path: text for path, text in derive(folder, run=run, only=only).items() if _read(path) != text}


def help_text(path: str) -> str:
    """Return what ``nlptool PATH --help`` prints in 88 columns, whatever the terminal and the environment are."""
    settings = {**cli_main.root.context_settings, "terminal_width": COLUMNS}
    ctx = click.Context(cli_main.root, info_name=completion_scripts.NAME, **settings)
    for name in path.removeprefix(completion_scripts.NAME).split():
        command = ctx.command.get_command(ctx, name) if isinstance(ctx.command, click.Group) else None
        if command is None:
            raise click.ClickException(f"<!-- help: {path} -->: nlptool has no such command")
        ctx = click.Context(command, ctx, info_name=name, **command.context_settings)
    return ctx.get_help().rstrip() + "\n"


def page(path: Path, folder: Path, *, run: bool = True) -> str:
    """Return the text of one page of ``folder`` with its regions filled."""
    text = path.read_text(encoding="utf-8")
    name = path.relative_to(folder)
    if sum(len(pattern.findall(text)) for pattern in (_HELP, _TABLE, _RUN)) != len(_MARKER.findall(text)):
        raise click.ClickException(f"{name}: a help, commands or run marker is without its end or its fence")
    text = _HELP.sub(lambda match: f"{match[1]}```text\n{help_text(match[2])}```\n{match[4]}", text)
    text = _TABLE.sub(lambda match: match[1] + _table() + match[3], text)
    if not run or not _RUN.search(text):
        return text
    with tempfile.TemporaryDirectory(prefix="nlptool-docs-") as scratch:
        (Path(scratch) / "tests").symlink_to(folder / "tests")
        transcript = functools.partial(_transcript, folder=Path(scratch), name=str(name))
        return _RUN.sub(lambda match: match[1] + transcript(match[2]) + match[3], text)


def _table() -> str:
    rows = [f"| [`{name}`]({name}.md) | {_cell(line)} |\n" for name, line in sorted(cli_main.COMMANDS.items())]
    return "| command | what it does |\n|---|---|\n" + "".join(rows)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _transcript(text: str, folder: Path, name: str) -> str:
    """Run the commands of one fence; an output that is the same but for the last digits stays as it is."""
    before, *parts = _COMMAND.split(text)
    if before or not parts:
        raise click.ClickException(f"{name}: a fence after <!-- run --> begins with a line `$ command`")
    lines = []
    for command, written in zip(parts[::2], parts[1::2], strict=True):
        output = _run(command, folder)
        lines.append(f"$ {command}\n{written if same(written, output) else output}")
    return "".join(lines)


def _run(command: str, folder: Path) -> str:
    """Return stdout and stderr of a shell command, as a reader of the README would see them."""
    environment = {name: value for name, value in os.environ.items() if not _ENVIRONMENT.fullmatch(name)}
    environment["COLUMNS"] = str(COLUMNS)
    environment["LC_ALL"] = "C.UTF-8"
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        encoding="utf-8", errors="replace", timeout=600, check=False,
    )  # fmt: skip
    return done.stdout + ("\n" if done.stdout and not done.stdout.endswith("\n") else "")


def same(a: str, b: str) -> bool:
    """Say whether two outputs are equal, but for versions of libraries, and decimal numbers within ``TOLERANCE``."""
    a, b = _VERSION.sub("", a), _VERSION.sub("", b)
    if _NUMBER.split(a) != _NUMBER.split(b):
        return False
    pairs = zip(_NUMBER.findall(a), _NUMBER.findall(b), strict=True)
    return all(abs(float(x) - float(y)) <= TOLERANCE for x, y in pairs)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


@click.command()
@click.option("--write/--check", required=True, help="Bring derived text up to date, or name what is stale (exit 1).")
@click.argument("only", metavar="[PAGE]...", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(only: tuple[Path, ...], *, write: bool) -> None:
    """Completion scripts, manual pages, and the derived parts of README and docs/; transcripts of PAGE alone, if given."""
    files = stale(FOLDER, only=[path.resolve() for path in only])
    for path, text in files.items():
        name = path.relative_to(FOLDER)
        if write and not text:
            path.unlink()
            click.echo(f"{name}: removed")
        elif write:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            click.echo(f"{name}: written")
        else:
            click.echo(f"{name}: stale")
            difference = difflib.unified_diff(_read(path).split("\n"), text.split("\n"), "is", "should be", lineterm="")
            click.echo("".join(f"    {line}\n" for line in list(difference)[:SHOWN_LINES]), nl=False)
    if files and not write:
        click.echo("this mends it: python -m nlptool.cli.docs --write")
        raise SystemExit(1)


if __name__ == "__main__":
    main()
