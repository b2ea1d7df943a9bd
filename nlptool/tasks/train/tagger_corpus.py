"""The data of ``train tagger``: tagged sentences are read, brought into one scheme, and a part is held out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nlptool.errors import RunError
from nlptool.models.heads.task import TAGS, Task
from nlptool.models.taggers.detection import PLAIN
from nlptool.models.taggers.schemes import spans_of, tags_of
from nlptool.models.taggers.words import words_of
from nlptool.records import tagged
from nlptool.records.pipe import Pipe
from nlptool.records.tagged_names import Layout
from nlptool.records.tagged_sentence import Sentence
from nlptool.tasks.train.held_out import divided
from nlptool.tasks.train.tagged_words import Example, TaggedWords, tagged_words
from nlptool.text.spans import Span

if TYPE_CHECKING:
    from nlptool.models.taggers.pieces import WordPieces
    from nlptool.training.finetuning.examples import Rows, TaskData

_SHOWN = 5  # labels in a message


@dataclass(frozen=True, slots=True)
class TagFile:
    """What the options say of a task."""

    name: str = ""  # "" of a training on one task without a name
    path: str | None = None  # None: the input of the command
    column: str | None = None  # of the tags
    words: str | None = None  # column of the words
    source_scheme: str | None = None  # of the tags as they are; None: found out
    dev: str | float = 0.1  # the held-out sentences: a share, or a file


@dataclass(frozen=True, slots=True)
class TaggedTask:
    """A task with its sentences."""

    task: Task
    labels: tuple[str, ...]  # of entities, or the tags themselves
    train: list[Example]
    dev: list[Example]  # [] where none is held out

    def counts(self) -> dict[str, Any]:
        """Return the part of a manifest that counts the sentences."""
        found: dict[str, Any] = {"n_examples": len(self.train), "n_dev_examples": len(self.dev)}
        return found | {"n_examples_of_label": dict(sorted(_counts(self.train, self.task.scheme).items()))}

    def as_ids(self, pieces: WordPieces) -> TaskData:
        """Return the sentences as token ids, each window of them as an example."""
        from nlptool.training.finetuning.examples import TaskData

        return TaskData(self.task, self._rows(self.train, pieces), self._rows(self.dev, pieces))

    def _rows(self, examples: Sequence[Example], pieces: WordPieces) -> Rows:
        from nlptool.models.heads.tokenizer import ModelInput
        from nlptool.training.finetuning.examples import IGNORED, Rows, of_tokens

        numbers = {tag: number for number, tag in enumerate(self.task.labels)}
        inputs, targets = [], []
        for example in examples:
            for window in pieces.windows(example.text, example.words):
                of_window = np.full(len(window.ids), IGNORED, np.int64)
                end = window.first_word + len(window.first_pieces)
                of_window[window.first_pieces] = [numbers[tag] for tag in example.tags[window.first_word : end]]
                inputs.append((ModelInput(window.ids, window.types),))
                targets.append(of_window)
        return Rows(inputs, of_tokens(targets))


def read(pipe: Pipe, files: Sequence[TagFile], *, scheme: str) -> list[TaggedTask]:
    """Read the sentences of every task, those of ``pipe`` for one without a file, and hold out a part of each.

    Args:
        scheme: of the tags that are learned, where they mark entities.

    Raises:
        RunError: there are too few sentences, one tag alone, or most records failed.
    """
    return [_task(pipe, file, scheme) for file in files]


def _task(pipe: Pipe, file: TagFile, scheme: str) -> TaggedTask:
    where = f"task {file.name}: " if file.name else ""

    def note(message: str) -> None:
        pipe.note(f"{where}{message}")

    found = _words(_sentences(pipe, file, file.path), file, scheme, note)
    dev: list[Example] = []
    if isinstance(file.dev, str):
        of_dev = _words(_sentences(pipe, file, file.dev), file, scheme, note)
        if (of_dev.scheme == PLAIN) != (found.scheme == PLAIN):
            raise RunError(f"{where}the tags of {file.dev} are of another kind than those of the training")
        train, dev = found.examples, of_dev.examples
    else:
        train, dev = divided(found.examples, file.dev, lambda each: each.text, what="sentences", note=note)
    if not train:
        raise RunError(f"{where}no sentences are left to learn from")
    labels = tuple(sorted(_counts(train, found.scheme)))
    if len(labels) < (2 if found.scheme == PLAIN else 1):
        what = "one tag alone" if labels else "no entities"
        raise RunError(
            f"{where}the sentences have {what}: there is nothing to learn", hint="--column NAME names the tags"
        )
    known = [example for example in dev if set(_counts([example], found.scheme)) <= {*labels}]
    if len(known) < len(dev):
        note(f"dev sentences with labels that the training does not have, left out: {len(dev) - len(known):,}")
    if dev and not known:
        raise RunError(f"{where}no dev sentence has labels of the training alone")
    is_plain = found.scheme == PLAIN
    tags = labels if is_plain else _tags(labels, scheme)
    task = Task(file.name, TAGS, 1, tags, "accuracy" if is_plain else "f1", found.scheme)
    note(
        f"sentences: {len(train):,}, to judge by: {len(known):,}; {'tags' if is_plain else 'labels'}: {_shown(labels)}"
    )
    return TaggedTask(task, labels, train, known)


def _sentences(pipe: Pipe, file: TagFile, path: str | None) -> list[Sentence]:
    layout = Layout(file.column, words=file.words)
    if path is None:
        found = tagged.read(pipe, layout)
        pipe.refuse_failed("most records failed: these are no tagged sentences, and nothing is trained")
        return found.good
    with pipe.beside(path) as beside:
        found = tagged.read(beside, layout)
        beside.refuse_failed(f"{path}: most of its records are no tagged sentences")
    return found.good


def _words(sentences: list[Sentence], file: TagFile, scheme: str, note: Callable[[str], None]) -> TaggedWords:
    return tagged_words(sentences, words_of, scheme=scheme, source_scheme=file.source_scheme, note=note)


def _counts(examples: Sequence[Example], scheme: str) -> Counter[str]:
    """Return how often each label occurs: entities, or words of each tag."""
    if scheme == PLAIN:
        return Counter(tag for each in examples for tag in each.tags)
    return Counter(span.label for each in examples for span in spans_of(each.tags))


def _tags(labels: Sequence[str], scheme: str) -> tuple[str, ...]:
    """Return all tags of a scheme for these labels, O first."""
    found = dict.fromkeys(["O"])
    for label in labels:
        found |= dict.fromkeys(tags_of([Span(0, 1, label), Span(1, 4, label)], 4, scheme))
    return tuple(found)


def _shown(names: Sequence[str]) -> str:
    more = f" … ({len(names):,})" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
