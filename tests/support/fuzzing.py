"""Cases for the fuzzer: command lines with files that are somewhat damaged, and what must hold whatever they hold.

A case is run in this process. It may fail, but only as the contract says: with a message, an exit code that means
something, no traceback, no warning of a library, in bounded time, and with as many records as came in.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from click.testing import CliRunner

from nlptool.cli.main import root

PATIENCE = 60  # seconds after which a case hangs

EXIT_CODES = {0, 1, 2, 3, 4}


@dataclass(frozen=True)
class Case:
    """A command line, run in a folder with some files.

    Attributes:
        command: what is typed behind ``nlptool``, words separated by blanks; {folder} stands for the folder.
        last: one more argument, of any characters.
        template: a folder whose files are there, before ``files`` are written over them.
        files: path within the folder -> content; None: there is no such file.
        n_records: how many records come out if the run ends with 0 or 3; None: that is not known.
    """

    command: str
    stdin: bytes = b""
    template: Path | None = None
    files: dict[str, bytes | None] = field(default_factory=dict)
    n_records: int | None = None
    last: str | None = None

    def __str__(self) -> str:
        """What a person needs to see it again."""
        shown = {name: content if content is None else content[:300] for name, content in self.files.items()}
        return f"nlptool {self.command} {self.last!r}  stdin={self.stdin[:300]!r}  files={shown!r}"


class Hang(BaseException):
    """A case took too long. No ``except Exception`` catches it."""


@contextmanager
def patience(seconds: int) -> Iterator[None]:
    def ring(number: int, frame: FrameType | None) -> None:
        raise Hang

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def run(case: Case, folder: Path) -> tuple[int, list[str]]:
    """Run a case in ``folder``, which is emptied before. Return its exit code and its faults."""
    _furnish(case, folder)
    arguments = [argument.replace("{folder}", str(folder)) for argument in case.command.split()]
    arguments += [] if case.last is None else [case.last]
    try:
        with contextlib.chdir(folder), patience(PATIENCE), warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            result = CliRunner().invoke(root, arguments, input=case.stdin)
    except Hang:
        return -1, [f"no end after {PATIENCE} seconds"]
    stderr = result.stderr
    wrong = []
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        wrong.append(f"raised {type(result.exception).__name__}: {result.exception}")
    if result.exit_code not in EXIT_CODES:
        wrong.append(f"exit code {result.exit_code}")
    if internal := re.search(r"internal error: .*", stderr):
        wrong.append(internal[0])
    if re.search(r"Traceback|Warning: |Error: .*\n.*self\.", stderr):
        wrong.append(f"not a message of ours: {stderr[-300:]}")
    wrong += [
        f"a warning: {each.message}"
        for each in warned
        if not issubclass(each.category, ResourceWarning | DeprecationWarning)
    ]
    if result.exit_code in (1, 2, 4) and not stderr.strip():
        wrong.append(f"exit code {result.exit_code} without a message")
    if case.n_records is not None and result.exit_code in (0, 3):
        lines = result.stdout_bytes.split(b"\n")
        if lines.pop():
            wrong.append("the last line has no end")
        if len(lines) != case.n_records:
            wrong.append(f"{case.n_records} records in, {len(lines)} out")
        for line in lines:
            try:
                json.loads(line)
            except ValueError:
                wrong.append(f"no JSON: {line[:200]!r}")
                break
    return result.exit_code, wrong


def _furnish(case: Case, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if case.template is None:
        folder.mkdir(parents=True)
    else:
        shutil.copytree(case.template, folder)
    for name, content in case.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
