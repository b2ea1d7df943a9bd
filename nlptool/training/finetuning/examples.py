"""The labelled examples of tasks as token ids, and the batches of a training on one or several tasks.

An epoch of a task is all of its examples once, in batches of about equal length: the shuffled examples are sorted by length
within pools of many batches. Which examples share a batch, and which task has which turn, depend on the seed and the number of
the batch alone: a training that was interrupted goes on with the same batches.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nlptool.models.heads.task import Task
from nlptool.models.heads.tokenizer import ModelInput
from nlptool.models.runtime.batching import pack, pad

SAMPLINGS = {"proportional": 1.0, "sqrt": 0.5, "equal": 0.0}
"""How often a task has its turn: its number of examples to this power."""

IGNORED = -100
"""The target of a token that has none."""

_POOL = 64  # batches, within which examples are sorted by length
_DEV_TOKENS = 4096  # of a batch on the dev set


@dataclass(frozen=True, slots=True)
class Rows:
    """N examples of a task."""

    inputs: Sequence[tuple[ModelInput, ...]]  # one sequence each, the two texts of a pair by themselves, or choices
    targets: NDArray[Any]
    """(N,) class numbers or scores; (N, K), 1.0 where a label applies; (N, 2), the first and the last token of an answer; or
    what ``of_tokens`` makes."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Return the number of tokens of each example, (N,); of two sequences that of the longer one."""
        return np.array([max(len(row.ids) for row in example) for example in self.inputs], np.int64)

    def digest(self) -> bytes:
        """Return a digest of all of them."""
        targets = self.targets if self.targets.dtype == object else [self.targets]
        found = hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in targets))
        for example in self.inputs:
            for row in example:
                found.update(np.array([*row.ids, -1, *row.types, -2], np.int32).tobytes())
        return found.digest()


def of_tokens(targets: Sequence[NDArray[np.int64]]) -> NDArray[Any]:
    """Return targets of the tokens of N examples, (N,) of arrays (T,): a class number, or ``IGNORED`` where there is none."""
    found = np.empty(len(targets), object)
    found[:] = list(targets)
    return found


class Judge(Protocol):
    """Knows what the dev examples of a task were made of."""

    def scores(self, logits: Sequence[NDArray[np.float32]]) -> dict[str, float]:
        """Return the scores of logits, as ``Objective.scores``."""


@dataclass(frozen=True, slots=True)
class TaskData:
    """A task with its examples; ``dev`` may be empty."""

    task: Task
    train: Rows
    dev: Rows
    judge: Judge | None = None  # of a task whose scores need more than the targets of ``dev``


@dataclass(frozen=True, slots=True)
class Batch:
    """B examples of one task, each of one sequence or of C: R = C B sequences, the first ones before the second ones."""

    task: int  # its number
    ids: NDArray[np.int64]  # (R, T)
    mask: NDArray[np.int64]  # (R, T), 0 for padding
    types: NDArray[np.int64]  # (R, T), 1 for the second text of a sequence
    targets: NDArray[Any]  # (B,), (B, K), (B, 2), or (B, T) of tokens

    @property
    def n_tokens(self) -> int:
        """Return the number of tokens, without padding."""
        return int(self.mask.sum())


class Batches:
    """The batches of a training.

    Args:
        batch_size: examples of a batch.
        sampling: one of ``SAMPLINGS``.
        pad_id: the token id that stands for padding.
    """

    def __init__(self, tasks: Sequence[TaskData], *, batch_size: int, sampling: str, pad_id: int, seed: int) -> None:
        self._tasks = tasks
        self._batch_size = batch_size
        self._pad_id = pad_id
        self._seed = seed
        self._sizes = [-(-len(data.train.inputs) // batch_size) for data in tasks]  # batches of an epoch of each task
        self._turns = _turns([len(data.train.inputs) for data in tasks], sum(self._sizes), SAMPLINGS[sampling])
        self._lengths = [data.train.lengths for data in tasks]
        self._order: tuple[int, NDArray[np.int64], NDArray[np.int64]] | None = None  # of an epoch of all tasks
        self._examples: dict[int, tuple[int, list[NDArray[np.int64]]]] = {}  # task -> epoch of it, and its batches

    @property
    def n_batches(self) -> int:
        """Return the number of batches of an epoch of all tasks."""
        return sum(self._turns)

    def batches(self, first: int = 0) -> Iterator[Batch]:
        """Yield the batches of all epochs without end, from number ``first`` on."""
        while True:
            yield self.batch(first)
            first += 1

    def batch(self, number: int) -> Batch:
        """Return one batch, the same at every call."""
        epoch, place = divmod(number, self.n_batches)
        if self._order is None or self._order[0] != epoch:
            turns = np.repeat(np.arange(len(self._turns)), self._turns)
            turns = np.random.default_rng([self._seed, epoch, 0]).permutation(turns)
            before = np.zeros(len(turns), np.int64)  # earlier turns of the same task in this epoch
            for task in range(len(self._turns)):
                before[turns == task] = np.arange(self._turns[task])
            self._order = epoch, turns, before
        _, turns, before = self._order
        task = int(turns[place])
        return self._of_task(task, *divmod(epoch * self._turns[task] + int(before[place]), self._sizes[task]))

    def _of_task(self, task: int, epoch: int, number: int) -> Batch:
        if self._examples.get(task, (-1, []))[0] != epoch:
            self._examples[task] = epoch, self._split(task, epoch)
        return as_batch(self._tasks[task].train, self._examples[task][1][number], task, self._pad_id)

    def _split(self, task: int, epoch: int) -> list[NDArray[np.int64]]:
        """Return the examples of each batch of an epoch of a task."""
        rng = np.random.default_rng([self._seed, epoch, 1 + task])
        order = rng.permutation(len(self._lengths[task]))
        size = self._batch_size
        found: list[NDArray[np.int64]] = []
        for start in range(0, len(order), _POOL * size):
            pool = order[start : start + _POOL * size]
            pool = pool[np.argsort(self._lengths[task][pool], kind="stable")]
            found += [pool[first : first + size] for first in range(0, len(pool), size)]
        return [found[number] for number in rng.permutation(len(found))]


def _turns(sizes: Sequence[int], total: int, power: float) -> list[int]:
    """Share ``total`` turns among tasks of ``sizes`` examples, as sizes to a power are; each has one at least."""
    weights = [size**power for size in sizes]
    return [max(1, math.floor(total * weight / sum(weights) + 0.5)) for weight in weights]


def as_batch(rows: Rows, chosen: Sequence[int] | NDArray[np.int64], task: int, pad_id: int) -> Batch:
    """Return some examples of a task as a batch."""
    examples = [rows.inputs[index] for index in chosen]
    inputs = [row for side in zip(*examples, strict=True) for row in side]
    ids, mask = pad([row.ids for row in inputs], pad_id)
    types, _ = pad([row.types for row in inputs], 0)
    targets = rows.targets[np.asarray(chosen, np.int64)]
    if targets.dtype == object:
        targets, _ = pad(list(targets), IGNORED)
    return Batch(task, ids, mask, types, targets)


def in_order(rows: Rows, task: int, pad_id: int) -> Iterator[tuple[list[int], Batch]]:
    """Yield all examples of a task once, by length: their indices, and the batch."""
    for chosen in pack(rows.lengths.tolist(), _DEV_TOKENS):
        yield chosen, as_batch(rows, chosen, task, pad_id)


def name_of(tasks: Sequence[TaskData]) -> str:
    """Return a digest of all tasks and their examples."""
    found = hashlib.sha256()
    for data in tasks:
        found.update(repr(data.task).encode("utf-8", "surrogatepass"))
        found.update(data.train.digest() + data.dev.digest())
    return found.hexdigest()
