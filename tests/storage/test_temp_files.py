"""Temporary files and folders: who closes and removes them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from program import largest_file

from nlptool.storage import temp_files


class Owner:
    pass


def test_a_file_is_closed_with_its_owner_and_what_is_mapped_of_it_stays() -> None:
    owner = Owner()
    file = temp_files.temporary(owner)
    file.write(np.arange(4, dtype=np.float32).tobytes())
    file.flush()
    mapped = np.memmap(file, np.float32, "r", shape=(4,))
    assert not file.closed
    del owner
    assert file.closed
    assert mapped.tolist() == [0, 1, 2, 3]


@pytest.mark.filterwarnings("error")
def test_a_file_that_a_full_disk_cannot_hold_is_closed_without_a_word() -> None:
    owner = Owner()
    file = temp_files.temporary(owner)
    file.write(b"x" * 100)
    with largest_file(10):
        del owner
    assert file.closed


def test_a_file_without_an_owner_is_closed_by_whoever_opened_it() -> None:
    with temp_files.temporary() as file:
        file.write(b"x")
    assert file.closed


@pytest.mark.filterwarnings("error")
def test_a_folder_goes_with_its_owner_and_without_a_warning() -> None:
    owner = Owner()
    folder = temp_files.temporary_folder(owner)
    (folder / "a.txt").write_text("x")
    del owner
    assert not folder.exists()


def test_a_folder_without_an_owner_goes_at_exit() -> None:
    code = "from nlptool.storage import temp_files; print(temp_files.temporary_folder(), flush=True)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()).name.startswith("nlptool-")
    assert not Path(done.stdout.strip()).exists()
