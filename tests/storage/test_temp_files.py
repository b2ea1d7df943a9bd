"""Folders for unfinished work: those of processes that were killed are removed by the next one."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from program import PATIENCE

from nlptool.storage import temp_files

MAKE = """
import sys
from nlptool.storage import temp_files
folder, _ = temp_files.locked_folder("kind")
(folder / "x").write_text("x")
print(folder, flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def test_what_a_killed_process_has_left_is_removed_and_what_is_in_use_is_not(temporary: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", MAKE], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        theirs = Path(process.stdout.readline().decode().strip())
        ours, descriptor = temp_files.locked_folder("kind")
        other, another = temp_files.locked_folder("other")
        assert (theirs / "x").exists()
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE)
    third, last = temp_files.locked_folder("kind")
    assert {*temporary.iterdir()} == {ours, other, third}
    for each in (descriptor, another, last):
        os.close(each)


def test_on_storage_without_locks_nothing_is_removed(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(*_: object) -> None:
        raise OSError(38, os.strerror(38))

    monkeypatch.setattr(fcntl, "flock", flock)
    folders = []
    for _ in range(2):
        folder, descriptor = temp_files.locked_folder("kind")
        os.close(descriptor)
        folders.append(folder)
    assert {*temporary.iterdir()} == {*folders}


def test_a_link_is_not_followed(temporary: Path) -> None:
    (temporary / "mine").mkdir()
    (temporary / "mine" / "x").write_text("x")
    (temporary / "nlptool-kind-link").symlink_to(temporary / "mine")
    _, descriptor = temp_files.locked_folder("kind")
    os.close(descriptor)
    assert (temporary / "mine" / "x").exists()
