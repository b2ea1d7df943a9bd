"""The data of ``train chooser``: contexts with choices are read, a part is held out, and they become token ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nlptool.errors import RunError
from nlptool.models.heads.task import CHOICE, Task
from nlptool.records import choices
from nlptool.records.choices import Choices
from nlptool.records.pipe import Pipe
from nlptool.tasks.train.held_out import divided

if TYPE_CHECKING:
    from nlptool.models.heads.tokenizer import TextTokenizer
    from nlptool.training.finetuning.examples import Rows, TaskData


@dataclass(frozen=True, slots=True)
class ChooserExamples:
    """The examples of a training, all with the same number of choices."""

    n_choices: int
    train: list[Choices]
    dev: list[Choices]  # [] where none is held out

    @property
    def task(self) -> Task:
        return Task("", CHOICE, 2, (), "accuracy")

    def counts(self) -> dict[str, Any]:
        """Return the part of a manifest that counts the examples."""
        return {"n_choices": self.n_choices, "n_examples": len(self.train), "n_dev_examples": len(self.dev)}

    def as_ids(self, texts: TextTokenizer, pipe: Pipe) -> TaskData:
        """Return the examples as token ids, a sequence for each choice."""
        from nlptool.training.finetuning.examples import TaskData

        train, n_truncated = _rows(self.train, texts)
        dev, _ = _rows(self.dev, texts)
        if n_truncated:
            pipe.note(f"examples longer than --max-length {texts.max_length}, truncated: {n_truncated:,}")
        return TaskData(self.task, train, dev)


def read(pipe: Pipe, dev: float | str) -> ChooserExamples:
    """Read the examples of a pipe's input, and hold out a part of them.

    Args:
        dev: a share of the examples, those of one context together; or a file.

    Raises:
        RunError: there are no examples, or most records failed.
    """
    found = choices.read(pipe)
    pipe.refuse_failed("most records failed: these are no contexts with choices and a label, and nothing is trained")
    if not found:
        raise RunError("there are no examples to learn from")
    numbers = Counter(len(each.endings) for each in found)
    n_choices = numbers.most_common(1)[0][0]
    train = _of_number(pipe, found, n_choices, "examples")
    held_out: list[Choices] = []
    if isinstance(dev, str):
        with pipe.beside(dev) as beside:
            held_out = choices.read(beside)
            beside.refuse_failed(f"{dev}: most of its records are no contexts with choices and a label")
        held_out = _of_number(pipe, held_out, n_choices, "dev examples")
        if not held_out:
            raise RunError(f"{dev}: there are no examples with {n_choices} choices")
    elif dev:
        train, held_out = divided(
            train, dev, lambda each: each.context, stratum_of=lambda each: each.label, what="examples", note=pipe.note
        )
    if not train:
        raise RunError("no examples are left to learn from")
    pipe.note(f"examples of {n_choices} choices: {len(train):,}, to judge by: {len(held_out):,}")
    return ChooserExamples(n_choices, train, held_out)


def _of_number(pipe: Pipe, found: list[Choices], n_choices: int, what: str) -> list[Choices]:
    """Return the examples with the usual number of choices."""
    kept = [each for each in found if len(each.endings) == n_choices]
    if len(kept) < len(found):
        pipe.note(f"{what} with another number of choices than {n_choices}, left out: {len(found) - len(kept):,}")
    return kept


def _rows(found: Sequence[Choices], texts: TextTokenizer) -> tuple[Rows, int]:
    """Return examples as token ids, and how many of them are truncated."""
    from nlptool.training.finetuning.examples import Rows

    inputs, n_truncated = [], 0
    for each in found:
        tokenized = texts.read(each.pairs)
        inputs.append(tuple(text.chunks[0] for text in tokenized))
        n_truncated += any(text.truncated for text in tokenized)
    return Rows(inputs, np.array([each.label for each in found], np.int64)), n_truncated
