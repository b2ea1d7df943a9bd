"""The Ray engine where a cluster of one machine cannot show it: no room, machines that do not share a folder, actors that fail to
start. A cluster of a few lines stands in for Ray."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nlptool.cli.shards import ray_engine
from nlptool.cli.shards.cluster import Wanted
from nlptool.cli.shards.ray_engine import RayEngine
from nlptool.cli.shards.worker import Setup
from nlptool.errors import RunError
from nlptool.storage.places import State
from nlptool.tasks.shards.plan import Shard
from nlptool.tasks.shards.run import Outcome


class RayError(Exception):
    """What Ray raises."""


class RayTaskError(RayError):
    """What Ray raises for an exception of an actor."""

    cause: BaseException | None = None


class FakeRay:
    """A cluster whose actors answer what they are told to; None: they do not answer.

    Args:
        begins: what the actors say when they begin, one after the other; an exception is raised.
        runs: what they say of shards.
    """

    exceptions = SimpleNamespace(RayError=RayError, RayTaskError=RayTaskError)

    def __init__(self, begins: Sequence[Any], runs: Sequence[Any] = ()) -> None:
        self._begins = iter(begins)
        self._runs = iter(runs)
        self._answers: dict[int, Any] = {}
        self._numbers = itertools.count()
        self.n_killed = 0

    def init(self, **_: Any) -> None: ...
    def shutdown(self) -> None: ...

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": {"CPU": 3.0}}, {"Alive": False, "Resources": {"CPU": 9.0}}]

    def available_resources(self) -> dict[str, float]:
        return {"CPU": 0.0}

    def remote(self, **_: Any) -> Callable[[type], Any]:
        return lambda kind: SimpleNamespace(remote=self._actor)

    def _actor(self) -> Any:
        return SimpleNamespace(
            begin=SimpleNamespace(remote=lambda *_: self._answer(next(self._begins))),
            run=SimpleNamespace(remote=lambda *_: self._answer(next(self._runs))),
        )

    def _answer(self, answer: Any) -> int:
        number = next(self._numbers)
        self._answers[number] = answer
        return number

    def wait(self, numbers: Sequence[int], *, num_returns: int, timeout: float) -> tuple[list[int], list[int]]:
        return [number for number in numbers if self._answers[number] is not None][:num_returns], []

    def get(self, number: int) -> Any:
        if isinstance(self._answers[number], Exception):
            raise self._answers[number]
        return self._answers[number]

    def kill(self, actor: Any) -> None:
        self.n_killed += 1


def shard(number: int = 0) -> Shard:
    return Shard(number, "a.txt", State(1, ""), 0, 1)


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., RayEngine]:
    def open_engine(ray: FakeRay, *, n_shards: int = 1, say: Callable[[str], None] = lambda message: None) -> RayEngine:
        monkeypatch.setitem(sys.modules, "ray", ray)  # type: ignore[arg-type]
        setup = Setup(("embed",), ("a.txt",), False, str(tmp_path), "", str(tmp_path), False, 1, "hidden")
        return RayEngine(setup, Wanted(), n_shards, say)

    return open_engine


def test_there_are_no_more_actors_than_shards_or_room(opened: Callable[..., RayEngine]) -> None:
    for n_shards, n in ((1, 1), (2, 2), (9, 3)):
        ray = FakeRay([""] * 9)
        with opened(ray, n_shards=n_shards) as engine:
            assert engine.capacity == n
        assert ray.n_killed == n


def test_a_folder_that_is_not_shared_is_said(opened: Callable[..., RayEngine], tmp_path: Path) -> None:
    with opened(FakeRay([""], [Outcome(shard(), 0)])) as engine:
        engine.submit(shard(), "shard-00000.jsonl")
        with pytest.raises(
            RunError, match=r"is another folder on the machines of the cluster: shard-00000\.jsonl is not here"
        ):
            engine.wait()
    (tmp_path / "shard-00000.jsonl").touch()
    with opened(FakeRay([""], [Outcome(shard(), 0)])) as engine:
        engine.submit(shard(), "shard-00000.jsonl")
        assert engine.wait().code == 0


def test_no_room_is_said_once_and_ends_the_run(
    opened: Callable[..., RayEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = itertools.count(0, 100)
    monkeypatch.setattr(ray_engine, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    said: list[str] = []
    with opened(FakeRay([None]), say=said.append) as engine:
        engine.submit(shard(), "shard-00000.jsonl")
        with pytest.raises(RunError, match="no worker is running: each takes 1 CPU, and the cluster has 0 CPU free"):
            engine.wait()
    assert said == [
        "no worker is running: each takes 1 CPU, and the cluster has 0 CPU free; it waits for room, 5 minutes at most"
    ]


def test_actors_that_fail_to_start_are_started_again_but_not_for_ever(opened: Callable[..., RayEngine]) -> None:
    with opened(FakeRay([RayError("died"), RayError("died"), ""], [Outcome(shard(), 1)])) as engine:
        engine.submit(shard(), "shard-00000.jsonl")
        assert engine.wait().code == 1
    with opened(FakeRay([RayError("no module named nlptool\nmore")] * 9)) as engine:
        engine.submit(shard(), "shard-00000.jsonl")
        with pytest.raises(RunError, match=r"no worker can be started on the cluster: no module named nlptool$"):
            engine.wait()


def test_what_is_in_the_way_on_a_machine_ends_the_run(opened: Callable[..., RayEngine]) -> None:
    with opened(FakeRay(["node7 has nlptool 0, and this is 1"])) as engine:
        engine.submit(shard(), "shard-00000.jsonl")
        with pytest.raises(RunError, match="node7 has nlptool 0, and this is 1") as caught:
            engine.wait()
        assert "the same nlptool" in caught.value.hint


def test_an_exception_and_a_death_are_shards_that_failed(opened: Callable[..., RayEngine]) -> None:
    raised = RayTaskError("a traceback")
    raised.cause = MemoryError("too large")
    ray = FakeRay(["", ""], [raised, RayError("the node died"), Outcome(shard(2), 3)])
    with opened(ray) as engine:
        for number in range(2):
            engine.submit(shard(number), "-")
        assert (engine.wait(), engine.wait()) == (Outcome(shard(0), 1, "too large\n"), Outcome(shard(1), -1))
        (Path(engine._setup.folder) / "-").touch()
        engine.submit(shard(2), "-")  # by the actor that has taken the place of the one that died
        assert engine.wait().code == 3


def test_without_the_package_it_is_named(opened: Callable[..., RayEngine], monkeypatch: pytest.MonkeyPatch) -> None:
    engine = opened(FakeRay([]))
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(RunError, match="--engine ray needs the package ray") as raised, engine:
        pass
    assert raised.value.hint == "pip install '.[ray]' where the project's pyproject.toml is"
