"""Lists of texts given to threads and processes: every result comes in its order."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator, Sequence

import pytest

from nlptool import machine
from nlptool.records import workers as workers_module
from nlptool.records.workers import Workers, in_order


class Upper:
    """Upper case in two steps, the first of which takes a while and says in which thread it was made."""

    threads: set[str] = set()  # noqa: RUF012

    def __call__(self, texts: Sequence[str]) -> list[str]:
        return self.finish(self.begin(texts))

    def begin(self, texts: Sequence[str]) -> list[str]:
        if "bad" in texts:
            raise ValueError("bad")
        self.threads.add(threading.current_thread().name)
        time.sleep(random.random() / 200)
        return [text.upper() for text in texts]

    def finish(self, begun: Sequence[str]) -> list[str]:
        return [f"{text}!" for text in begun]


@pytest.fixture(autouse=True)
def _forget() -> None:
    Upper.threads.clear()


def results(lists: list[list[str]], n: int | None) -> list[list[str]]:
    given = []

    def remembered() -> Iterator[list[str]]:
        for each in lists:
            given.append(each)
            yield each

    found = list(in_order(remembered(), Workers(n, Upper), lambda item: item))
    assert [item for item, _ in found] == given
    return [result for _, result in found]


LISTS = [[f"{number}x" * 30_000] for number in range(12)] + [[], ["a", "b"]]
EXPECTED = [[f"{text.upper()}!" for text in texts] for texts in LISTS]


def test_threads_keep_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "processors", lambda: 2)
    assert results(LISTS, None) == EXPECTED
    assert len(Upper.threads) > 1


def test_one_processor_and_one_worker_need_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    assert results(LISTS, 1) == EXPECTED
    monkeypatch.setattr(machine, "processors", lambda: 1)
    assert results(LISTS, None) == EXPECTED
    assert Upper.threads == {threading.current_thread().name}


def test_processes_go_on_where_threads_have_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "processors", lambda: 4)
    monkeypatch.setattr(workers_module, "_MUCH", 400_000)
    started = []
    processes = workers_module._Processes

    def counted(n: int, *arguments: object) -> object:
        started.append(n)
        return processes(n, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(workers_module, "_Processes", counted)
    assert results(LISTS, None) == EXPECTED
    assert started == [4]


def test_processes_that_cannot_be_started_are_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "processors", lambda: 4)
    monkeypatch.setattr(workers_module, "_MUCH", 400_000)

    def refused(*_: object) -> object:
        raise OSError("Cannot allocate memory")

    monkeypatch.setattr(workers_module, "_Processes", refused)
    assert results(LISTS, None) == EXPECTED


def test_a_short_list_is_answered_before_the_next_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "processors", lambda: 2)
    read = []

    def trickling() -> Iterator[list[str]]:
        for text in "abc":
            read.append(text)
            yield [text]

    answers = in_order(trickling(), Workers(None, Upper), lambda item: item)
    assert next(answers) == (["a"], ["A!"])
    assert read == ["a"]


def test_what_a_thread_raises_is_raised_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "processors", lambda: 2)
    answers = in_order(iter([["x" * 30_000], ["bad", "x" * 30_000]]), Workers(None, Upper), lambda item: item)
    assert next(answers)[1] == ["X" * 30_000 + "!"]
    with pytest.raises(ValueError, match="bad"):
        next(answers)
