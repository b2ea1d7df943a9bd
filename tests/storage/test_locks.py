"""Locks: on storage that has none the work is done all the same; other failures are said."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from nlptool.errors import RunError
from nlptool.storage import locks


def failing(number: int) -> object:
    def flock(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    return flock


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EBADF])
def test_without_locks_the_work_is_done(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", failing(number))
    said: list[str] = []
    with locks.waiting(tmp_path / "lock"):
        assert (tmp_path / "lock").exists()
    for path in (tmp_path, tmp_path / "lock"):
        descriptor = locks.hold(path, lambda path=path: os.open(path, os.O_RDONLY), path, said.append)  # type: ignore[misc]
        os.close(descriptor)
    assert said == [
        f"{path} is on storage without locks: no other process may write it now"
        for path in (tmp_path, tmp_path / "lock")
    ]


def test_another_failure_of_the_storage_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", failing(errno.EIO))
    for lock in (
        lambda: locks.waiting(tmp_path / "lock").__enter__(),
        lambda: locks.hold(tmp_path, lambda: os.open(tmp_path, os.O_RDONLY), tmp_path),
    ):
        with pytest.raises(OSError, match="Input/output error"):
            lock()


def test_shared_locks_are_held_together_and_none_beside_another(tmp_path: Path) -> None:
    def hold(*, shared: bool) -> int:
        return locks.hold(tmp_path, lambda: os.open(tmp_path, os.O_RDONLY), "the folder", shared=shared)

    held = [hold(shared=True), hold(shared=True)]
    with pytest.raises(RunError, match="is writing the folder"):
        hold(shared=False)
    for each in held:
        os.close(each)
    alone = hold(shared=False)
    with pytest.raises(RunError, match="is writing the folder"):
        hold(shared=True)
    os.close(alone)
