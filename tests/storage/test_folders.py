"""Folders that take the place of others as a whole: whoever is killed, and whoever else writes them."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nlptool.errors import RunError
from nlptool.storage import folders, locks

MANIFEST = "m.json"


def make(note: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / MANIFEST).write_text(json.dumps({"note": note}))
        (folder / "data").mkdir()
        (folder / "data" / "x").write_text(note)

    return write


def note_of(folder: Path) -> str:
    assert folders.is_whole(folder, MANIFEST)
    note = json.loads((folder / MANIFEST).read_text())["note"]
    assert (folder / "data" / "x").read_text() == note
    return str(note)


def _replace_often(target: Path, note: str) -> None:
    n_done = 0
    while n_done < 60:
        try:
            folders.replace_folder(target, MANIFEST, make(note))
            n_done += 1
        except RunError as error:
            assert "is writing" in error.message
            time.sleep(random.uniform(0, 0.01))


def test_of_processes_that_replace_one_folder_at_once_one_does_and_the_others_are_told(tmp_path: Path) -> None:
    """There is a folder at any moment."""
    target = tmp_path / "v"
    folders.replace_folder(target, MANIFEST, make("first"))
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_replace_often, args=(target, str(n))) for n in range(3)]
    for process in processes:
        process.start()
    while any(process.is_alive() for process in processes):
        assert target.exists()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["v"]
    assert note_of(target) in "012"


@pytest.mark.parametrize("swaps", [True, False])
def test_a_folder_takes_the_place_of_another(swaps: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not swaps:  # as on NFS, or another system
        monkeypatch.setattr(folders, "_exchange", lambda first, second: False)
    for note in ("old", "new"):
        folders.replace_folder(tmp_path / "v", MANIFEST, make(note))
        assert [path.name for path in tmp_path.iterdir()] == ["v"]
        assert note_of(tmp_path / "v") == note


def test_folders_are_swapped_in_one_step_here(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    assert folders._exchange(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "a" / "b").exists()
    assert not folders._exchange(tmp_path / "a", tmp_path / "none")


@pytest.mark.parametrize("killed", ["making", "put", "between", "removing"])
def test_what_a_killed_process_leaves_is_in_no_ones_way(killed: str, tmp_path: Path) -> None:
    """Killed while it made the folder, after it had put it in its place, in between where the storage cannot swap, or while it
    removed the old one."""
    target, part = tmp_path / "v", tmp_path / "v.part"
    folders.replace_folder(target, MANIFEST, make("old"))
    if killed == "making":
        part.mkdir()
        (part / MANIFEST).write_text("{}")
        (part / "half").write_bytes(b"half")
    elif killed == "put":
        shutil.copytree(target, part)
    elif killed == "between":
        (tmp_path / "v.x.old").mkdir()
        target.rename(tmp_path / "v.x.old" / "v")
        with folders.NewFolder(target, MANIFEST):
            assert note_of(target) == "old"
    else:
        part.mkdir()
    folders.replace_folder(target, MANIFEST, make("new"))
    assert note_of(target) == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["v"]


def test_a_folder_that_another_process_makes_is_not_made_here(tmp_path: Path) -> None:
    with folders.NewFolder(tmp_path / "v", MANIFEST) as held:
        with pytest.raises(RunError, match=rf"another process \({os.getpid()}\) is writing {tmp_path}/v$"):
            folders.replace_folder(tmp_path / "v", MANIFEST, make("mine"))
        assert held.path.exists()
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_such_folder_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "v.part").mkdir()
    (tmp_path / "v.part" / "thesis").write_text("years of work")
    with pytest.raises(RunError, match=r"v\.part is a folder that holds something else"):
        folders.replace_folder(tmp_path / "v", MANIFEST, make("mine"))
    assert (tmp_path / "v.part" / "thesis").read_text() == "years of work"


def test_a_failure_leaves_the_old_folder_and_nothing_else(tmp_path: Path) -> None:
    folders.replace_folder(tmp_path / "v", MANIFEST, make("old"))

    def fails(folder: Path) -> None:
        make("new")(folder)
        raise OSError(28, "No space left on device")

    with pytest.raises(RunError, match="No space left on device"):
        folders.replace_folder(tmp_path / "v", MANIFEST, fails)
    assert note_of(tmp_path / "v") == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["v"]


def _count(path: Path, counter: Path) -> None:
    for _ in range(50):
        with locks.waiting(path):
            counter.write_text(str(int(counter.read_text()) + 1))


def test_processes_wait_for_each_other_where_that_is_wanted(tmp_path: Path) -> None:
    counter = tmp_path / "n"
    counter.write_text("0")
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_count, args=(tmp_path / "lock", counter)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert counter.read_text() == "150"
