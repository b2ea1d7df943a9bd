"""What all tests share: the program as a process of its own, and in this process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from nlptool.cli import root

NLPTOOL = str(Path(sys.executable).with_name("nlptool"))  # the console script
PATIENCE = 120  # seconds after which a process hangs: a guard, not a measure

Run = Callable[..., subprocess.CompletedProcess[bytes]]
Invoke = Callable[..., Result]


@pytest.fixture(scope="session", autouse=True)
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No settings of the user's, a cache of our own, and nothing that would hide a missing flush."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("NLPTOOL_") or name == "PYTHONUNBUFFERED"]:
            patch.delenv(name)
        patch.setenv("NLPTOOL_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def run() -> Run:
    """``run(*arguments, stdin=bytes, env={...})``: the real program, bytes in and out."""

    def run(*arguments: str, stdin: bytes = b"", env: dict[str, str] | None = None, **more: Any) -> Any:
        streams = {"input": stdin, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | more
        if "stdin" in streams:
            del streams["input"]
        return subprocess.run([NLPTOOL, *arguments], env=os.environ | (env or {}), timeout=PATIENCE, **streams)

    return run


@pytest.fixture(scope="session")
def invoke() -> Invoke:
    """``invoke(*arguments, stdin=bytes)``: the command line in this process, for what needs no process of its own."""
    return lambda *arguments, stdin=b"", **more: CliRunner().invoke(root, list(arguments), input=stdin, **more)
