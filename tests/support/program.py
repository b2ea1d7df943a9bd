"""The program under test, as tests call it."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from nlptool.cli.main import root

NLPTOOL = str(Path(sys.executable).with_name("nlptool"))  # the console script
# In PYTHONPATH: libraries that warn when they are imported.
WARNING_LIBRARIES = Path(__file__).with_name("warning_libraries")
PATIENCE = 120  # seconds after which a process hangs: a guard, not a measure

Run = Callable[..., subprocess.CompletedProcess[bytes]]
Start = Callable[..., subprocess.Popen[bytes]]
Invoke = Callable[..., Result]


def invoke(*arguments: str, stdin: str | bytes = b"", **more: Any) -> Result:
    """Run the command line in this process, for what needs no process of its own."""
    return CliRunner().invoke(root, list(arguments), input=stdin, **more)


@contextmanager
def largest_file(n_bytes: int) -> Iterator[None]:
    """Let no file of this process become larger, as on a disk that is full: writing more raises ``OSError``."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def parse_records(stdout: bytes) -> list[dict[str, Any]]:
    """Return the records of JSONL: U+2028 is no line end."""
    return [json.loads(line) for line in stdout.split(b"\n") if line]


def records(result: Result | subprocess.CompletedProcess[bytes], code: int = 0) -> list[dict[str, Any]]:
    """Return the records of a run that must have ended with an exit code."""
    if isinstance(result, Result):
        assert result.exit_code == code, result.stderr
        return parse_records(result.stdout_bytes)
    assert result.returncode == code, result.stderr.decode()
    return parse_records(result.stdout)


def succeeded(result: Result) -> Result:
    """Return the result of a run that must have succeeded and written nothing to stdout."""
    assert result.exit_code == 0, result.stderr
    assert result.stdout == ""
    return result
