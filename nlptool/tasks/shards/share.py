"""A share of the shards: what one of several tasks does that write into one folder and do not know of each other.

Task i of n does the shards whose numbers leave i when they are divided by n. It writes what is done into a journal of its own, a
hidden file in the folder, so that no task changes what another one has written. ``manifest.jsonl`` lists from the beginning all
shards as to be done. A run without tasks takes over what the journals say, does what is missing, and removes them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from nlptool.errors import RunError

_TYPED = re.compile(r"(\d{1,9})/(\d{1,9})", re.ASCII)
_JOURNAL = re.compile(r"\.manifest-(\d+)-of-(\d+)\.jsonl")


@dataclass(frozen=True)
class Share:
    """What a task does.

    Attributes:
        task: its number, from 0.
        n_tasks: how many there are.
    """

    task: int
    n_tasks: int

    def has(self, number: int) -> bool:
        """Return whether a shard is one of this task."""
        return number % self.n_tasks == self.task

    @property
    def journal(self) -> str:
        """The file that says what this task has done."""
        return f".manifest-{self.task}-of-{self.n_tasks}.jsonl"

    @property
    def work(self) -> str:
        """The ending of the name of the folder for what this task has not finished."""
        return f"-{self.task}-of-{self.n_tasks}"

    def __str__(self) -> str:
        return f"{self.task}/{self.n_tasks}"


def parse(text: str) -> Share:
    """Return the share that is written as I/N.

    Raises:
        ValueError: there is none.
    """
    found = _TYPED.fullmatch(text)
    if not found or not int(found[2]):
        raise ValueError(f"{text!r} is not I/N: task I of N tasks, such as 0/16")
    task, n_tasks = int(found[1]), int(found[2])
    if task >= n_tasks:
        raise ValueError(f"tasks are numbered from 0: the last of {n_tasks} is {n_tasks - 1}/{n_tasks}")
    return Share(task, n_tasks)


def journals_in(names: Iterable[str], share: Share | None, folder: str) -> list[str]:
    """Return which files of a folder say what tasks have done: those of all tasks, or that of one.

    Raises:
        RunError: there are those of another number of tasks, whose shards are others.
    """
    found = {name: int(match[2]) for name in names if (match := _JOURNAL.fullmatch(name))}
    if share is None:
        return sorted(found)
    for n_tasks in sorted(set(found.values()) - {share.n_tasks}):
        raise RunError(
            f"{folder} holds what some of {n_tasks} tasks have done, and --task {share} is one of {share.n_tasks}",
            hint="nlptool shards run without --task takes it over, and does what is missing",
        )
    return [name for name in sorted(found) if name == share.journal]
