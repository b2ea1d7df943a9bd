"""An engine of shards without processes of its own, for tests that look at what is done and not at where."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import pytest

from nlptool.cli.shards import local
from nlptool.cli.shards.worker import Setup, run_shard
from nlptool.tasks.shards.plan import Shard
from nlptool.tasks.shards.run import Outcome


class Here:
    """Runs shards in this process, one after the other.

    Attributes:
        done: the numbers of the shards that all engines of this kind have been given.
    """

    done: list[int] = []  # noqa: RUF012  # emptied by the fixture

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._waiting: list[tuple[Shard, str]] = []
        self.capacity = 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def submit(self, shard: Shard, output: str) -> None:
        self.done.append(shard.number)
        self._waiting.append((shard, output))

    def wait(self) -> Outcome:
        return run_shard(self._setup, *self._waiting.pop())


def run_shards_here(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let shards be run in this process; return the numbers of those that are."""
    monkeypatch.setattr(local, "LocalEngine", Here)
    Here.done.clear()
    return Here.done
