"""Runs that are interrupted, in this process: after each list of records that was written, and gone on with by ``--resume``."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from nlptool.errors import RunError
from nlptool.geometry.index_builder import Builder
from nlptool.records import blocks, windows
from nlptool.storage.output import Output
from nlptool.tasks import map as task_map
from nlptool.tasks import similarity, split


@contextmanager
def small_lists() -> Iterator[None]:
    """Let records come and go in lists of a few, so that a small input has many of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "CHUNK", 16)
        patch.setattr(windows, "FIRST_WINDOW", 1)
        patch.setattr(split, "_CHUNK", 2)
        patch.setattr(task_map, "_CHUNK", 2)
        patch.setattr(similarity, "_CHUNK", 3)
        yield


@contextmanager
def stopped_after(n_lists: int) -> Iterator[Callable[[], bool]]:
    """Let a run end when it has written ``n_lists`` lists of records. Gives a function that returns whether it came so far."""
    n_left = n_lists

    def counted(mark: Callable[[Any, Mapping[str, Any]], None]) -> Callable[[Any, Mapping[str, Any]], None]:
        def count(output: Any, done: Mapping[str, Any]) -> None:
            nonlocal n_left
            mark(output, done)
            n_left -= 1
            if not n_left:
                raise RunError("stopped by the test")

        return count

    with pytest.MonkeyPatch.context() as patch:
        for each in (Output, Builder):
            patch.setattr(each, "mark", counted(each.mark))
        yield lambda: n_left <= 0


def resumed_after_every_list(run: Callable[..., Result], out: Path) -> int:
    """Interrupt a run after each list of records that it writes, and resume it: it ends as one that was not interrupted, with
    the same bytes, exit code and count of failed records, and leaves nothing behind. Return the number of lists.

    Args:
        run: ``run(*options)`` runs a command with ``-o out``, a file or a folder.
    """
    with small_lists():
        whole = run()
        assert whole.exit_code in (0, 3), whole.stderr
        expected = _content(out), whole.exit_code, _failed(whole)
        for n_lists in itertools.count(1):
            _remove(out)
            with stopped_after(n_lists) as stopped:
                run()
            if not stopped():
                return n_lists - 1
            assert not out.exists()
            done = run("--resume")
            assert "going on after" in done.stderr
            assert out.exists(), done.stderr
            assert (_content(out), done.exit_code, _failed(done)) == expected, n_lists
            assert list(out.parent.glob(f"{out.name}.*")) == []
    raise AssertionError


def interrupted(run: Callable[..., Result], out: Path, n_lists: int = 1) -> None:
    """Interrupt a run when it has written ``n_lists`` lists of records."""
    _remove(out)
    with small_lists(), stopped_after(n_lists) as stopped:
        run()
    assert stopped()
    assert not out.exists()


def _content(out: Path) -> Any:
    return {path.name: path.read_bytes() for path in out.iterdir()} if out.is_dir() else out.read_bytes()


def _remove(out: Path) -> None:
    shutil.rmtree(out) if out.is_dir() else out.unlink(missing_ok=True)


def _failed(result: Result) -> list[str]:
    return [
        line for line in result.stderr.splitlines() if "failed; the first" in line or "failed and were left out" in line
    ]
