"""Ctrl-C, whatever a library makes of it."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import os, signal, sys, time
from nlptool.cli import main
from nlptool.errors import ModelError, WrongUsage
from nlptool.models.japanese import tagger

def open_dictionary(*_, **__):
    try:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(30)
    except KeyboardInterrupt:  # as an extension module does that is being imported
        raise {error} from None

tagger.Tagger.__init__ = open_dictionary
sys.argv = ["nlptool", "tokenize"]
main.main()
"""


@pytest.mark.parametrize(
    "error",
    [
        "ImportError('initialization failed')",
        "ModelError('x cannot be loaded')",
        "WrongUsage('x')",
        "KeyboardInterrupt",
    ],
)
def test_the_program_ends_by_the_signal_whatever_is_raised_for_it(error: str) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    program = PROGRAM.format(error=error)
    done = subprocess.run(
        [sys.executable, "-c", program], input="猫", capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == -signal.SIGINT
    assert done.stdout == ""
    assert "cannot be loaded" not in done.stderr
    assert "internal error" not in done.stderr
    assert "Error: x" not in done.stderr


def test_without_ctrl_c_the_error_is_said() -> None:
    program = PROGRAM.format(error="ModelError('x cannot be loaded')").replace("os.kill(", "raise KeyboardInterrupt; (")
    done = subprocess.run(
        [sys.executable, "-c", program], input="猫", capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 4
    assert "nlptool tokenize: x cannot be loaded" in done.stderr
